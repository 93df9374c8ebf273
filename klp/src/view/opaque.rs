// SPDX-License-Identifier: GPL-2.0-only

//! Structures of the kernel's that klp itself has types for.

/// A type for a structure in C of this name and size, as a view without members is one.
macro_rules! opaque {
    ($($(#[$meta:meta])* $type:ident = $name:literal, $size:expr, $claims:expr;)*) => {$(
        $(#[$meta])*
        #[repr(transparent)]
        pub struct $type {
            contents: $crate::view::Contents<$type, (), { $size }>,
        }

        impl $type {
            /// Where it is.
            #[allow(dead_code)] // Some have nothing that uses it.
            #[inline(always)]
            fn as_ptr(&self) -> *mut u8 {
                // What is in it changes, through the cell in the contents.
                ::core::ptr::from_ref(&self.contents).cast_mut().cast()
            }
        }

        // SAFETY: opaque, and as large as the kernel's structure, with which the constants beside a view
        // compare it. Nobody can make one.
        unsafe impl $crate::layout::KernelStruct for $type {
            const NAME: &'static str = $name;
            const CLAIMS: bool = $claims;
        }

        // SAFETY: nothing is known of its bytes.
        unsafe impl $crate::layout::Plain for $type {}

        // SAFETY: of the structure's size, and without alignment.
        unsafe impl $crate::view::Member for $type {
            type Read<'a> = &'a Self;
            type Shared<'a> = &'a Self;

            const SHAPE: $crate::signature::Shape = $crate::signature::Shape::Aggregate;
            type Target = Self;
            const CLAIMS: bool = $claims;

            #[inline(always)]
            unsafe fn read<'a>(place: *const u8) -> &'a Self {
                // SAFETY: the caller vouches for the structure.
                unsafe { $crate::view::at(place) }
            }

            #[inline(always)]
            unsafe fn share<'a>(place: *const u8) -> &'a Self {
                // SAFETY: the caller vouches for the structure.
                unsafe { $crate::view::at(place) }
            }
        }
    )*};
}

pub(crate) use opaque;
