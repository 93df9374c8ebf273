// SPDX-License-Identifier: GPL-2.0-only

mod checks {
    use klp::prelude::*;
    static LEVEL: State<u32> = unsafe {
        ::klp::State::new(
            __LIVEPATCH_STATES.entry(0),
            ::core::concat!(::core::module_path!(), "::LEVEL"),
            <State<u32> as ::klp::persistent::Typed>::FINGERPRINT,
        )
    };
    unsafe extern "C" fn first() -> <() as ::klp::abi::CAbi>::C {
        ::klp::__private::in_kernel! {
            #[allow(improper_ctypes)] unsafe extern "C" { #[link_name =
            "__klp_original.ext4.first.0"] fn __klp_original() -> < () as
            ::klp::abi::CAbi > ::C; }
        }
        ::klp::__private::on_host! {
            #[allow(improper_ctypes_definitions)] unsafe extern "C" fn __klp_original()
            -> < () as ::klp::abi::CAbi > ::C { ::klp::symbols::only_in_a_kernel() }
        }
        #[inline(always)]
        fn first(__klp_call: &::klp::abi::Call) {
            #[allow(unused_variables)]
            let original = || -> () {
                let _: &::klp::abi::Call = __klp_call;
                unsafe {
                    <() as ::klp::abi::FromOriginal>::from_original(__klp_original())
                }
            };
            { original() }
        }
        let __klp_call = ::klp::abi::Call::new();
        let __klp_result = <<() as ::klp::abi::CAbi>::C as ::klp::abi::Answer<
            (),
        >>::answer(first(&__klp_call));
        ::klp::abi::stay_on_stack();
        __klp_result
    }
    unsafe extern "C" fn second(
        __klp_arg0: <usize as ::klp::abi::CAbi>::C,
    ) -> <Result<usize> as ::klp::abi::CAbi>::C {
        ::klp::__private::in_kernel! {
            #[allow(improper_ctypes)] unsafe extern "C" { #[link_name =
            "__klp_original.ext4.second.2"] fn __klp_original(argument_0 : < usize as
            ::klp::abi::CAbi > ::C) -> < Result < usize > as ::klp::abi::CAbi > ::C; }
        }
        ::klp::__private::on_host! {
            #[allow(improper_ctypes_definitions)] unsafe extern "C" fn __klp_original(_ :
            < usize as ::klp::abi::CAbi > ::C) -> < Result < usize > as ::klp::abi::CAbi
            > ::C { ::klp::symbols::only_in_a_kernel() }
        }
        #[inline(always)]
        fn second(__klp_call: &::klp::abi::Call, size: usize) -> Result<usize> {
            #[allow(unused_variables)]
            let original = |argument_0: usize| -> Result<usize> {
                let _: &::klp::abi::Call = __klp_call;
                unsafe {
                    <Result<
                        usize,
                    > as ::klp::abi::FromOriginal>::from_original(
                        __klp_original(
                            <usize as ::klp::abi::ToOriginal>::to_original(argument_0),
                        ),
                    )
                }
            };
            { Some(size.min(4096)).map(original).ok_or(EINVAL)? }
        }
        let __klp_call = ::klp::abi::Call::new();
        let __klp_result = <<Result<
            usize,
        > as ::klp::abi::CAbi>::C as ::klp::abi::Answer<
            Result<usize>,
        >>::answer(
            second(
                &__klp_call,
                unsafe {
                    ::klp::abi::Argument::<usize>::argument(__klp_arg0, &__klp_call)
                },
            ),
        );
        ::klp::abi::stay_on_stack();
        __klp_result
    }
    unsafe extern "C" fn third() -> <() as ::klp::abi::CAbi>::C {
        #[inline(always)]
        fn third() {}
        let __klp_call = ::klp::abi::Call::new();
        let __klp_result = <<() as ::klp::abi::CAbi>::C as ::klp::abi::Answer<
            (),
        >>::answer(third());
        ::klp::abi::stay_on_stack();
        __klp_result
    }
    fn before(object: &klp::Object) -> Result {
        Ok(())
    }
    #[doc(hidden)]
    static __LIVEPATCH_STATES: ::klp::state::States<1usize> = {
        static FINGERPRINTS: ::klp::state::Fingerprints<1usize> = ::klp::state::Fingerprints::new(
            &__livepatch::PATCH,
            [<State<u32> as ::klp::persistent::Typed>::FINGERPRINT],
        );
        ::klp::state::States::new([::klp::state::Entry::new(5, 2)], &FINGERPRINTS)
    };
    #[doc(hidden)]
    pub(crate) mod __livepatch {
        static FUNCS_0: ::klp::table::Table<::klp::table::Func, 4usize> = ::klp::table::Table::new([
            unsafe { ::klp::table::Func::new(c"first", super::first as *const (), 0) },
            unsafe { ::klp::table::Func::new(c"second", super::second as *const (), 2) },
            unsafe { ::klp::table::Func::new(c"third", super::third as *const (), 0) },
            ::klp::table::Func::END,
        ]);
        ::klp::__private::livepatch_originals! {
            "__klp_unlinked_text: .asciz \"\\0013klp: klp_macros: not linked, so it cannot find what it uses of the kernel: run `cargo klp link` on the module's file, then load it again\\n\""
            ".weak \".klp.sym.ext4.first,0\""
            ".set \"__klp_entry.ext4.first.0\", \".klp.sym.ext4.first,0\""
            ".weak \".klp.sym.ext4.second,2\""
            ".set \"__klp_entry.ext4.second.2\", \".klp.sym.ext4.second,2\"";
            "__klp_original.ext4.first.0" ".klp.sym.ext4.first,0"
            "__klp_longer.ext4.first.0"; "__klp_original.ext4.second.2"
            ".klp.sym.ext4.second,2" "__klp_longer.ext4.second.2";
        }
        static ORIGINALS_0: ::klp::original::Originals = ::klp::original::Originals {
            object: ::core::option::Option::Some(c"ext4"),
            functions: &[
                unsafe {
                    ::klp::original::Original::new(
                        c"first",
                        0,
                        {
                            ::klp::__private::in_kernel! {
                                unsafe extern "C" { #[link_name =
                                "__klp_entry.ext4.first.0"] static PLACE : u8; }
                            }
                            ::klp::__private::on_host! {
                                static PLACE : u8 = 0;
                            }
                            &raw const PLACE
                        },
                        ::klp::original::Entry::Found(
                            {
                                ::klp::__private::in_kernel! {
                                    unsafe extern "C" { #[link_name =
                                    "__klp_longer.ext4.first.0"] static PLACE : u8; }
                                }
                                ::klp::__private::on_host! {
                                    static PLACE : u8 = 0;
                                }
                                &raw const PLACE
                            }
                                .cast_mut(),
                        ),
                    )
                },
                unsafe {
                    ::klp::original::Original::new(
                        c"second",
                        2,
                        {
                            ::klp::__private::in_kernel! {
                                unsafe extern "C" { #[link_name =
                                "__klp_entry.ext4.second.2"] static PLACE : u8; }
                            }
                            ::klp::__private::on_host! {
                                static PLACE : u8 = 0;
                            }
                            &raw const PLACE
                        },
                        ::klp::original::Entry::Found(
                            {
                                ::klp::__private::in_kernel! {
                                    unsafe extern "C" { #[link_name =
                                    "__klp_longer.ext4.second.2"] static PLACE : u8; }
                                }
                                ::klp::__private::on_host! {
                                    static PLACE : u8 = 0;
                                }
                                &raw const PLACE
                            }
                                .cast_mut(),
                        ),
                    )
                },
            ],
        };
        /// # Safety
        ///
        /// No function of this patch runs.
        unsafe fn release_states() {
            unsafe {
                super::LEVEL.release();
            }
        }
        unsafe extern "C" fn pre_patch_0(
            object: *mut ::klp::bindings::klp_object,
        ) -> ::core::ffi::c_int {
            unsafe {
                let result = match ::klp::original::check(
                    &PATCH,
                    "in_the_build",
                    &ORIGINALS_0,
                ) {
                    0 => ::klp::callbacks::pre_patch(object, super::before),
                    errno => errno,
                };
                if result != 0 {
                    release_states();
                }
                result
            }
        }
        unsafe extern "C" fn post_unpatch_0(object: *mut ::klp::bindings::klp_object) {
            unsafe {
                ::klp::callbacks::unpatched(
                    object,
                    &PATCH,
                    |_| {
                        release_states();
                    },
                );
            }
        }
        static OBJECTS: ::klp::table::Table<::klp::table::Object, 2usize> = ::klp::table::Table::new([
            ::klp::table::Object::new(::core::option::Option::Some(c"ext4"), &FUNCS_0)
                .with_callbacks(::klp::table::Callbacks {
                    pre_patch: ::core::option::Option::Some(pre_patch_0),
                    post_unpatch: ::core::option::Option::Some(post_unpatch_0),
                    ..::klp::table::Callbacks::NONE
                }),
            ::klp::table::Object::END,
        ]);
        pub(super) static PATCH: ::klp::table::Patch = ::klp::table::Patch::new(
                &OBJECTS,
                false,
            )
            .with_states(&super::__LIVEPATCH_STATES);
        ::klp::__private::livepatch_modinfo!();
        pub(crate) struct Module;
        impl ::klp::__private::Module for Module {
            fn init(
                _: &'static ::klp::__private::ThisModule,
            ) -> ::klp::__private::Result<Self> {
                static ONCE: ::klp::table::Once = ::klp::table::Once::new();
                ONCE.begin()?;
                ::klp::symbols::linked()?;
                ::klp::original::admit(&PATCH, "in_the_build", &[&ORIGINALS_0])?;
                unsafe { PATCH.enable() }?;
                ::core::result::Result::Ok(Module)
            }
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
            name: "first",
            sympos: 0,
            calls: &["original"],
        },
        ::klp::symbols::Replacement {
            object: "ext4",
            name: "second",
            sympos: 2,
            calls: &["Some"],
        },
        ::klp::symbols::Replacement {
            object: "ext4",
            name: "third",
            sympos: 0,
            calls: &[],
        },
    ];
    const _: ::klp::symbols::Objects = OBJECTS;
    const _: &[::klp::symbols::Replacement] = REPLACEMENTS;
}
::klp::__private::module! {
    type : checks::__livepatch::Module, name : "in_the_build", description : "Checks",
    license : "GPL",
}
