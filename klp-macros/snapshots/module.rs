// SPDX-License-Identifier: GPL-2.0-only

mod fixes {
    use klp::prelude::*;
    unsafe extern "C" fn attr_show(
        __klp_arg0: <*mut u8 as ::klp::abi::CAbi>::C,
    ) -> <Result<usize> as ::klp::abi::CAbi>::C {
        #[inline(always)]
        fn attr_show(buffer: *mut u8) -> Result<usize> {
            Ok(0)
        }
        let __klp_call = ::klp::abi::Call::new();
        let __klp_result = <<Result<
            usize,
        > as ::klp::abi::CAbi>::C as ::klp::abi::Answer<
            Result<usize>,
        >>::answer(
            attr_show(unsafe {
                ::klp::abi::Argument::<*mut u8>::argument(__klp_arg0, &__klp_call)
            }),
        );
        ::klp::abi::stay_on_stack();
        __klp_result
    }
    unsafe extern "C" fn cmdline(
        __klp_arg0: <&SeqFile as ::klp::abi::CAbi>::C,
        __klp_arg1: <*mut c_void as ::klp::abi::CAbi>::C,
    ) -> <Result as ::klp::abi::CAbi>::C {
        #[inline(always)]
        fn cmdline(m: &SeqFile, _v: *mut c_void) -> Result {
            Ok(())
        }
        let __klp_call = ::klp::abi::Call::new();
        let __klp_result = <<Result as ::klp::abi::CAbi>::C as ::klp::abi::Answer<
            Result,
        >>::answer(
            cmdline(
                unsafe {
                    ::klp::abi::Argument::<&SeqFile>::argument(__klp_arg0, &__klp_call)
                },
                unsafe {
                    ::klp::abi::Argument::<
                        *mut c_void,
                    >::argument(__klp_arg1, &__klp_call)
                },
            ),
        );
        ::klp::abi::stay_on_stack();
        __klp_result
    }
    unsafe extern "C" fn second_show() -> <() as ::klp::abi::CAbi>::C {
        #[inline(always)]
        fn second_show() {}
        let __klp_call = ::klp::abi::Call::new();
        let __klp_result = <<() as ::klp::abi::CAbi>::C as ::klp::abi::Answer<
            (),
        >>::answer(second_show());
        ::klp::abi::stay_on_stack();
        __klp_result
    }
    unsafe extern "C" fn first_show() -> <() as ::klp::abi::CAbi>::C {
        #[inline(always)]
        fn first_show() {}
        let __klp_call = ::klp::abi::Call::new();
        let __klp_result = <<() as ::klp::abi::CAbi>::C as ::klp::abi::Answer<
            (),
        >>::answer(first_show());
        ::klp::abi::stay_on_stack();
        __klp_result
    }
    #[doc(hidden)]
    pub(crate) mod __livepatch {
        static FUNCS_0: ::klp::table::Table<::klp::table::Func, 4usize> = ::klp::table::Table::new([
            unsafe {
                ::klp::table::Func::new(
                    c"ext4_attr_show",
                    super::attr_show as *const (),
                    0,
                )
            },
            unsafe {
                ::klp::table::Func::new(c"show", super::second_show as *const (), 2)
            },
            unsafe {
                ::klp::table::Func::new(c"show", super::first_show as *const (), 1)
            },
            ::klp::table::Func::END,
        ]);
        static FUNCS_1: ::klp::table::Table<::klp::table::Func, 2usize> = ::klp::table::Table::new([
            unsafe {
                ::klp::table::Func::new(
                    c"cmdline_proc_show",
                    super::cmdline as *const (),
                    0,
                )
            },
            ::klp::table::Func::END,
        ]);
        static OBJECTS: ::klp::table::Table<::klp::table::Object, 3usize> = ::klp::table::Table::new([
            ::klp::table::Object::new(::core::option::Option::Some(c"ext4"), &FUNCS_0),
            ::klp::table::Object::new(::core::option::Option::None, &FUNCS_1),
            ::klp::table::Object::END,
        ]);
        static PATCH: ::klp::table::Patch = ::klp::table::Patch::new(&OBJECTS, true);
        ::klp::__private::livepatch_modinfo!();
        ::klp::__private::livepatch_modinfo!(12 b"version=1.2\0");
        ::klp::__private::livepatch_modinfo!(20 b"fixes=CVE-2024-1234\0");
        ::klp::__private::livepatch_modinfo!(20 b"fixes=CVE-2024-5678\0");
        ::klp::__private::livepatch_modinfo!(30 b"url=https://example.org/fixes\0");
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
}
#[doc(hidden)]
mod one_livepatch_per_module__put_several_functions_into_a_mod_with_the_attribute {
    pub(crate) const OBJECTS: ::klp::symbols::Objects = ::klp::symbols::Objects(
        &["ext4", "vmlinux"],
    );
    pub(crate) const REPLACEMENTS: &[::klp::symbols::Replacement] = &[
        ::klp::symbols::Replacement {
            object: "ext4",
            name: "ext4_attr_show",
            sympos: 0,
            calls: &["Ok"],
        },
        ::klp::symbols::Replacement {
            object: "ext4",
            name: "show",
            sympos: 2,
            calls: &[],
        },
        ::klp::symbols::Replacement {
            object: "ext4",
            name: "show",
            sympos: 1,
            calls: &[],
        },
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
    type : fixes::__livepatch::Module, name : "in_the_build", authors : ["Jane Doe"],
    description : "Several fixes", license : "GPL",
}
