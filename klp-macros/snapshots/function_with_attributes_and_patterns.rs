// SPDX-License-Identifier: GPL-2.0-only

/// Adds.
#[allow(unused_mut)]
#[cold]
unsafe extern "C" fn sum(
    __klp_arg0: <u32 as ::klp::abi::CAbi>::C,
    __klp_arg1: <() as ::klp::abi::CAbi>::C,
    __klp_arg2: <Option<&'_ Task> as ::klp::abi::CAbi>::C,
    __klp_arg3: <u32 as ::klp::abi::CAbi>::C,
) -> <u32 as ::klp::abi::CAbi>::C {
    #[must_use]
    #[inline(always)]
    fn sum(
        mut first: u32,
        (): (),
        _: Option<&'_ Task>,
        #[allow(unused)]
        rest @ _: u32,
    ) -> u32 {
        first + rest
    }
    let __klp_call = ::klp::abi::Call::new();
    let __klp_result = <<u32 as ::klp::abi::CAbi>::C as ::klp::abi::Answer<
        u32,
    >>::answer(
        sum(
            unsafe { ::klp::abi::Argument::<u32>::argument(__klp_arg0, &__klp_call) },
            unsafe { ::klp::abi::Argument::<()>::argument(__klp_arg1, &__klp_call) },
            unsafe {
                ::klp::abi::Argument::<
                    Option<&'_ Task>,
                >::argument(__klp_arg2, &__klp_call)
            },
            unsafe { ::klp::abi::Argument::<u32>::argument(__klp_arg3, &__klp_call) },
        ),
    );
    ::klp::abi::stay_on_stack();
    __klp_result
}
#[doc(hidden)]
pub(crate) mod __livepatch {
    static FUNCS_0: ::klp::table::Table<::klp::table::Func, 2usize> = ::klp::table::Table::new([
        unsafe { ::klp::table::Func::new(c"sum", super::sum as *const (), 0) },
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
            name: "sum",
            sympos: 0,
            calls: &[],
        },
    ];
    const _: ::klp::symbols::Objects = OBJECTS;
    const _: &[::klp::symbols::Replacement] = REPLACEMENTS;
}
::klp::__private::module! {
    type : __livepatch::Module, name : "in_the_build", description : "A fix", license :
    "GPL",
}
