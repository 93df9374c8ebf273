// SPDX-License-Identifier: GPL-2.0-only

//! Changed source files, for building a variant of a small kernel.

use std::collections::BTreeMap;
use std::path::PathBuf;

use crate::cache::Key;

/// Changed source files of a small kernel.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Changes {
    /// The name of the variant in folder names.
    pub name: String,
    /// The files' contents, by their paths in the source tree.
    pub files: BTreeMap<PathBuf, String>,
}

impl Changes {
    /// Adds the changes to the key of a kernel.
    pub(super) fn key(&self, key: Key) -> Key {
        let key = key.with("changes", &self.name);
        self.files.iter().fold(key, |key, (path, content)| {
            key.with("changed file", path.as_os_str().as_encoded_bytes())
                .with("content", content)
        })
    }
}
