// SPDX-License-Identifier: GPL-2.0-only

mod fixes {
    use klp::prelude::*;
    /// How often.
    pub(super) static USES: Shadow<Task, u32> = {
        unsafe extern "C" fn collect(
            _: *mut ::core::ffi::c_void,
            data: *mut ::core::ffi::c_void,
        ) {
            unsafe { USES.collect(data) }
        }
        unsafe {
            ::klp::Shadow::new(
                1,
                ::core::concat!(::core::module_path!(), "::USES"),
                <Shadow<Task, u32> as ::klp::persistent::Typed>::FINGERPRINT,
                collect,
            )
        }
    };
    static LEVEL: State<u32> = unsafe {
        ::klp::State::new(
            __LIVEPATCH_STATES.entry(0),
            ::core::concat!(::core::module_path!(), "::LEVEL"),
            <State<u32> as ::klp::persistent::Typed>::FINGERPRINT,
        )
    };
    unsafe extern "C" fn show() -> <() as ::klp::abi::CAbi>::C {
        #[inline(always)]
        fn show() {}
        let __klp_call = ::klp::abi::Call::new();
        let __klp_result = <<() as ::klp::abi::CAbi>::C as ::klp::abi::Answer<
            (),
        >>::answer(show());
        ::klp::abi::stay_on_stack();
        __klp_result
    }
    fn before(object: &klp::Object) -> Result {
        Ok(())
    }
    fn after(unpatched: &klp::Unpatched) {}
    fn ext4(object: &klp::Object) {}
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
        static FUNCS_0: ::klp::table::Table<::klp::table::Func, 2usize> = ::klp::table::Table::new([
            unsafe { ::klp::table::Func::new(c"show", super::show as *const (), 0) },
            ::klp::table::Func::END,
        ]);
        static FUNCS_1: ::klp::table::Table<::klp::table::Func, 1usize> = ::klp::table::Table::new([
            ::klp::table::Func::END,
        ]);
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
                let result = ::klp::callbacks::pre_patch(object, super::before);
                if result != 0 {
                    release_states();
                }
                result
            }
        }
        unsafe extern "C" fn post_patch_0(object: *mut ::klp::bindings::klp_object) {
            unsafe {
                ::klp::callbacks::notify(
                    object,
                    |object| {
                        super::LEVEL.release_previous(object);
                    },
                );
            }
        }
        unsafe extern "C" fn post_unpatch_0(object: *mut ::klp::bindings::klp_object) {
            unsafe {
                ::klp::callbacks::unpatched(
                    object,
                    &PATCH,
                    |unpatched| {
                        super::after(unpatched);
                        release_states();
                    },
                );
            }
        }
        unsafe extern "C" fn post_patch_1(object: *mut ::klp::bindings::klp_object) {
            unsafe {
                ::klp::callbacks::notify(
                    object,
                    |object| {
                        super::LEVEL.release_previous(object);
                    },
                );
            }
        }
        unsafe extern "C" fn pre_unpatch_1(object: *mut ::klp::bindings::klp_object) {
            unsafe {
                ::klp::callbacks::notify(object, super::ext4);
            }
        }
        static OBJECTS: ::klp::table::Table<::klp::table::Object, 3usize> = ::klp::table::Table::new([
            ::klp::table::Object::new(::core::option::Option::None, &FUNCS_0)
                .with_callbacks(::klp::table::Callbacks {
                    pre_patch: ::core::option::Option::Some(pre_patch_0),
                    post_patch: ::core::option::Option::Some(post_patch_0),
                    post_unpatch: ::core::option::Option::Some(post_unpatch_0),
                    ..::klp::table::Callbacks::NONE
                }),
            ::klp::table::Object::new(::core::option::Option::Some(c"ext4"), &FUNCS_1)
                .with_callbacks(::klp::table::Callbacks {
                    post_patch: ::core::option::Option::Some(post_patch_1),
                    pre_unpatch: ::core::option::Option::Some(pre_unpatch_1),
                    ..::klp::table::Callbacks::NONE
                }),
            ::klp::table::Object::END,
        ]);
        pub(super) static PATCH: ::klp::table::Patch = ::klp::table::Patch::new(
                &OBJECTS,
                true,
            )
            .with_states(&super::__LIVEPATCH_STATES);
        ::klp::__private::livepatch_modinfo!();
        ::klp::__private::livepatch_modinfo!(14 b"klp_replace=Y\0");
        pub(crate) struct Module {
            _declared: ::klp::shadow::Declared,
        }
        impl ::klp::__private::Module for Module {
            fn init(
                _: &'static ::klp::__private::ThisModule,
            ) -> ::klp::__private::Result<Self> {
                static ONCE: ::klp::table::Once = ::klp::table::Once::new();
                ONCE.begin()?;
                ::klp::symbols::linked()?;
                static DECLARATIONS: [&::klp::shadow::Declaration; 1usize] = [
                    super::USES.declaration(),
                ];
                let declared = ::klp::shadow::Declared::new(&DECLARATIONS)?;
                unsafe { PATCH.enable() }?;
                ::core::result::Result::Ok(Module { _declared: declared })
            }
        }
    }
}
#[doc(hidden)]
mod one_livepatch_per_module__put_several_functions_into_a_mod_with_the_attribute {
    pub(crate) const OBJECTS: ::klp::symbols::Objects = ::klp::symbols::Objects(
        &["vmlinux", "ext4"],
    );
    pub(crate) const REPLACEMENTS: &[::klp::symbols::Replacement] = &[
        ::klp::symbols::Replacement {
            object: "vmlinux",
            name: "show",
            sympos: 0,
            calls: &[],
        },
    ];
    const _: ::klp::symbols::Objects = OBJECTS;
    const _: &[::klp::symbols::Replacement] = REPLACEMENTS;
}
::klp::__private::module! {
    type : fixes::__livepatch::Module, name : "in_the_build", description : "A fix",
    license : "GPL",
}
