// SPDX-License-Identifier: GPL-2.0-only

//! [`Zeroed`], for structures that are created in Rust.

use crate::layout::Whole;
use crate::platform::alloc::{Flags, KBox};
use crate::platform::{zeroed_box, Result};
use core::mem::MaybeUninit;
use core::ops::{Deref, DerefMut};

/// A view of a structure that can be created in Rust, zero-initialised. Members with `#[write]` can then be set.
///
/// `#[kernel_struct]` implements it if the structure's size is known, it has no locks, and its members make no
/// claims except for writing and for pointers that may be `NULL`. On the host, views with locks implement it too, for
/// tests.
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
/// All zeroes are a valid value of the type.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be created in Rust",
    label = "not a view for which all zeroes are a valid value",
    note = "only a `#[kernel_struct]` without `#[counted_by]`, `#[container_of]`, and `#[follow]` of pointers that are never `NULL` can"
)]
pub unsafe trait Zeroed: Whole + Sized {
    /// Whether views in it make claims that do not hold for zeroes.
    #[doc(hidden)]
    const CLAIMS_MORE: bool;

    /// Returns a zero-initialised structure.
    #[inline]
    fn zeroed() -> Aligned<Self> {
        const { assert_valid_zeroed::<Self>() };
        // SAFETY: zeroes are a valid value, as the implementation guarantees.
        Aligned(unsafe { MaybeUninit::zeroed().assume_init() })
    }

    /// Returns a zero-initialised structure in memory from `kmalloc()`, for a large one, or to pass to C.
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
        const { assert_valid_zeroed::<Self>() };
        let memory = zeroed_box(flags)?;
        // SAFETY: zeroes are a valid value, as the implementation guarantees.
        Ok(unsafe { memory.assume_init() })
    }
}

/// Fails to compile for views that contain views with claims, which the macro cannot see.
const fn assert_valid_zeroed<V: Zeroed>() {
    assert!(
        !V::CLAIMS_MORE,
        "an inner structure has locks, or is declared with claims, such as `#[follow(unsafe)]`, \
         that do not hold for a structure of zeroes"
    );
}

/// A structure created in Rust, aligned for C: views have alignment 1.
#[repr(C, align(16))]
pub struct Aligned<V>(V);

impl<V> Aligned<V> {
    /// Returns the structure by value, for the result of a function.
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
