// SPDX-License-Identifier: GPL-2.0-only

//! Stand-ins for the kernel's allocation: a box whose allocation takes flags and can fail.

use super::Error;

use core::alloc::Layout;
use core::mem::MaybeUninit;
use core::ops::{Deref, DerefMut};
use core::pin::Pin;
use std::boxed::Box;

/// Allocation flags.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Flags(());

/// C's `GFP_KERNEL`: may sleep.
pub const GFP_KERNEL: Flags = Flags(());
/// C's `GFP_ATOMIC`: does not sleep, and may use reserves.
pub const GFP_ATOMIC: Flags = Flags(());
/// C's `GFP_NOWAIT`: does not sleep, nor use reserves.
pub const GFP_NOWAIT: Flags = Flags(());

/// The error of a failed allocation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AllocError;

impl From<AllocError> for Error {
    fn from(_: AllocError) -> Self {
        const ENOMEM: i32 = 12;
        Error::from_errno(-ENOMEM)
    }
}

/// Returns memory of the layout `new` with the contents of `place`, which is freed.
///
/// # Safety
///
/// `place` is memory of the layout `old` from this function, or `old` has size 0. The size of `new` is not 0.
pub(super) unsafe fn resize(place: *mut u8, old: Layout, new: Layout, _flags: Flags) -> *mut u8 {
    match old.size() {
        // SAFETY: the caller guarantees that the size of `new` is not 0.
        0 => unsafe { std::alloc::alloc(new) },
        // SAFETY: the caller guarantees the same, and that `place` is memory of the layout `old`.
        _ => unsafe { std::alloc::realloc(place, old, new.size()) },
    }
}

/// Frees memory.
///
/// # Safety
///
/// `place` is memory of this layout from [`resize`], or the layout has size 0.
pub(super) unsafe fn release(place: *mut u8, layout: Layout) {
    if layout.size() != 0 {
        // SAFETY: guaranteed by the caller.
        unsafe { std::alloc::dealloc(place, layout) };
    }
}

/// A box, for the `kernel` crate's, whose memory is from `kmalloc()`.
pub struct KBox<T: ?Sized>(Box<T>);

impl<T> KBox<T> {
    /// Allocates memory, and moves the value there.
    ///
    /// # Errors
    ///
    /// None on the host.
    pub fn new(value: T, _flags: Flags) -> Result<Self, AllocError> {
        Ok(Self(Box::new(value)))
    }

    /// Moves the value out of the box.
    pub fn into_inner(this: Self) -> T {
        *this.0
    }

    /// Converts the box to a raw pointer, without freeing it.
    pub fn into_raw(this: Self) -> *mut T {
        Box::into_raw(this.0)
    }

    /// Converts a raw pointer to a box.
    ///
    /// # Safety
    ///
    /// `raw` is from `into_raw()` and is converted once.
    pub unsafe fn from_raw(raw: *mut T) -> Self {
        // SAFETY: guaranteed by the caller.
        Self(unsafe { Box::from_raw(raw) })
    }
}

impl<T> From<KBox<T>> for Pin<KBox<T>> {
    fn from(boxed: KBox<T>) -> Self {
        // SAFETY: nothing moves out of a pinned box.
        unsafe { Pin::new_unchecked(boxed) }
    }
}

impl<T> KBox<MaybeUninit<T>> {
    /// Allocates zeroed memory.
    pub(crate) fn zeroed() -> Self {
        Self(Box::new(MaybeUninit::zeroed()))
    }

    /// Converts to a box of the type.
    ///
    /// # Safety
    ///
    /// The box has an initialised value.
    pub unsafe fn assume_init(self) -> KBox<T> {
        // SAFETY: guaranteed by the caller.
        KBox(unsafe { self.0.assume_init() })
    }
}

impl<T: ?Sized> Deref for KBox<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T: ?Sized> DerefMut for KBox<T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.0
    }
}
