// SPDX-License-Identifier: GPL-2.0-only

/// Fixes.
#[allow(dead_code)]
pub mod fixes {
    //! All of them.
    #![deny(unsafe_code)]
    use klp::prelude::*;
    const NUMBER: usize = { 1 + 1 };
    struct Shared<'a, T: Copy>(&'a [T; NUMBER]);
    impl<T: Copy> Shared<'_, T> {
        const fn new() -> Self {
            todo!()
        }
    }
    macro_rules! shared {
        ($e:expr) => {
            $e
        };
    }
    shared! {
        fn made() {}
    }
    async unsafe fn unusual<T>(value: T) -> impl Copy
    where
        T: Copy,
    {
        value
    }
    mod inner {
        pub(super) fn helper() {}
    }
    unsafe extern "C" fn show() -> <() as ::klp::abi::CAbi>::C {
        #[inline(always)]
        fn show() {
            inner::helper();
        }
        let __klp_call = ::klp::abi::Call::new();
        let __klp_result = <<() as ::klp::abi::CAbi>::C as ::klp::abi::Answer<
            (),
        >>::answer(show());
        ::klp::abi::stay_on_stack();
        __klp_result
    }
    #[doc(hidden)]
    pub(crate) mod __livepatch {
        static FUNCS_0: ::klp::table::Table<::klp::table::Func, 2usize> = ::klp::table::Table::new([
            unsafe { ::klp::table::Func::new(c"show", super::show as *const (), 0) },
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
}
#[doc(hidden)]
mod one_livepatch_per_module__put_several_functions_into_a_mod_with_the_attribute {
    pub(crate) const OBJECTS: ::klp::symbols::Objects = ::klp::symbols::Objects(
        &["vmlinux"],
    );
    pub(crate) const REPLACEMENTS: &[::klp::symbols::Replacement] = &[
        ::klp::symbols::Replacement {
            object: "vmlinux",
            name: "show",
            sympos: 0,
            calls: &["helper"],
        },
    ];
    const _: ::klp::symbols::Objects = OBJECTS;
    const _: &[::klp::symbols::Replacement] = REPLACEMENTS;
}
::klp::__private::module! {
    type : fixes::__livepatch::Module, name : "in_the_build", description : "A fix",
    license : "GPL",
}
