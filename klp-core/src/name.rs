// SPDX-License-Identifier: GPL-2.0-only

//! Names of patches, objects and functions.

use crate::errno::Result;
use crate::memory::Vec;
use core::ffi::CStr;
use core::fmt;

/// A name of its own memory: those in a patch's tables go away with the patch's module, and some
/// names are needed for longer.
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

    /// Without the zero byte at the end. Costs nothing, unlike [`Name::as_c_str`].
    pub fn to_bytes(&self) -> &[u8] {
        self.0.get(..self.len()).unwrap_or_default()
    }

    /// For C. Looks through the name for its end.
    pub fn as_c_str(&self) -> &CStr {
        // It was one when it came in; the fallback is never taken.
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

/// A hash of a name (FNV-1a). Names of one module or patch begin alike, so comparing them takes long.
pub fn hash(name: &[u8]) -> u32 {
    name.iter().fold(0x811c_9dc5, |hash, byte| {
        (hash ^ u32::from(*byte)).wrapping_mul(0x0100_0193)
    })
}

/// Shows a C string as far as it is text.
pub struct Shown<'a>(pub &'a CStr);

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut chunks = self.0.to_bytes().utf8_chunks();
        chunks.try_for_each(|chunk| f.write_str(chunk.valid()))
    }
}

/// Shows an object as log lines name it: the module, or `vmlinux`.
pub struct ObjectName<'a>(pub Option<&'a Name>);

impl fmt::Display for ObjectName<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(name) => name.fmt(f),
            None => f.write_str("vmlinux"),
        }
    }
}
