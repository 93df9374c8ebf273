// SPDX-License-Identifier: GPL-2.0-only

//! Files that survive a power cut: each is there as it was or as it was meant to be, never half written.

use std::fs::{self, File, Permissions};
use std::io::{ErrorKind, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use anyhow::{Context as _, Result};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// The prefix of files that are being written, and of folders that are being removed.
const PARTIAL: &str = ".partial-";

/// Readable by all; only root may write.
const MODE: u32 = 0o644;

/// Writes a file atomically. When this returns, the file and its name are on the disk.
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
    // The umask may have taken permissions away.
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
/// When it cannot be written.
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

/// Gives a file another name in its folder. When this returns, it has that one on the disk, too.
///
/// # Errors
///
/// When it cannot be renamed.
pub fn rename(from: &Path, to: &Path) -> Result<()> {
    fs::rename(from, to).with_context(|| format!("cannot rename {}", from.display()))?;
    to.parent().map_or(Ok(()), sync_dir)
}

/// Removes a file. When this returns, it will not come back with a power cut. Says whether there was one.
///
/// # Errors
///
/// When it is there and cannot be removed.
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

/// Removes partial files that a power cut has left in a folder.
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

/// Creates a folder and those above it, each with its name on the disk.
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

/// Brings the names in a folder to the disk.
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
    fn a_file_is_replaced_whole() {
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
    fn json_that_is_damaged_is_named() {
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
