// SPDX-License-Identifier: GPL-2.0-only

//! Temporary folders: empty, private, with unpredictable names.

use std::fs::{self, File};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::Path;
use std::time::{Duration, SystemTime};

use anyhow::{Context as _, Result};
use rustix::fs::OFlags;
use tempfile::TempDir;

/// The minimal age of a leftover folder: a newer one may not have been locked by its owner yet.
const FRESH: Duration = Duration::from_secs(60);

/// A folder that is removed when dropped. [`remove_leftovers`] removes those of killed
/// processes.
#[derive(Debug)]
pub struct Scratch {
    dir: TempDir,
    /// Locked while its owner lives. Dropped after the folder, because fields are dropped in order.
    _alive: File,
}

impl Scratch {
    /// Creates a folder whose name starts with `prefix`.
    pub(crate) fn new(parent: &Path, prefix: &str) -> Result<Self> {
        let create = || format!("cannot create a folder in {}", parent.display());
        let dir = tempfile::Builder::new()
            .prefix(prefix)
            .permissions(fs::Permissions::from_mode(0o700))
            .tempdir_in(parent)
            .with_context(create)?;
        let alive = open(dir.path()).with_context(create)?;
        alive.try_lock().with_context(create)?;
        Ok(Self { dir, _alive: alive })
    }

    /// Leaves the folder behind as a killed process does.
    #[cfg(test)]
    pub(crate) fn abandon(self) {
        let _ = self.dir.keep();
    }

    /// Returns the folder.
    pub fn path(&self) -> &Path {
        self.dir.path()
    }
}

fn open(dir: &Path) -> std::io::Result<File> {
    let flags = OFlags::DIRECTORY | OFlags::NOFOLLOW;
    File::options()
        .read(true)
        .custom_flags(flags.bits().cast_signed())
        .open(dir)
}

/// Removes this user's folders of killed processes in `parent` whose names start
/// with `prefix`. Errors are ignored.
pub(crate) fn remove_leftovers(parent: &Path, prefix: &str) {
    for item in fs::read_dir(parent).into_iter().flatten().flatten() {
        if !item.file_name().to_string_lossy().starts_with(prefix) {
            continue;
        }
        let path = item.path();
        if let Ok(dir) = open(&path)
            && is_leftover(&dir)
        {
            let _ = fs::remove_dir_all(&path);
        }
    }
}

fn is_leftover(dir: &File) -> bool {
    let is_old = |data: &fs::Metadata| {
        let age = SystemTime::now()
            .duration_since(data.modified().ok()?)
            .ok()?;
        Some(age > FRESH)
    };
    let owner = rustix::process::geteuid().as_raw();
    dir.metadata()
        .is_ok_and(|data| data.uid() == owner && is_old(&data) == Some(true))
        && dir.try_lock().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn age(dir: &Path) {
        let earlier = SystemTime::now() - 2 * FRESH;
        open(dir).unwrap().set_modified(earlier).unwrap();
    }

    #[test]
    fn a_folder_is_private_and_removed() {
        let parent = tempfile::tempdir().unwrap();
        let scratch = Scratch::new(parent.path(), "klp-").unwrap();
        let mode = fs::metadata(scratch.path()).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o700);
        fs::write(scratch.path().join("file"), "").unwrap();
        drop(scratch);
        assert_eq!(parent.path().read_dir().unwrap().count(), 0);
    }

    #[test]
    fn only_leftovers_are_removed() {
        let parent = tempfile::tempdir().unwrap();
        let dir = |name: &str| {
            let dir = parent.path().join(name);
            fs::create_dir(&dir).unwrap();
            fs::write(dir.join("file"), "").unwrap();
            dir
        };
        let (left, fresh, other) = (dir("klp-left"), dir("klp-fresh"), dir("other"));
        let in_use = Scratch::new(parent.path(), "klp-").unwrap();
        let link = parent.path().join("klp-link");
        std::os::unix::fs::symlink(&other, &link).unwrap();
        for dir in [&left, &other, in_use.path()] {
            age(dir);
        }
        remove_leftovers(parent.path(), "klp-");
        assert!(!left.exists());
        for dir in [&fresh, &other, in_use.path()] {
            assert!(dir.exists(), "{}", dir.display());
        }
        assert!(other.join("file").exists());
    }
}
