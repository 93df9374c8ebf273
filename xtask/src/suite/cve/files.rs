// SPDX-License-Identifier: GPL-2.0-only

//! Files that are written anew only when they change.

use std::fs;
use std::path::Path;

use anyhow::Result;
use klp_host::host::files::write_atomic;

/// Writes a file unless it has this content, so that its dependents stay up to date.
pub(super) fn write_changed(file: &Path, content: &[u8]) -> Result<()> {
    match fs::read(file) {
        Ok(found) if found == content => Ok(()),
        _ => write_atomic(file, content),
    }
}
