// SPDX-License-Identifier: GPL-2.0-only

//! Stand-ins for access to user memory, which always fails on the host.

use super::Result;
use crate::errno::EFAULT;

/// A pointer to user memory.
#[derive(Clone, Copy)]
pub struct UserPtr(());

impl UserPtr {
    /// Creates a pointer from an address.
    pub fn from_addr(_address: usize) -> Self {
        Self(())
    }
}

/// A range of user memory.
pub struct UserSlice(usize);

impl UserSlice {
    /// Creates a range from its start and length.
    pub fn new(_ptr: UserPtr, length: usize) -> Self {
        Self(length)
    }

    /// Returns a reader of the range.
    pub fn reader(self) -> UserSliceReader {
        UserSliceReader(self.0)
    }

    /// Returns a writer of the range.
    pub fn writer(self) -> UserSliceWriter {
        UserSliceWriter(self.0)
    }
}

/// A sequential reader of user memory.
pub struct UserSliceReader(usize);

impl UserSliceReader {
    /// Returns the number of bytes that are left.
    pub fn len(&self) -> usize {
        self.0
    }

    /// Returns whether no bytes are left.
    pub fn is_empty(&self) -> bool {
        self.0 == 0
    }

    /// Reads into a buffer.
    ///
    /// # Errors
    ///
    /// `EFAULT`.
    pub fn read_slice(&mut self, _out: &mut [u8]) -> Result {
        Err(EFAULT)
    }

    /// Reads a value.
    ///
    /// # Errors
    ///
    /// `EFAULT`.
    pub fn read<T>(&mut self) -> Result<T> {
        Err(EFAULT)
    }

    /// Skips `count` bytes.
    ///
    /// # Errors
    ///
    /// `EFAULT`: fewer bytes are left.
    pub fn skip(&mut self, count: usize) -> Result {
        self.0 = self.0.checked_sub(count).ok_or(EFAULT)?;
        Ok(())
    }
}

/// A sequential writer of user memory.
pub struct UserSliceWriter(usize);

impl UserSliceWriter {
    /// Returns the number of bytes that are left.
    pub fn len(&self) -> usize {
        self.0
    }

    /// Returns whether no bytes are left.
    pub fn is_empty(&self) -> bool {
        self.0 == 0
    }

    /// Writes the bytes.
    ///
    /// # Errors
    ///
    /// `EFAULT`.
    pub fn write_slice(&mut self, _data: &[u8]) -> Result {
        Err(EFAULT)
    }

    /// Writes a value.
    ///
    /// # Errors
    ///
    /// `EFAULT`.
    pub fn write<T>(&mut self, _value: &T) -> Result {
        Err(EFAULT)
    }
}
