// SPDX-License-Identifier: GPL-2.0-only

//! What a kernel's build exports to modules: its `Module.symvers`.

use crate::Error;
use std::collections::HashMap;
use std::path::Path;

/// The exported symbols of a kernel and its modules.
pub(super) struct Exports(HashMap<String, Export>);

/// An exported symbol.
pub(super) struct Export {
    /// Its version; 0 in a kernel without versions.
    pub(super) version: u64,
    /// Empty for none.
    pub(super) namespace: String,
}

impl Exports {
    /// Reads a file of lines `VERSION SYMBOL MODULE KIND NAMESPACE`, with tabs between.
    pub(super) fn open(path: &Path) -> Result<Self, Error> {
        let text = std::fs::read_to_string(path).map_err(|source| Error::Read {
            path: path.to_owned(),
            source,
        })?;
        Ok(Self(text.lines().filter_map(line).collect()))
    }

    pub(super) fn get(&self, symbol: &str) -> Option<&Export> {
        self.0.get(symbol)
    }
}

fn line(text: &str) -> Option<(String, Export)> {
    let mut words = text.split('\t');
    let version = words.next()?.trim_start_matches("0x");
    let symbol = words.next()?;
    let export = Export {
        version: u64::from_str_radix(version, 16).ok()?,
        namespace: words.nth(2).unwrap_or_default().to_owned(),
    };
    Some((symbol.to_owned(), export))
}
