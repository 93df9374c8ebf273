// SPDX-License-Identifier: GPL-2.0-only

unsafe extern "C" fn r#type() -> <() as ::klp::abi::CAbi>::C {
    #[inline(always)]
    fn r#type() {}
    let __klp_call = ::klp::abi::Call::new();
    let __klp_result = <<() as ::klp::abi::CAbi>::C as ::klp::abi::Answer<
        (),
    >>::answer(r#type());
    ::klp::abi::stay_on_stack();
    __klp_result
}
#[doc(hidden)]
pub(crate) mod __livepatch {
    static FUNCS_0: ::klp::table::Table<::klp::table::Func, 2usize> = ::klp::table::Table::new([
        unsafe { ::klp::table::Func::new(c"show", super::r#type as *const (), 2) },
        ::klp::table::Func::END,
    ]);
    static OBJECTS: ::klp::table::Table<::klp::table::Object, 2usize> = ::klp::table::Table::new([
        ::klp::table::Object::new(::core::option::Option::Some(c"ext4"), &FUNCS_0),
        ::klp::table::Object::END,
    ]);
    static PATCH: ::klp::table::Patch = ::klp::table::Patch::new(&OBJECTS, true);
    ::klp::__private::livepatch_modinfo!();
    ::klp::__private::livepatch_modinfo!(14 b"klp_replace=Y\0");
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
        &["ext4"],
    );
    pub(crate) const REPLACEMENTS: &[::klp::symbols::Replacement] = &[
        ::klp::symbols::Replacement {
            object: "ext4",
            name: "show",
            sympos: 2,
            calls: &[],
        },
    ];
    const _: ::klp::symbols::Objects = OBJECTS;
    const _: &[::klp::symbols::Replacement] = REPLACEMENTS;
}
::klp::__private::module! {
    type : __livepatch::Module, name : "my_fix", authors :
    ["Jane Doe <jane@example.org>", "John Doe"], description : "A fix", license :
    "Dual MIT/GPL",
}
