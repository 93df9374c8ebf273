// SPDX-License-Identifier: GPL-2.0-only

//! Memory, in the shape of the kernel's: a box whose making can fail and is told how.

use super::Error;

use core::alloc::Layout;
use core::mem::MaybeUninit;
use core::ops::{Deref, DerefMut};
use core::pin::Pin;
use std::boxed::Box;

/// How memory is asked for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Flags(());

/// May sleep.
pub const GFP_KERNEL: Flags = Flags(());
/// Must not sleep.
pub const GFP_ATOMIC: Flags = Flags(());
/// Must not sleep, nor use reserves.
pub const GFP_NOWAIT: Flags = Flags(());

/// There is no memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AllocError;

impl From<AllocError> for Error {
    fn from(_: AllocError) -> Self {
        const ENOMEM: i32 = 12;
        Error::from_errno(-ENOMEM)
    }
}

/// Gives memory of the layout `new`, with the contents of what is at `place`, which goes away.
///
/// # Safety
///
/// `place` is memory of the layout `old` from here, or `old` has no size. `new` has some.
pub(super) unsafe fn resize(place: *mut u8, old: Layout, new: Layout, _flags: Flags) -> *mut u8 {
    match old.size() {
        // SAFETY: the caller guarantees the size.
        0 => unsafe { std::alloc::alloc(new) },
        // SAFETY: likewise, and for the memory.
        _ => unsafe { std::alloc::realloc(place, old, new.size()) },
    }
}

/// Gives memory back.
///
/// # Safety
///
/// `place` is memory of this layout from [`resize`], or the layout has no size.
pub(super) unsafe fn release(place: *mut u8, layout: Layout) {
    if layout.size() != 0 {
        // SAFETY: guaranteed by the caller.
        unsafe { std::alloc::dealloc(place, layout) };
    }
}

/// A value in memory of its own.
pub struct KBox<T: ?Sized>(Box<T>);

impl<T> KBox<T> {
    /// Moves the value there.
    ///
    /// # Errors
    ///
    /// There is no memory; here, there always is.
    pub fn new(value: T, _flags: Flags) -> Result<Self, AllocError> {
        Ok(Self(Box::new(value)))
    }

    /// Takes the value out.
    pub fn into_inner(this: Self) -> T {
        *this.0
    }

    /// Gives the memory away.
    pub fn into_raw(this: Self) -> *mut T {
        Box::into_raw(this.0)
    }

    /// Takes it back.
    ///
    /// # Safety
    ///
    /// `raw` is from `into_raw()` and is taken back once.
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
    /// Zeroes.
    pub(crate) fn zeroed() -> Self {
        Self(Box::new(MaybeUninit::zeroed()))
    }

    /// A value of the type.
    ///
    /// # Safety
    ///
    /// There is one.
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
