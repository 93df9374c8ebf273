// SPDX-License-Identifier: GPL-2.0-only

//! A fix as upstream published it, and what of it a live patch can do: behind
//! `cargo klp new NAME --from FIX`.
//!
//! `mail` and `diff` read the fix, `source` finds the functions of C files, `hunk` says what each hunk
//! changes, `object` finds where a file is built into, `plan` judges each function on a kernel, and
//! `write` writes the patch.

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

/// No fix is larger.
const LARGEST: u64 = 16 << 20;

/// A fix.
#[derive(Debug)]
pub struct Fix {
    /// Its description.
    pub about: About,
    /// Its changes.
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
            length <= LARGEST,
            "{shown} has {length} bytes: no fix is that large; give the diff of one commit"
        );
        let bytes = fs::read(path).with_context(|| format!("cannot read the fix {shown}"))?;
        Self::parse(&bytes).with_context(|| format!("cannot take a fix from {shown}"))
    }

    /// The same from its bytes.
    fn parse(bytes: &[u8]) -> Result<Self> {
        let message = mail::read(bytes)?;
        let files = diff::read(&message.diff)?;
        Ok(Self {
            about: message.about,
            files,
        })
    }
}
