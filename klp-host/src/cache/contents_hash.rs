// SPDX-License-Identifier: GPL-2.0-only

//! A hash of a folder's contents, which detects truncated, replaced, edited or
//! removed files.
//!
//! It covers sizes and times instead of contents: a kernel's source is 90,000 files, and reading them each time
//! would take longer than most uses. Silent corruption of a disk is not detected.

use std::fs::{self, Metadata};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

use super::key::Key;

/// Hashes the names, types, sizes and times of everything in `dir` except the file `except` at its top.
pub(super) fn of(dir: &Path, except: &str) -> Result<String> {
    let mut key = Key::new();
    for (path, data) in entries(dir)? {
        let name = path.strip_prefix(dir).unwrap_or(&path);
        if name != Path::new(except) {
            key = add(key, name, &data);
        }
    }
    Ok(key.long())
}

fn add(key: Key, name: &Path, data: &Metadata) -> Key {
    let key = key
        .with("name", name.as_os_str().as_bytes())
        .with("mode", data.mode().to_le_bytes());
    // A folder's time changes with the names in it, which are hashed anyway.
    if data.is_dir() {
        return key;
    }
    key.with("size", data.size().to_le_bytes())
        .with("seconds", data.mtime().to_le_bytes())
        .with("nanoseconds", data.mtime_nsec().to_le_bytes())
}

/// Lists everything below a folder, sorted by name. Links are not followed.
fn entries(dir: &Path) -> Result<Vec<(PathBuf, Metadata)>> {
    let mut found = Vec::new();
    let mut folders = vec![dir.to_owned()];
    while let Some(folder) = folders.pop() {
        let cannot = || format!("cannot read {}", folder.display());
        for item in fs::read_dir(&folder).with_context(cannot)? {
            let item = item.with_context(cannot)?;
            let data = item.metadata().with_context(cannot)?;
            if data.is_dir() {
                folders.push(item.path());
            }
            found.push((item.path(), data));
        }
    }
    found.sort_by(|(a, _), (b, _)| a.cmp(b));
    Ok(found)
}
