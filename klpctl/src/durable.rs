// SPDX-License-Identifier: GPL-2.0-only

//! Atomic and durable file operations: after a power cut, a file has its old or its new content, never a part.

use std::fs::{self, File, Permissions};
use std::io::{ErrorKind, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use anyhow::{Context as _, Result};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// The prefix of files that are being written, and of folders that are being removed.
const PARTIAL: &str = ".partial-";

/// The mode of written files: readable by all, writable by root.
const MODE: u32 = 0o644;

/// Writes a file atomically. The file and its directory entry are on the disk when this returns.
///
/// # Errors
///
/// It cannot be written.
pub fn write(path: &Path, content: &[u8]) -> Result<()> {
    let cannot = || format!("cannot write {}", path.display());
    let dir = path.parent().with_context(cannot)?;
    create_dir(dir)?;
    let mut file = tempfile::Builder::new()
        .prefix(PARTIAL)
        .permissions(Permissions::from_mode(MODE))
        .tempfile_in(dir)
        .with_context(cannot)?;
    file.write_all(content).with_context(cannot)?;
    // The umask may have cleared permissions.
    file.as_file()
        .set_permissions(Permissions::from_mode(MODE))
        .with_context(cannot)?;
    file.as_file().sync_all().with_context(cannot)?;
    file.persist(path).with_context(cannot)?;
    sync_dir(dir)
}

/// Writes a value as JSON, as [`write()`] does.
///
/// # Errors
///
/// It cannot be written.
pub fn write_json(path: &Path, value: &impl Serialize) -> Result<()> {
    let mut text = serde_json::to_vec_pretty(value)?;
    text.push(b'\n');
    write(path, &text)
}

/// Reads a value written by [`write_json`]; `None` if there is none.
///
/// # Errors
///
/// It cannot be read, or is damaged.
pub fn read_json<T: DeserializeOwned>(path: &Path) -> Result<Option<T>> {
    let text = match fs::read(path) {
        Ok(text) => text,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error).with_context(|| format!("cannot read {}", path.display())),
    };
    let value = serde_json::from_slice(&text)
        .with_context(|| format!("{} is damaged; it can be removed", path.display()))?;
    Ok(Some(value))
}

/// Renames a file within its folder. The new name is on the disk when this returns.
///
/// # Errors
///
/// It cannot be renamed.
pub fn rename(from: &Path, to: &Path) -> Result<()> {
    fs::rename(from, to).with_context(|| format!("cannot rename {}", from.display()))?;
    to.parent().map_or(Ok(()), sync_dir)
}

/// Removes a file. The removal is on the disk when this returns. Returns whether the file existed.
///
/// # Errors
///
/// It exists and cannot be removed.
pub fn remove(path: &Path) -> Result<bool> {
    match fs::remove_file(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(false),
        removed => removed.with_context(|| format!("cannot remove {}", path.display()))?,
    }
    if let Some(dir) = path.parent() {
        sync_dir(dir)?;
    }
    Ok(true)
}

/// Removes partial files and folders that a power cut left in `dir`.
///
/// # Errors
///
/// They cannot be removed.
pub fn remove_partial(dir: &Path) -> Result<()> {
    for entry in fs::read_dir(dir).into_iter().flatten().flatten() {
        if entry.file_name().to_string_lossy().starts_with(PARTIAL) {
            let path = entry.path();
            if path.is_dir() {
                fs::remove_dir_all(&path)
                    .with_context(|| format!("cannot remove {}", path.display()))?;
            } else {
                remove(&path)?;
            }
        }
    }
    Ok(())
}

/// Creates a folder and its parents, with their directory entries on the disk.
fn create_dir(dir: &Path) -> Result<()> {
    if dir.is_dir() {
        return Ok(());
    }
    if let Some(above) = dir.parent().filter(|above| !above.as_os_str().is_empty()) {
        create_dir(above)?;
    }
    match fs::create_dir(dir) {
        Err(error) if error.kind() != ErrorKind::AlreadyExists => {
            return Err(error).with_context(|| format!("cannot create {}", dir.display()));
        }
        _ => {}
    }
    dir.parent().map_or(Ok(()), sync_dir)
}

/// Writes the directory entries of a folder to the disk.
fn sync_dir(dir: &Path) -> Result<()> {
    let dir = if dir.as_os_str().is_empty() {
        Path::new(".")
    } else {
        dir
    };
    File::open(dir)
        .and_then(|dir| dir.sync_all())
        .with_context(|| format!("cannot write the folder {}", dir.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_replaced_atomically() {
        let dir = tempfile::tempdir().expect("a folder");
        let path = dir.path().join("a/b/file");
        write(&path, b"first").expect("written");
        write(&path, b"second").expect("written");
        assert_eq!(fs::read(&path).expect("there"), b"second");
        let mode = fs::metadata(&path).expect("there").permissions().mode();
        assert_eq!(mode & 0o777, MODE);
        let names = fs::read_dir(path.parent().expect("a folder")).expect("readable");
        assert_eq!(names.count(), 1, "nothing else is left");
        assert!(remove(&path).expect("removed"));
        assert!(!remove(&path).expect("nothing to do"));
    }

    #[test]
    fn partial_files_are_removed() {
        let dir = tempfile::tempdir().expect("a folder");
        fs::write(dir.path().join(".partial-x1"), "half").expect("a file");
        fs::create_dir_all(dir.path().join(".partial-x2/y")).expect("a folder");
        fs::write(dir.path().join("whole"), "").expect("a file");
        remove_partial(dir.path()).expect("removed");
        let names: Vec<_> = fs::read_dir(dir.path())
            .expect("readable")
            .flatten()
            .map(|entry| entry.file_name())
            .collect();
        assert_eq!(names, ["whole"]);
    }

    #[test]
    fn damaged_json_is_reported_with_its_path() {
        let dir = tempfile::tempdir().expect("a folder");
        let path = dir.path().join("x.json");
        assert_eq!(read_json::<Vec<u8>>(&path).expect("none"), None);
        write_json(&path, &[1, 2]).expect("written");
        assert_eq!(
            read_json::<Vec<u8>>(&path).expect("readable"),
            Some(vec![1, 2])
        );
        fs::write(&path, "{").expect("a file");
        let error = read_json::<Vec<u8>>(&path).expect_err("damaged");
        assert!(format!("{error:#}").contains("x.json is damaged"));
    }
}
