// SPDX-License-Identifier: GPL-2.0-only

//! Helpers to read files, to list folders, and to write files only if they change.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use klp_host::host::files::write_atomic;

/// Reads a file.
///
/// # Errors
///
/// The file cannot be read.
pub fn read(path: &Path) -> Result<Vec<u8>> {
    fs::read(path).with_context(|| format!("cannot read {}", path.display()))
}

/// Lists the entries of a folder, sorted.
///
/// # Errors
///
/// The folder cannot be read.
pub fn listed(dir: &Path) -> Result<Vec<PathBuf>> {
    let list = || format!("cannot list {}", dir.display());
    let entries = fs::read_dir(dir).with_context(list)?;
    let mut paths = entries
        .map(|entry| Ok(entry?.path()))
        .collect::<Result<Vec<_>>>()
        .with_context(list)?;
    paths.sort();
    Ok(paths)
}

/// Lists the entries of a folder with this extension (without a dot), sorted.
///
/// # Errors
///
/// The folder cannot be read.
pub fn with_extension(dir: &Path, extension: &str) -> Result<Vec<PathBuf>> {
    let mut paths = listed(dir)?;
    paths.retain(|path| path.extension().is_some_and(|found| found == extension));
    Ok(paths)
}

/// Writes a file unless it has this content already, so that make does not rebuild its dependents.
///
/// # Errors
///
/// The file cannot be written.
pub fn write_changed(file: &Path, content: &[u8]) -> Result<()> {
    match fs::read(file) {
        Ok(found) if found == content => Ok(()),
        _ => write_atomic(file, content),
    }
}
