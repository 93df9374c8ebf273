// SPDX-License-Identifier: GPL-2.0-only

//! Memory from `kmalloc()`, in the shape of the `kernel` crate's: making a box can fail.

use super::{bindings, Error};
use core::alloc::Layout;
use core::mem::{self, ManuallyDrop, MaybeUninit};
use core::ops::{BitOr, Deref, DerefMut};
use core::pin::Pin;
use core::ptr::{self, NonNull};

/// How memory is asked for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Flags(bindings::gfp_t);

impl Flags {
    /// As C takes them.
    #[inline]
    pub(crate) fn as_c(self) -> bindings::gfp_t {
        self.0
    }

    /// Whether all of those are among them.
    #[inline]
    pub fn contains(self, flags: Self) -> bool {
        self.0 & flags.0 == flags.0
    }
}

impl BitOr for Flags {
    type Output = Self;

    #[inline]
    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

/// The flags.
pub mod flags {
    use super::{bindings, Flags};

    /// May sleep.
    pub const GFP_KERNEL: Flags = Flags(bindings::GFP_KERNEL);
    /// May sleep, and counts for the control group.
    pub const GFP_KERNEL_ACCOUNT: Flags = Flags(bindings::GFP_KERNEL_ACCOUNT);
    /// Must not sleep.
    pub const GFP_ATOMIC: Flags = Flags(bindings::GFP_ATOMIC);
    /// Must not sleep, nor use reserves.
    pub const GFP_NOWAIT: Flags = Flags(bindings::GFP_NOWAIT);
    /// Zeroes.
    pub const __GFP_ZERO: Flags = Flags(bindings::__GFP_ZERO);
}

/// There is no memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AllocError;

impl From<AllocError> for Error {
    #[inline]
    fn from(_: AllocError) -> Self {
        crate::errno::ENOMEM
    }
}

/// Gives memory of the layout `new`, with the contents of what is at `place`, which goes away; null, and leaves it
/// alone, when there is none.
///
/// # Safety
///
/// `place` is memory of the layout `old` from here, or `old` has no size.
pub(super) unsafe fn resize(place: *mut u8, old: Layout, new: Layout, flags: Flags) -> *mut u8 {
    let place = match old.size() {
        0 => ptr::null_mut(),
        _ => place,
    };
    let size = match new.align() > ALIGNMENT {
        true => new.size().next_power_of_two(),
        false => new.size(),
    };
    // SAFETY: guaranteed by the caller.
    unsafe { bindings::krealloc(place.cast(), size, flags.0) }.cast()
}

/// Gives memory back.
///
/// # Safety
///
/// `place` is memory of this layout from [`resize`], or the layout has no size.
pub(super) unsafe fn release(place: *mut u8, layout: Layout) {
    if layout.size() != 0 {
        // SAFETY: guaranteed by the caller.
        unsafe { bindings::kfree(place.cast()) };
    }
}

/// A value in memory of its own.
///
/// # Invariants
///
/// The pointer is to such a value, in memory from `kmalloc()`, or to nowhere when the value has no size.
pub struct KBox<T: ?Sized>(NonNull<T>);

// SAFETY: it owns the value.
unsafe impl<T: ?Sized + Send> Send for KBox<T> {}
// SAFETY: likewise.
unsafe impl<T: ?Sized + Sync> Sync for KBox<T> {}

/// Memory of `kmalloc()` has at least this alignment, and that of its size where that is a power of two.
const ALIGNMENT: usize = mem::align_of::<usize>();

impl<T> KBox<T> {
    /// How much is asked for: a multiple of the alignment that is a power of two has that alignment.
    const SIZE: usize = match align_of::<T>() > ALIGNMENT {
        true => size_of::<T>().next_power_of_two(),
        false => size_of::<T>(),
    };

    /// Memory without a value.
    ///
    /// # Errors
    ///
    /// There is none.
    #[inline]
    pub fn new_uninit(flags: Flags) -> Result<KBox<MaybeUninit<T>>, AllocError> {
        if size_of::<T>() == 0 {
            return Ok(KBox(NonNull::dangling()));
        }
        // SAFETY: it may be called with any size and flags.
        let place = unsafe { bindings::kmalloc(Self::SIZE, flags.0) };
        // INVARIANT: any bytes are a `MaybeUninit`.
        NonNull::new(place.cast()).map(KBox).ok_or(AllocError)
    }

    /// Moves the value there.
    ///
    /// # Errors
    ///
    /// There is no memory.
    #[inline]
    pub fn new(value: T, flags: Flags) -> Result<Self, AllocError> {
        let place = Self::new_uninit(flags)?;
        Ok(KBox::write(place, value))
    }

    /// Moves the value there, where it stays.
    ///
    /// # Errors
    ///
    /// There is no memory.
    #[inline]
    pub fn pin(value: T, flags: Flags) -> Result<Pin<Self>, AllocError> {
        Ok(Self::new(value, flags)?.into())
    }

    /// It stays where it is.
    #[inline]
    pub fn into_pin(this: Self) -> Pin<Self> {
        this.into()
    }

    /// Takes the value out.
    #[inline]
    pub fn into_inner(this: Self) -> T {
        let place = ManuallyDrop::new(this).0;
        // SAFETY: the box has a value, and is not used again.
        let value = unsafe { place.read() };
        // SAFETY: likewise its memory, where the value is no longer.
        drop(unsafe { KBox::<MaybeUninit<T>>::from_raw(place.as_ptr().cast()) });
        value
    }
}

impl<T: ?Sized> KBox<T> {
    /// Gives the memory away.
    #[inline]
    pub fn into_raw(this: Self) -> *mut T {
        ManuallyDrop::new(this).0.as_ptr()
    }

    /// Takes it back.
    ///
    /// # Safety
    ///
    /// `raw` is from `into_raw()` and is taken back once, or is such a value in memory from `kmalloc()`.
    #[inline]
    pub unsafe fn from_raw(raw: *mut T) -> Self {
        // SAFETY: guaranteed by the caller. INVARIANT: likewise.
        Self(unsafe { NonNull::new_unchecked(raw) })
    }

    /// Never drops it.
    #[inline]
    pub fn leak<'a>(this: Self) -> &'a mut T {
        // SAFETY: the value is there for ever.
        unsafe { &mut *Self::into_raw(this) }
    }
}

impl<T: ?Sized> From<KBox<T>> for Pin<KBox<T>> {
    #[inline]
    fn from(boxed: KBox<T>) -> Self {
        // SAFETY: nothing moves out of a pinned box.
        unsafe { Pin::new_unchecked(boxed) }
    }
}

impl<T> KBox<MaybeUninit<T>> {
    /// Puts a value there.
    #[inline]
    pub fn write(mut this: Self, value: T) -> KBox<T> {
        (*this).write(value);
        // SAFETY: it is there now.
        unsafe { this.assume_init() }
    }

    /// A value of the type.
    ///
    /// # Safety
    ///
    /// There is one.
    #[inline]
    pub unsafe fn assume_init(self) -> KBox<T> {
        // SAFETY: guaranteed by the caller.
        unsafe { KBox::from_raw(KBox::into_raw(self).cast()) }
    }
}

impl<T: ?Sized> Deref for KBox<T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        // SAFETY: by the invariant.
        unsafe { self.0.as_ref() }
    }
}

impl<T: ?Sized> DerefMut for KBox<T> {
    #[inline]
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: by the invariant, and the box is borrowed.
        unsafe { self.0.as_mut() }
    }
}

impl<T: ?Sized> Drop for KBox<T> {
    #[inline]
    fn drop(&mut self) {
        let size = mem::size_of_val::<T>(self);
        // SAFETY: the value is not used again.
        unsafe { ptr::drop_in_place(self.0.as_ptr()) };
        if size != 0 {
            // SAFETY: by the invariant it is from `kmalloc()`.
            unsafe { bindings::kfree(self.0.as_ptr().cast()) };
        }
    }
}
