// SPDX-License-Identifier: GPL-2.0-only

//! Turns an upstream fix into a patch with stubs, for `cargo klp new NAME --from FIX`.
//!
//! `mail` and `diff` read the fix, `source` finds the items of C files, `hunk` finds the items that each hunk changes,
//! `object` finds the object that a file is built into, `plan` decides what the patch does for each item on a kernel,
//! and `write` writes the patch.

mod diff;
mod hunk;
mod mail;
mod object;
mod plan;
mod source;
mod write;

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result, ensure};

pub use diff::FileChange;
pub use mail::About;
pub use plan::{Facts, Plan};
pub use write::Files;

/// The maximum size of a fix, in bytes.
const SIZE_MAX: u64 = 16 << 20;

/// A fix.
#[derive(Debug)]
pub struct Fix {
    pub about: About,
    /// The changed files.
    pub files: Vec<FileChange>,
}

impl Fix {
    /// Reads a diff, or a mail with one.
    pub fn read(path: &Path) -> Result<Self> {
        let shown = path.display();
        let length = fs::metadata(path)
            .with_context(|| format!("cannot read the fix {shown}"))?
            .len();
        ensure!(
            length <= SIZE_MAX,
            "{shown} is too large for a fix ({length} bytes): give the diff of one commit"
        );
        let bytes = fs::read(path).with_context(|| format!("cannot read the fix {shown}"))?;
        Self::parse(&bytes).with_context(|| format!("cannot read a fix from {shown}"))
    }

    fn parse(bytes: &[u8]) -> Result<Self> {
        let message = mail::read(bytes)?;
        let files = diff::read(&message.diff)?;
        Ok(Self {
            about: message.about,
            files,
        })
    }
}
