// SPDX-License-Identifier: GPL-2.0-only

//! The modinfo of a module.

use crate::{Error, Module};

/// The entries of `.modinfo`.
pub(super) struct Info<'data>(Vec<(&'data [u8], &'data [u8])>);

impl<'data> Info<'data> {
    pub(super) fn read(module: &Module<'data>) -> Result<Self, Error> {
        Ok(Self(module.raw_modinfo()?.collect()))
    }

    /// The values of a key.
    pub(super) fn values(&self, key: &str) -> impl Iterator<Item = &'data [u8]> {
        let all = self.0.iter();
        all.filter(move |(found, _)| *found == key.as_bytes())
            .map(|(_, value)| *value)
    }

    /// The first value of a key.
    pub(super) fn value(&self, key: &str) -> Option<&'data [u8]> {
        self.values(key).next()
    }
}
