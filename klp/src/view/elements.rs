// SPDX-License-Identifier: GPL-2.0-only

//! [`Elements`], an array in a view.

use super::access::load_pointer;
use super::member::{Member, Writable};
use crate::errno;
use crate::platform::Result;
use crate::signature::Shape;
use core::marker::PhantomData;

/// The elements of an array in a structure. Each access reads one element.
///
/// ```
/// use klp::prelude::*;
///
/// #[kernel_struct("session")]
/// struct Session {
///     slots: [u16; 4],
/// }
///
/// fn free_slots(session: &Session) -> usize {
///     let slots = session.slots();
///     if slots.get(0) == Some(0) {
///         return 0;
///     }
///     slots.iter().filter(|slot| *slot == 0).count()
/// }
/// # assert_eq!(free_slots(&Session::zeroed()), 0);
/// ```
pub struct Elements<'a, T> {
    first: *const u8,
    len: usize,
    structure: PhantomData<&'a T>,
}

impl<T> Clone for Elements<'_, T> {
    #[inline]
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Elements<'_, T> {}

impl<'a, T: Member> Elements<'a, T> {
    /// Returns the number of elements. For a flexible array, the accessor has read the counter.
    #[inline]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Returns whether there are no elements.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Returns the element at `index`, if there is one.
    #[inline]
    pub fn get(&self, index: usize) -> Option<T::Read<'a>> {
        (index < self.len).then(|| {
            // SAFETY: `index` is less than the number of elements.
            unsafe { T::read(self.first.wrapping_add(index * size_of::<T>())) }
        })
    }

    /// Returns an iterator over the elements.
    #[inline]
    pub fn iter(&self) -> Iter<'a, T> {
        Iter {
            elements: *self,
            next: 0,
        }
    }
}

impl<'a, T: Member> IntoIterator for Elements<'a, T> {
    type Item = T::Read<'a>;
    type IntoIter = Iter<'a, T>;

    #[inline]
    fn into_iter(self) -> Iter<'a, T> {
        self.iter()
    }
}

/// An iterator over [`Elements`].
pub struct Iter<'a, T> {
    elements: Elements<'a, T>,
    next: usize,
}

impl<'a, T: Member> Iterator for Iter<'a, T> {
    type Item = T::Read<'a>;

    #[inline]
    fn next(&mut self) -> Option<T::Read<'a>> {
        let element = self.elements.get(self.next)?;
        self.next += 1;
        Some(element)
    }

    #[inline]
    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = self.elements.len.saturating_sub(self.next);
        (left, Some(left))
    }
}

impl<'a, T: Member> ExactSizeIterator for Iter<'a, T> {}

// SAFETY: an array is its elements, one after the other.
unsafe impl<T: Member, const N: usize> Member for [T; N] {
    type Read<'a> = Elements<'a, T>;
    type Shared<'a> = Elements<'a, T>;

    const SHAPE: Shape = Shape::Aggregate;
    type Target = ();
    const CLAIMS: bool = T::CLAIMS;

    #[inline(always)]
    unsafe fn read<'a>(place: *const u8) -> Self::Read<'a> {
        // SAFETY: the caller guarantees that the array exists.
        unsafe { elements(place, N) }
    }

    #[inline(always)]
    unsafe fn share<'a>(place: *const u8) -> Self::Shared<'a> {
        // SAFETY: as for reading.
        unsafe { <Self as Member>::read(place) }
    }
}

/// Returns the elements that begin at `first`.
///
/// # Safety
///
/// There are `len` elements at `first`, which live for `'a`.
#[inline(always)]
pub unsafe fn elements<'a, T: Member>(first: *const u8, len: usize) -> Elements<'a, T> {
    Elements {
        first,
        len,
        structure: PhantomData,
    }
}

/// Returns the elements that the pointer at `place` points to; none if it is `NULL`.
///
/// # Safety
///
/// There is a pointer at `place`, either `NULL` or to `len` elements that live for `'a`.
#[inline(always)]
pub unsafe fn elements_behind<'a, T: Member>(place: *const u8, len: usize) -> Elements<'a, T> {
    // SAFETY: guaranteed by the caller.
    let first = unsafe { load_pointer(place) };
    let len = if first.is_null() { 0 } else { len };
    // SAFETY: there are `len` elements, as the caller guarantees, or none.
    unsafe { elements(first, len) }
}

/// Writes an element of an array.
///
/// # Errors
///
/// `EINVAL` if `index` is out of range.
///
/// # Safety
///
/// There are `len` writable elements at `first`.
#[inline(always)]
pub unsafe fn element<T: Writable>(first: *mut u8, len: usize, index: usize, value: T) -> Result {
    if index >= len {
        return Err(errno::EINVAL);
    }
    // SAFETY: `index` is less than the number of elements.
    unsafe { T::write(first.wrapping_add(index * size_of::<T>()), value) };
    Ok(())
}
