// SPDX-License-Identifier: GPL-2.0-only

//! Structures that are made in Rust.

use crate::layout::Whole;
use crate::platform::alloc::{Flags, KBox};
use crate::platform::{zeroed_box, Result};
use core::mem::MaybeUninit;
use core::ops::{Deref, DerefMut};

/// A view of a structure that can be made in Rust, of zeroes. Members with `#[write]` can then be set.
///
/// `#[kernel_struct]` implements it if the whole structure is known, has no locks, and its members make no
/// claims except for writing and for pointers that may be `NULL`. On the host, views with locks have it too, for tests.
///
/// ```
/// use klp::prelude::*;
///
/// #[kernel_struct("vfsuid_t")]
/// struct VfsUid {
///     #[write]
///     val: u32,
/// }
///
/// fn nobody() -> VfsUid {
///     let mut uid = VfsUid::zeroed();
///     uid.set_val(65534);
///     uid.into_inner()
/// }
/// # assert_eq!(nobody().val(), 65534);
/// ```
///
/// # Safety
///
/// All zeroes are a value of it.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be made in Rust",
    label = "not a view of which zeroes are a value",
    note = "that is a `#[kernel_struct]` without `#[counted_by]`, `#[container_of]`, and `#[follow]` of pointers that are never `NULL`"
)]
pub unsafe trait Zeroed: Whole + Sized {
    /// Whether views in it claim more than is true of zeroes.
    #[doc(hidden)]
    const CLAIMS_MORE: bool;

    /// Makes a structure of zeroes.
    #[inline]
    fn zeroed() -> Aligned<Self> {
        const { made::<Self>() };
        // SAFETY: a value of the type, as the implementation says.
        Aligned(unsafe { MaybeUninit::zeroed().assume_init() })
    }

    /// Makes a structure of zeroes in memory from `kmalloc()`, for a large one, or to pass to C.
    ///
    /// ```
    /// use klp::prelude::*;
    ///
    /// #[kernel_struct("vfsuid_t")]
    /// struct VfsUid {
    ///     #[write]
    ///     val: u32,
    /// }
    ///
    /// fn root() -> Result<KBox<VfsUid>> {
    ///     let mut uid = VfsUid::zeroed_box(GFP_KERNEL)?;
    ///     uid.set_val(0);
    ///     Ok(uid)
    /// }
    /// # assert_eq!(root().map(|uid| uid.val()), Ok(0));
    /// ```
    ///
    /// # Errors
    ///
    /// `ENOMEM`.
    #[inline]
    fn zeroed_box(flags: Flags) -> Result<KBox<Self>> {
        const { made::<Self>() };
        let memory = zeroed_box(flags)?;
        // SAFETY: zeroes, and so a value of the type.
        Ok(unsafe { memory.assume_init() })
    }
}

/// Refuses views that contain views with claims, which only the compiler knows.
const fn made<V: Zeroed>() {
    assert!(
        !V::CLAIMS_MORE,
        "a structure in this one has locks, or is declared with claims of C, such as \
         `#[follow(unsafe)]`, which one that is made of zeroes does not keep"
    );
}

/// A structure that was made in Rust, aligned for C: views have no alignment.
#[repr(C, align(16))]
pub struct Aligned<V>(V);

impl<V> Aligned<V> {
    /// Returns the structure by value, as the result of a function.
    #[inline]
    pub fn into_inner(self) -> V {
        self.0
    }
}

impl<V> Deref for Aligned<V> {
    type Target = V;

    #[inline]
    fn deref(&self) -> &V {
        &self.0
    }
}

impl<V> DerefMut for Aligned<V> {
    #[inline]
    fn deref_mut(&mut self) -> &mut V {
        &mut self.0
    }
}
