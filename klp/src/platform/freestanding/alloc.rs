// SPDX-License-Identifier: GPL-2.0-only

//! Memory from `kmalloc()`, with the interface of the `kernel` crate: allocation can fail.

use super::{bindings, Error};
use core::alloc::Layout;
use core::mem::{self, ManuallyDrop, MaybeUninit};
use core::ops::{BitOr, Deref, DerefMut};
use core::pin::Pin;
use core::ptr::{self, NonNull};

/// Allocation flags.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Flags(bindings::gfp_t);

impl Flags {
    /// Returns C's `gfp_t`.
    #[inline]
    pub(crate) fn as_c(self) -> bindings::gfp_t {
        self.0
    }

    /// Returns whether all of `flags` are set.
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

/// The constants of allocation flags.
pub mod flags {
    use super::{bindings, Flags};

    /// C's `GFP_KERNEL`: may sleep.
    pub const GFP_KERNEL: Flags = Flags(bindings::GFP_KERNEL);
    /// C's `GFP_KERNEL_ACCOUNT`: may sleep, and is charged to the control group.
    pub const GFP_KERNEL_ACCOUNT: Flags = Flags(bindings::GFP_KERNEL_ACCOUNT);
    /// C's `GFP_ATOMIC`: does not sleep, and may use reserves.
    pub const GFP_ATOMIC: Flags = Flags(bindings::GFP_ATOMIC);
    /// C's `GFP_NOWAIT`: does not sleep, nor use reserves.
    pub const GFP_NOWAIT: Flags = Flags(bindings::GFP_NOWAIT);
    /// C's `__GFP_ZERO`: the memory is zeroed.
    pub const __GFP_ZERO: Flags = Flags(bindings::__GFP_ZERO);
}

/// The error of a failed allocation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AllocError;

impl From<AllocError> for Error {
    #[inline]
    fn from(_: AllocError) -> Self {
        crate::errno::ENOMEM
    }
}

/// Returns memory of the layout `new` with the contents of `place`, which is freed. Returns null, and leaves `place`
/// alone, if there is not enough memory.
///
/// # Safety
///
/// `place` is memory of the layout `old` from this function, or `old` has size 0.
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

/// Frees memory.
///
/// # Safety
///
/// `place` is memory of this layout from [`resize`], or the layout has size 0.
pub(super) unsafe fn release(place: *mut u8, layout: Layout) {
    if layout.size() != 0 {
        // SAFETY: guaranteed by the caller.
        unsafe { bindings::kfree(place.cast()) };
    }
}

/// A box in memory from `kmalloc()`.
///
/// # Invariants
///
/// The pointer is to a value in memory from `kmalloc()`, or dangles if the value has no size.
pub struct KBox<T: ?Sized>(NonNull<T>);

// SAFETY: the box owns the value.
unsafe impl<T: ?Sized + Send> Send for KBox<T> {}
// SAFETY: the box owns the value.
unsafe impl<T: ?Sized + Sync> Sync for KBox<T> {}

/// The minimal alignment of memory from `kmalloc()`. If its size is a power of two, it is aligned to the size.
const ALIGNMENT: usize = mem::align_of::<usize>();

impl<T> KBox<T> {
    /// The allocated size, rounded up to a power of two for types that need more than the minimal alignment.
    const SIZE: usize = match align_of::<T>() > ALIGNMENT {
        true => size_of::<T>().next_power_of_two(),
        false => size_of::<T>(),
    };

    /// Allocates memory without a value.
    ///
    /// # Errors
    ///
    /// There is not enough memory.
    #[inline]
    pub fn new_uninit(flags: Flags) -> Result<KBox<MaybeUninit<T>>, AllocError> {
        if size_of::<T>() == 0 {
            return Ok(KBox(NonNull::dangling()));
        }
        // SAFETY: `kmalloc()` accepts any size and flags.
        let place = unsafe { bindings::kmalloc(Self::SIZE, flags.0) };
        // INVARIANT: any bytes are a `MaybeUninit`.
        NonNull::new(place.cast()).map(KBox).ok_or(AllocError)
    }

    /// Allocates memory, and moves the value there.
    ///
    /// # Errors
    ///
    /// There is not enough memory.
    #[inline]
    pub fn new(value: T, flags: Flags) -> Result<Self, AllocError> {
        let place = Self::new_uninit(flags)?;
        Ok(KBox::write(place, value))
    }

    /// Allocates memory, and moves the value there, pinned.
    ///
    /// # Errors
    ///
    /// There is not enough memory.
    #[inline]
    pub fn pin(value: T, flags: Flags) -> Result<Pin<Self>, AllocError> {
        Ok(Self::new(value, flags)?.into())
    }

    /// Pins the value.
    #[inline]
    pub fn into_pin(this: Self) -> Pin<Self> {
        this.into()
    }

    /// Moves the value out of the box.
    #[inline]
    pub fn into_inner(this: Self) -> T {
        let place = ManuallyDrop::new(this).0;
        // SAFETY: the box has a value, and is not used again.
        let value = unsafe { place.read() };
        // SAFETY: the memory is the box's, and the value has been moved out.
        drop(unsafe { KBox::<MaybeUninit<T>>::from_raw(place.as_ptr().cast()) });
        value
    }
}

impl<T: ?Sized> KBox<T> {
    /// Converts the box to a raw pointer, without freeing it.
    #[inline]
    pub fn into_raw(this: Self) -> *mut T {
        ManuallyDrop::new(this).0.as_ptr()
    }

    /// Converts a raw pointer to a box.
    ///
    /// # Safety
    ///
    /// `raw` is from `into_raw()` and is converted once, or is a value in memory from `kmalloc()` that the caller owns.
    #[inline]
    pub unsafe fn from_raw(raw: *mut T) -> Self {
        // SAFETY: guaranteed by the caller. INVARIANT: guaranteed by the caller.
        Self(unsafe { NonNull::new_unchecked(raw) })
    }

    /// Leaks the value, which is never dropped.
    #[inline]
    pub fn leak<'a>(this: Self) -> &'a mut T {
        // SAFETY: the value is never freed.
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
    /// Moves a value to the memory.
    #[inline]
    pub fn write(mut this: Self, value: T) -> KBox<T> {
        (*this).write(value);
        // SAFETY: the value was written above.
        unsafe { this.assume_init() }
    }

    /// Converts to a box of the type.
    ///
    /// # Safety
    ///
    /// The box has an initialised value.
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
        // SAFETY: by the invariant the pointer is to a value.
        unsafe { self.0.as_ref() }
    }
}

impl<T: ?Sized> DerefMut for KBox<T> {
    #[inline]
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: by the invariant the pointer is to a value; the box is borrowed exclusively.
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
            // SAFETY: by the invariant the memory is from `kmalloc()`.
            unsafe { bindings::kfree(self.0.as_ptr().cast()) };
        }
    }
}
