// SPDX-License-Identifier: GPL-2.0-only

//! Opaque types for kernel structures that klp itself declares.

/// Declares a type for a C structure of this name and size, like a view without members.
macro_rules! opaque {
    ($($(#[$meta:meta])* $type:ident = $name:literal, $size:expr, $claims:expr;)*) => {$(
        $(#[$meta])*
        #[repr(transparent)]
        pub struct $type {
            contents: $crate::view::Contents<$type, (), { $size }>,
        }

        impl $type {
            /// Returns the structure's address.
            #[allow(dead_code)] // Some types have no methods that use it.
            #[inline(always)]
            fn as_ptr(&self) -> *mut u8 {
                // The contents are an `UnsafeCell`, so they may be written.
                ::core::ptr::from_ref(&self.contents).cast_mut().cast()
            }
        }

        // SAFETY: opaque, and safe code cannot create one. It is as large as the kernel's structure: the constants that
        // `#[kernel_struct]` generates compare the sizes.
        unsafe impl $crate::layout::KernelStruct for $type {
            const NAME: &'static str = $name;
            const CLAIMS: bool = $claims;
        }

        // SAFETY: nothing is assumed about its bytes.
        unsafe impl $crate::layout::Plain for $type {}

        // SAFETY: of the structure's size, with alignment 1.
        unsafe impl $crate::view::Member for $type {
            type Read<'a> = &'a Self;
            type Shared<'a> = &'a Self;

            const SHAPE: $crate::signature::Shape = $crate::signature::Shape::Aggregate;
            type Target = Self;
            const CLAIMS: bool = $claims;

            #[inline(always)]
            unsafe fn read<'a>(place: *const u8) -> &'a Self {
                // SAFETY: the caller guarantees that the structure exists.
                unsafe { $crate::view::at(place) }
            }

            #[inline(always)]
            unsafe fn share<'a>(place: *const u8) -> &'a Self {
                // SAFETY: the caller guarantees that the structure exists.
                unsafe { $crate::view::at(place) }
            }
        }
    )*};
}

pub(crate) use opaque;
