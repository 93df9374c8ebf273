// SPDX-License-Identifier: GPL-2.0-only

//! A vector with the interface of the `kernel` crate's: growing takes allocation flags and can fail.
//!
//! It is for kernels without Rust and for the host. Its memory comes from [`alloc::resize`].

use super::alloc::{self, AllocError, Flags};
use core::alloc::Layout;
use core::fmt;
use core::marker::PhantomData;
use core::mem;
use core::ops::{Deref, DerefMut};
use core::ptr::{self, NonNull};
use core::slice;

/// A contiguous growable array, in memory from `kmalloc()`.
///
/// # Invariants
///
/// `place` is memory from `alloc::resize()` for `capacity` values, or dangles if these have no size. The first `len`
/// values are initialised.
pub struct KVec<T> {
    place: NonNull<T>,
    capacity: usize,
    len: usize,
    _owns: PhantomData<T>,
}

// SAFETY: the vector owns the values.
unsafe impl<T: Send> Send for KVec<T> {}
// SAFETY: the vector owns the values.
unsafe impl<T: Sync> Sync for KVec<T> {}

impl<T> KVec<T> {
    const HAS_NO_SIZE: bool = size_of::<T>() == 0;

    /// Creates an empty vector without memory.
    #[inline]
    pub const fn new() -> Self {
        // INVARIANT: the capacity is 0, which needs no memory.
        Self {
            place: NonNull::dangling(),
            capacity: 0,
            len: 0,
            _owns: PhantomData,
        }
    }

    /// Creates an empty vector with memory for `capacity` values.
    ///
    /// # Errors
    ///
    /// There is not enough memory.
    #[inline]
    pub fn with_capacity(capacity: usize, flags: Flags) -> Result<Self, AllocError> {
        let mut values = Self::new();
        values.reserve(capacity, flags)?;
        Ok(values)
    }

    /// Returns the number of values that fit without growing.
    #[inline]
    pub const fn capacity(&self) -> usize {
        match Self::HAS_NO_SIZE {
            true => usize::MAX,
            false => self.capacity,
        }
    }

    /// Returns the number of values.
    #[inline]
    pub const fn len(&self) -> usize {
        self.len
    }

    /// Returns whether there are no values.
    #[inline]
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Returns the values.
    #[inline]
    pub fn as_slice(&self) -> &[T] {
        self
    }

    /// Returns the values for changes.
    #[inline]
    pub fn as_mut_slice(&mut self) -> &mut [T] {
        self
    }

    /// Reserves memory for `additional` more values.
    ///
    /// # Errors
    ///
    /// There is not enough memory. The values are unchanged.
    pub fn reserve(&mut self, additional: usize, flags: Flags) -> Result<(), AllocError> {
        let needed = self.len.checked_add(additional).ok_or(AllocError)?;
        if needed <= self.capacity() {
            return Ok(());
        }
        // Grow exponentially, so that adding values one by one does not reallocate each time.
        let capacity = needed.max(self.capacity.saturating_mul(2));
        let old = self.layout();
        let new = Layout::array::<T>(capacity).map_err(|_| AllocError)?;
        // SAFETY: by the invariant `place` is memory of the old layout, or that has no size.
        let place = unsafe { alloc::resize(self.place.as_ptr().cast(), old, new, flags) };
        // INVARIANT: the memory is for `capacity` values, and has the old contents.
        self.place = NonNull::new(place.cast()).ok_or(AllocError)?;
        self.capacity = capacity;
        Ok(())
    }

    /// Returns the layout of the memory.
    fn layout(&self) -> Layout {
        // This cannot fail: `reserve()` has computed the same layout.
        Layout::array::<T>(self.capacity).unwrap_or(Layout::new::<()>())
    }

    /// Adds a value at the end.
    ///
    /// # Errors
    ///
    /// There is not enough memory. The value is dropped.
    #[inline]
    pub fn push(&mut self, value: T, flags: Flags) -> Result<(), AllocError> {
        self.reserve(1, flags)?;
        // SAFETY: the capacity is larger than `len`.
        unsafe { self.place.add(self.len).write(value) };
        // INVARIANT: the value is initialised.
        self.len += 1;
        Ok(())
    }

    /// Removes the last value and returns it.
    #[inline]
    pub fn pop(&mut self) -> Option<T> {
        // INVARIANT: fewer values are initialised.
        self.len = self.len.checked_sub(1)?;
        // SAFETY: the value was initialised, and is not used again here.
        Some(unsafe { self.place.add(self.len).read() })
    }

    /// Drops all but the first `len` values.
    pub fn truncate(&mut self, len: usize) {
        let Some(count) = self.len.checked_sub(len) else {
            return;
        };
        // INVARIANT: the dropped values no longer count, even if a drop panics.
        self.len = len;
        // SAFETY: `len` is at most the old length.
        let rest = unsafe { self.place.add(len) };
        // SAFETY: `count` values from there were initialised, and are not used again.
        unsafe { ptr::drop_in_place(ptr::slice_from_raw_parts_mut(rest.as_ptr(), count)) };
    }

    /// Drops all values, and keeps the memory.
    #[inline]
    pub fn clear(&mut self) {
        self.truncate(0);
    }
}

impl<T: Clone> KVec<T> {
    /// Creates a vector of `count` copies of `value`.
    ///
    /// # Errors
    ///
    /// There is not enough memory.
    #[inline]
    pub fn from_elem(value: T, count: usize, flags: Flags) -> Result<Self, AllocError> {
        let mut values = Self::new();
        values.extend_with(count, value, flags)?;
        Ok(values)
    }

    /// Adds `count` copies of `value`.
    ///
    /// # Errors
    ///
    /// There is not enough memory; nothing is added.
    pub fn extend_with(&mut self, count: usize, value: T, flags: Flags) -> Result<(), AllocError> {
        self.reserve(count, flags)?;
        for _ in 0..count {
            self.push(value.clone(), flags)?;
        }
        Ok(())
    }

    /// Adds copies of the values.
    ///
    /// # Errors
    ///
    /// There is not enough memory; nothing is added.
    pub fn extend_from_slice(&mut self, others: &[T], flags: Flags) -> Result<(), AllocError> {
        self.reserve(others.len(), flags)?;
        for other in others {
            self.push(other.clone(), flags)?;
        }
        Ok(())
    }

    /// Drops values, or adds copies of `value`, to a length of `len`.
    ///
    /// # Errors
    ///
    /// There is not enough memory.
    pub fn resize(&mut self, len: usize, value: T, flags: Flags) -> Result<(), AllocError> {
        match len.checked_sub(self.len) {
            Some(more) => self.extend_with(more, value, flags),
            None => {
                self.truncate(len);
                Ok(())
            }
        }
    }
}

impl<T> Default for KVec<T> {
    #[inline]
    fn default() -> Self {
        Self::new()
    }
}

impl<T: fmt::Debug> fmt::Debug for KVec<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_slice().fmt(f)
    }
}

impl<T> Deref for KVec<T> {
    type Target = [T];

    #[inline]
    fn deref(&self) -> &[T] {
        // SAFETY: by the invariant `len` values are initialised.
        unsafe { slice::from_raw_parts(self.place.as_ptr(), self.len) }
    }
}

impl<T> DerefMut for KVec<T> {
    #[inline]
    fn deref_mut(&mut self) -> &mut [T] {
        // SAFETY: by the invariant `len` values are initialised; the vector is borrowed exclusively.
        unsafe { slice::from_raw_parts_mut(self.place.as_ptr(), self.len) }
    }
}

impl<T> Drop for KVec<T> {
    #[inline]
    fn drop(&mut self) {
        self.clear();
        // SAFETY: by the invariant the memory has that layout; it is not used again.
        unsafe { alloc::release(self.place.as_ptr().cast(), self.layout()) };
    }
}

impl<'a, T> IntoIterator for &'a KVec<T> {
    type Item = &'a T;
    type IntoIter = slice::Iter<'a, T>;

    #[inline]
    fn into_iter(self) -> slice::Iter<'a, T> {
        self.iter()
    }
}

impl<'a, T> IntoIterator for &'a mut KVec<T> {
    type Item = &'a mut T;
    type IntoIter = slice::IterMut<'a, T>;

    #[inline]
    fn into_iter(self) -> slice::IterMut<'a, T> {
        self.iter_mut()
    }
}

/// An iterator that moves the values out of a vector.
pub struct IntoIter<T> {
    /// The values from `next` to `end` are initialised and belong to the iterator: the vector's length is 0.
    values: KVec<T>,
    next: usize,
    end: usize,
}

impl<T> IntoIterator for KVec<T> {
    type Item = T;
    type IntoIter = IntoIter<T>;

    #[inline]
    fn into_iter(mut self) -> IntoIter<T> {
        let end = mem::take(&mut self.len);
        IntoIter {
            values: self,
            next: 0,
            end,
        }
    }
}

impl<T> Iterator for IntoIter<T> {
    type Item = T;

    #[inline]
    fn next(&mut self) -> Option<T> {
        if self.next == self.end {
            return None;
        }
        let at = self.next;
        self.next += 1;
        // SAFETY: the value is initialised, and is not read again.
        Some(unsafe { self.values.place.add(at).read() })
    }

    #[inline]
    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = self.end - self.next;
        (left, Some(left))
    }
}

impl<T> Drop for IntoIter<T> {
    #[inline]
    fn drop(&mut self) {
        self.for_each(drop);
    }
}

#[cfg(all(test, not(kernel)))]
mod tests {
    use super::super::alloc::GFP_KERNEL;
    use super::*;
    use std::rc::Rc;
    use std::string::String;

    #[test]
    fn values_are_added_and_taken_in_order() {
        let mut values = KVec::new();
        assert!(values.is_empty() && values.capacity() == 0);
        for value in 0..100 {
            values
                .push(String::from_iter(['x', value.into()]), GFP_KERNEL)
                .unwrap();
        }
        assert_eq!((values.len(), values.capacity()), (100, 128));
        assert_eq!(values.pop().as_deref(), Some("xc"));
        values[0].push('!');
        assert_eq!(values.iter().map(String::len).sum::<usize>(), 2 * 99 + 1);
        let mut all = values.into_iter();
        assert_eq!(all.next().as_deref(), Some("x\0!"));
        assert_eq!(all.size_hint(), (98, Some(98)));
        assert_eq!(all.last().as_deref(), Some("xb"));
    }

    #[test]
    fn every_value_is_dropped_once() {
        let value = Rc::new(());
        let mut values = KVec::from_elem(Rc::clone(&value), 5, GFP_KERNEL).unwrap();
        assert_eq!(Rc::strong_count(&value), 6);
        values.truncate(7);
        values.truncate(3);
        assert_eq!(Rc::strong_count(&value), 4);
        values.resize(4, Rc::clone(&value), GFP_KERNEL).unwrap();
        values.resize(2, Rc::clone(&value), GFP_KERNEL).unwrap();
        assert_eq!(Rc::strong_count(&value), 3);
        let mut taken = values.into_iter();
        drop(taken.next());
        assert_eq!(Rc::strong_count(&value), 2);
        drop(taken);
        assert_eq!(Rc::strong_count(&value), 1);
    }

    #[test]
    fn zero_sized_and_over_aligned_values_are_supported() {
        let mut none = KVec::with_capacity(7, GFP_KERNEL).unwrap();
        none.extend_with(1000, (), GFP_KERNEL).unwrap();
        assert_eq!((none.len(), none.into_iter().count()), (1000, 1000));
        #[derive(Clone, Debug, PartialEq)]
        #[repr(align(64))]
        struct Line(u8);
        let mut lines = KVec::new();
        lines
            .extend_from_slice(&[Line(1), Line(2), Line(3)], GFP_KERNEL)
            .unwrap();
        assert!(lines.as_ptr().is_aligned());
        assert_eq!(lines.as_slice(), [Line(1), Line(2), Line(3)]);
        lines.clear();
        assert_eq!(lines.pop(), None);
    }

    #[test]
    fn reserving_too_much_is_an_error() {
        let mut values = KVec::new();
        values.push(1_u64, GFP_KERNEL).unwrap();
        assert_eq!(values.reserve(usize::MAX, GFP_KERNEL), Err(AllocError));
        assert_eq!(values.reserve(usize::MAX / 8, GFP_KERNEL), Err(AllocError));
        assert_eq!(values.as_slice(), [1]);
    }
}
