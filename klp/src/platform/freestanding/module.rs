// SPDX-License-Identifier: GPL-2.0-only

//! The module's entry points and `.modinfo` section.

use super::{bindings, Result};

/// A kernel module.
pub struct ThisModule(*mut bindings::module);

// SAFETY: only the address is used.
unsafe impl Sync for ThisModule {}

impl ThisModule {
    /// Returns the module that this code is compiled into.
    #[doc(hidden)]
    #[inline]
    pub const fn this() -> Self {
        Self(super::this_module())
    }

    /// Returns the pointer to the C structure.
    #[inline]
    pub const fn as_ptr(&self) -> *mut bindings::module {
        self.0
    }
}

/// The entry point of a module.
pub trait Module: Sized + Sync + Send {
    /// Runs when the module is loaded. The result is dropped when the module is unloaded.
    ///
    /// # Errors
    ///
    /// On an error the module is not loaded.
    fn init(module: &'static ThisModule) -> Result<Self>;
}

/// Returns the bytes of an entry of `.modinfo`.
///
/// # Panics
///
/// Panics, at compile time, if the lengths differ.
pub const fn modinfo<const N: usize>(text: &str) -> [u8; N] {
    let from = text.as_bytes();
    assert!(from.len() == N);
    let mut to = [0; N];
    let mut index = 0;
    while index < N {
        to[index] = from[index];
        index += 1;
    }
    to
}

/// Emits an entry of `.modinfo`.
#[doc(hidden)]
#[macro_export]
macro_rules! module_info {
    ($key:literal, $text:literal) => {
        const _: () = {
            const TEXT: &str = ::core::concat!($key, "=", $text, "\0");
            #[used(compiler)]
            #[link_section = ".modinfo"]
            static ENTRY: [u8; TEXT.len()] = $crate::__private::modinfo(TEXT);
        };
    };
}

/// Makes the crate a module, as the `kernel` crate's `module!`.
#[doc(hidden)]
#[macro_export]
macro_rules! freestanding_module {
    (
        type: $type:ty,
        name: $name:literal,
        $(authors: [$($author:literal),* $(,)?],)?
        description: $description:literal,
        license: $license:literal $(,)?
    ) => {
        $($($crate::module_info!("author", $author);)*)?
        $crate::module_info!("description", $description);
        $crate::module_info!("license", $license);

        /// What the log lines of this module begin with.
        #[doc(hidden)]
        pub(crate) const __LOG_PREFIX: &[u8] = ::core::concat!($name, "\0").as_bytes();

        const _: () = {
            static THIS: $crate::__private::ThisModule = $crate::__private::ThisModule::this();
            static mut LOADED: ::core::option::Option<$type> = ::core::option::Option::None;

            // The kernel calls the functions through pointers. With IBT it removes the `endbr64` of functions that
            // objtool lists as unreferenced, so these statics refer to them.
            #[used(compiler)]
            #[link_section = ".init.data"]
            static INIT: unsafe extern "C" fn() -> ::core::ffi::c_int = init_module;
            #[used(compiler)]
            #[link_section = ".exit.data"]
            static EXIT: unsafe extern "C" fn() = cleanup_module;

            /// The kernel calls it once, before anything else of the module.
            #[no_mangle]
            #[link_section = ".init.text"]
            unsafe extern "C" fn init_module() -> ::core::ffi::c_int {
                match <$type as $crate::__private::Module>::init(&THIS) {
                    ::core::result::Result::Ok(loaded) => {
                        // SAFETY: no other code accesses the static while the module is being loaded.
                        unsafe { (&raw mut LOADED).write(::core::option::Option::Some(loaded)) };
                        0
                    }
                    ::core::result::Result::Err(error) => error.to_errno(),
                }
            }

            /// The kernel calls it once, after everything else of the module.
            #[no_mangle]
            #[link_section = ".exit.text"]
            unsafe extern "C" fn cleanup_module() {
                // SAFETY: no other code accesses the static while the module is being unloaded.
                unsafe { (&raw mut LOADED).replace(::core::option::Option::None) };
            }
        };
    };
}
