// SPDX-License-Identifier: GPL-2.0-only

//! Vectors and boxes with fallible allocation: the kernel's, and the host's with the same interface.

use crate::errno::{Result, ENOMEM};
use core::ops::{Deref, DerefMut};

#[cfg(kernel)]
use kernel::alloc::{flags::GFP_KERNEL, KVVec};

/// A vector whose growth can fail.
#[derive(Debug)]
pub struct Vec<T>(
    #[cfg(kernel)] KVVec<T>,
    #[cfg(not(kernel))] std::vec::Vec<T>,
);

impl<T> Vec<T> {
    /// Makes an empty vector, without allocating.
    pub const fn new() -> Self {
        #[cfg(kernel)]
        return Self(KVVec::new());
        #[cfg(not(kernel))]
        Self(std::vec::Vec::new())
    }

    /// Makes an empty vector with room for `capacity` elements.
    ///
    /// # Errors
    ///
    /// `ENOMEM`.
    pub fn with_capacity(capacity: usize) -> Result<Self> {
        #[cfg(kernel)]
        return KVVec::with_capacity(capacity, GFP_KERNEL)
            .map(Self)
            .map_err(|_| ENOMEM);
        #[cfg(not(kernel))]
        {
            failing::allocate(capacity)?;
            let mut vec = std::vec::Vec::new();
            vec.try_reserve_exact(capacity).map_err(|_| ENOMEM)?;
            Ok(Self(vec))
        }
    }

    /// Makes room for `additional` more elements.
    ///
    /// # Errors
    ///
    /// `ENOMEM`.
    pub fn reserve(&mut self, additional: usize) -> Result {
        #[cfg(kernel)]
        return self.0.reserve(additional, GFP_KERNEL).map_err(|_| ENOMEM);
        #[cfg(not(kernel))]
        {
            if self.0.capacity() - self.0.len() < additional {
                failing::allocate(additional)?;
            }
            self.0.try_reserve(additional).map_err(|_| ENOMEM)
        }
    }

    /// Appends `value`.
    ///
    /// # Errors
    ///
    /// `ENOMEM`; nothing is changed then, and `value` is dropped.
    pub fn push(&mut self, value: T) -> Result {
        #[cfg(kernel)]
        return self.0.push(value, GFP_KERNEL).map_err(|_| ENOMEM);
        #[cfg(not(kernel))]
        {
            if self.0.len() == self.0.capacity() {
                failing::allocate(1)?;
            }
            self.0.try_reserve(1).map_err(|_| ENOMEM)?;
            self.0.push(value);
            Ok(())
        }
    }

    /// Removes the element at `index`, if there is one, and shifts those behind it.
    pub fn remove(&mut self, index: usize) -> Option<T> {
        #[cfg(kernel)]
        return self.0.remove(index).ok();
        #[cfg(not(kernel))]
        (index < self.0.len()).then(|| self.0.remove(index))
    }

    /// Removes the last element.
    pub fn pop(&mut self) -> Option<T> {
        self.0.pop()
    }

    /// Removes consecutive equal elements, except the first.
    pub fn dedup(&mut self)
    where
        T: Copy + PartialEq,
    {
        let mut last = None;
        self.retain(|value| last.replace(*value) != Some(*value));
    }

    /// Keeps only the elements for which `keep` returns true.
    pub fn retain(&mut self, mut keep: impl FnMut(&mut T) -> bool) {
        #[cfg(kernel)]
        self.0.retain(|value| keep(value));
        #[cfg(not(kernel))]
        self.0.retain_mut(|value| keep(value));
    }

    /// Iterates over the elements by value.
    #[allow(clippy::should_implement_trait)]
    pub fn into_iter(self) -> impl Iterator<Item = T> {
        self.0.into_iter()
    }

    /// Drops all elements, and keeps the memory.
    pub fn clear(&mut self) {
        self.0.clear();
    }
}

impl<T: Clone> Vec<T> {
    /// Makes a vector of `len` copies of `value`.
    ///
    /// # Errors
    ///
    /// `ENOMEM`.
    pub fn filled(value: T, len: usize) -> Result<Self> {
        let mut vec = Self::with_capacity(len)?;
        for _ in 0..len {
            vec.push(value.clone())?;
        }
        Ok(vec)
    }
}

impl<T: Copy> Vec<T> {
    /// Copies `values`.
    ///
    /// # Errors
    ///
    /// `ENOMEM`.
    pub fn copied(values: &[T]) -> Result<Self> {
        let mut copy = Self::with_capacity(values.len())?;
        #[cfg(kernel)]
        copy.0
            .extend_from_slice(values, GFP_KERNEL)
            .map_err(|_| ENOMEM)?;
        #[cfg(not(kernel))]
        copy.0.extend_from_slice(values);
        Ok(copy)
    }
}

impl<T> Default for Vec<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T> Deref for Vec<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        &self.0
    }
}

impl<T> DerefMut for Vec<T> {
    fn deref_mut(&mut self) -> &mut [T] {
        &mut self.0
    }
}

/// A value on the heap.
#[derive(Debug)]
pub struct Box<T>(
    #[cfg(kernel)] kernel::alloc::KBox<T>,
    #[cfg(not(kernel))] std::boxed::Box<T>,
);

impl<T> Box<T> {
    /// Puts `value` on the heap.
    ///
    /// # Errors
    ///
    /// `ENOMEM`.
    pub fn new(value: T) -> Result<Self> {
        #[cfg(kernel)]
        return kernel::alloc::KBox::new(value, GFP_KERNEL)
            .map(Self)
            .map_err(|_| ENOMEM);
        #[cfg(not(kernel))]
        {
            failing::allocate(1)?;
            Ok(Self(std::boxed::Box::new(value)))
        }
    }

    /// Gives up ownership; [`Box::from_raw`] takes it back.
    pub fn into_raw(self) -> *mut T {
        #[cfg(kernel)]
        return kernel::alloc::KBox::into_raw(self.0);
        #[cfg(not(kernel))]
        std::boxed::Box::into_raw(self.0)
    }

    /// Takes ownership of a value back.
    ///
    /// # Safety
    ///
    /// `raw` came from [`Box::into_raw`], and is no longer used.
    #[allow(unsafe_code)]
    pub unsafe fn from_raw(raw: *mut T) -> Self {
        #[cfg(kernel)]
        // SAFETY: the caller's promise.
        return Self(unsafe { kernel::alloc::KBox::from_raw(raw) });
        #[cfg(not(kernel))]
        // SAFETY: the caller's promise.
        Self(unsafe { std::boxed::Box::from_raw(raw) })
    }
}

impl<T> Deref for Box<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T> DerefMut for Box<T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.0
    }
}

/// Injecting allocation failures in tests.
#[cfg(not(kernel))]
pub mod failing {
    use crate::errno::{Result, ENOMEM};
    use std::cell::Cell;

    std::thread_local! {
        /// How many more allocations of this thread succeed before one fails.
        static LEFT: Cell<Option<usize>> = const { Cell::new(None) };
    }

    /// Lets the next `number` allocations of this thread succeed, and the one after them fail.
    pub fn fail_after(number: usize) {
        LEFT.set(Some(number));
    }

    /// Stops injecting failures. Returns whether an allocation has failed since [`fail_after`].
    pub fn stop() -> bool {
        LEFT.take().is_none()
    }

    /// Calls `use_it`, whose allocations neither fail nor count.
    pub fn without<R>(use_it: impl FnOnce() -> R) -> R {
        let left = LEFT.take();
        let result = use_it();
        LEFT.set(left);
        result
    }

    /// Counts an allocation of `count` elements, which fails if it is due to.
    pub(super) fn allocate(count: usize) -> Result {
        match LEFT.get() {
            Some(0) if count > 0 => {
                LEFT.set(None);
                Err(ENOMEM)
            }
            Some(left) if count > 0 => {
                LEFT.set(Some(left.saturating_sub(1)));
                Ok(())
            }
            _ => Ok(()),
        }
    }
}
