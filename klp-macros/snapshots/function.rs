// SPDX-License-Identifier: GPL-2.0-only

unsafe extern "C" fn livepatch_cmdline_proc_show(
    __klp_arg0: <&SeqFile as ::klp::abi::CAbi>::C,
    __klp_arg1: <*mut c_void as ::klp::abi::CAbi>::C,
) -> <Result as ::klp::abi::CAbi>::C {
    #[inline(always)]
    fn livepatch_cmdline_proc_show(m: &SeqFile, _v: *mut c_void) -> Result {
        seq_print!(m, "this has been live patched\n");
        Ok(())
    }
    let __klp_call = ::klp::abi::Call::new();
    let __klp_result = <<Result as ::klp::abi::CAbi>::C as ::klp::abi::Answer<
        Result,
    >>::answer(
        livepatch_cmdline_proc_show(
            unsafe {
                ::klp::abi::Argument::<&SeqFile>::argument(__klp_arg0, &__klp_call)
            },
            unsafe {
                ::klp::abi::Argument::<*mut c_void>::argument(__klp_arg1, &__klp_call)
            },
        ),
    );
    ::klp::abi::stay_on_stack();
    __klp_result
}
#[doc(hidden)]
pub(crate) mod __livepatch {
    static FUNCS_0: ::klp::table::Table<::klp::table::Func, 2usize> = ::klp::table::Table::new([
        unsafe {
            ::klp::table::Func::new(
                c"cmdline_proc_show",
                super::livepatch_cmdline_proc_show as *const (),
                0,
            )
        },
        ::klp::table::Func::END,
    ]);
    static OBJECTS: ::klp::table::Table<::klp::table::Object, 2usize> = ::klp::table::Table::new([
        ::klp::table::Object::new(::core::option::Option::None, &FUNCS_0),
        ::klp::table::Object::END,
    ]);
    static PATCH: ::klp::table::Patch = ::klp::table::Patch::new(&OBJECTS, false);
    ::klp::__private::livepatch_modinfo!();
    pub(crate) struct Module;
    impl ::klp::__private::Module for Module {
        fn init(
            _: &'static ::klp::__private::ThisModule,
        ) -> ::klp::__private::Result<Self> {
            static ONCE: ::klp::table::Once = ::klp::table::Once::new();
            ONCE.begin()?;
            ::klp::symbols::linked()?;
            unsafe { PATCH.enable() }?;
            ::core::result::Result::Ok(Module)
        }
    }
}
#[doc(hidden)]
mod one_livepatch_per_module__put_several_functions_into_a_mod_with_the_attribute {
    pub(crate) const OBJECTS: ::klp::symbols::Objects = ::klp::symbols::Objects(
        &["vmlinux"],
    );
    pub(crate) const REPLACEMENTS: &[::klp::symbols::Replacement] = &[
        ::klp::symbols::Replacement {
            object: "vmlinux",
            name: "cmdline_proc_show",
            sympos: 0,
            calls: &["Ok"],
        },
    ];
    const _: ::klp::symbols::Objects = OBJECTS;
    const _: &[::klp::symbols::Replacement] = REPLACEMENTS;
}
::klp::__private::module! {
    type : __livepatch::Module, name : "in_the_build", description : "Livepatch sample",
    license : "GPL",
}
