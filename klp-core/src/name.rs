// SPDX-License-Identifier: GPL-2.0-only

//! Names of patches, objects and functions.

use crate::errno::Result;
use crate::memory::Vec;
use core::ffi::CStr;
use core::fmt;

/// An owned name: the names in a patch's tables are freed with its module, and some are needed
/// longer.
#[derive(Debug)]
pub struct Name(Vec<u8>);

impl Name {
    /// Copies `name`.
    ///
    /// # Errors
    ///
    /// `ENOMEM`.
    pub fn new(name: &CStr) -> Result<Self> {
        Vec::copied(name.to_bytes_with_nul()).map(Self)
    }

    /// Copies the name.
    ///
    /// # Errors
    ///
    /// `ENOMEM`.
    pub fn try_clone(&self) -> Result<Self> {
        Vec::copied(&self.0).map(Self)
    }

    /// The name without the NUL byte at the end. Costs nothing, unlike [`Name::as_c_str`].
    pub fn to_bytes(&self) -> &[u8] {
        self.0.get(..self.len()).unwrap_or_default()
    }

    /// The name as a C string. Scans it for NUL bytes.
    pub fn as_c_str(&self) -> &CStr {
        // `new` copied a valid C string, so the fallback is never taken.
        CStr::from_bytes_with_nul(&self.0).unwrap_or(c"")
    }

    /// Length in bytes.
    pub(crate) fn len(&self) -> usize {
        self.0.len().saturating_sub(1)
    }
}

impl PartialEq for Name {
    fn eq(&self, other: &Self) -> bool {
        self.0[..] == other.0[..]
    }
}

impl Eq for Name {}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Shown(self.as_c_str()).fmt(f)
    }
}

/// Hashes a name (FNV-1a). Names of one module or patch have common prefixes, so comparing them is slow.
pub fn hash(name: &[u8]) -> u32 {
    name.iter().fold(0x811c_9dc5, |hash, byte| {
        (hash ^ u32::from(*byte)).wrapping_mul(0x0100_0193)
    })
}

/// Displays a C string, without bytes that are not UTF-8.
pub struct Shown<'a>(pub &'a CStr);

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut chunks = self.0.to_bytes().utf8_chunks();
        chunks.try_for_each(|chunk| f.write_str(chunk.valid()))
    }
}

/// Displays the name of an object: the module, or `vmlinux`.
pub struct ObjectName<'a>(pub Option<&'a Name>);

impl fmt::Display for ObjectName<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(name) => name.fmt(f),
            None => f.write_str("vmlinux"),
        }
    }
}
