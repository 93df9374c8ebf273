// SPDX-License-Identifier: GPL-2.0-only

//! Memory of user space, of which there is none here: every access fails.

use super::Result;
use crate::errno::EFAULT;

/// A pointer of user space.
#[derive(Clone, Copy)]
pub struct UserPtr(());

impl UserPtr {
    /// From an address.
    pub fn from_addr(_address: usize) -> Self {
        Self(())
    }
}

/// A range of user memory.
pub struct UserSlice(usize);

impl UserSlice {
    /// From its beginning and length.
    pub fn new(_ptr: UserPtr, length: usize) -> Self {
        Self(length)
    }

    /// For reading.
    pub fn reader(self) -> UserSliceReader {
        UserSliceReader(self.0)
    }

    /// For writing.
    pub fn writer(self) -> UserSliceWriter {
        UserSliceWriter(self.0)
    }
}

/// Reads user memory from its beginning on.
pub struct UserSliceReader(usize);

impl UserSliceReader {
    /// How much is left.
    pub fn len(&self) -> usize {
        self.0
    }

    /// Whether nothing is left.
    pub fn is_empty(&self) -> bool {
        self.0 == 0
    }

    /// Fills the buffer.
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

    /// Skips some.
    ///
    /// # Errors
    ///
    /// `EFAULT`: there is not so much.
    pub fn skip(&mut self, count: usize) -> Result {
        self.0 = self.0.checked_sub(count).ok_or(EFAULT)?;
        Ok(())
    }
}

/// Writes user memory from its beginning on.
pub struct UserSliceWriter(usize);

impl UserSliceWriter {
    /// How much is left.
    pub fn len(&self) -> usize {
        self.0
    }

    /// Whether nothing is left.
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
