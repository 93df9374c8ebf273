// SPDX-License-Identifier: GPL-2.0-only

//! Files of the kernel's source in another form, for a kernel that is built with these instead.

use std::collections::BTreeMap;
use std::path::PathBuf;

use crate::cache::Key;

/// Changed source files of a small kernel.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Changes {
    /// Names the kernel in folders.
    pub name: String,
    /// The files' contents, by their paths in the source tree.
    pub files: BTreeMap<PathBuf, String>,
}

impl Changes {
    /// Adds them to the key of a kernel.
    pub(super) fn key(&self, key: Key) -> Key {
        let key = key.with("changes", &self.name);
        self.files.iter().fold(key, |key, (path, content)| {
            key.with("changed file", path.as_os_str().as_encoded_bytes())
                .with("content", content)
        })
    }
}
