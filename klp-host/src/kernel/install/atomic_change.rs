// SPDX-License-Identifier: GPL-2.0-only

//! Changes a folder atomically: changes a copy made of hard links, and exchanges both.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use anyhow::{Context as _, Result};
use rustix::fs::{CWD, RenameFlags, renameat_with};

/// Changes a folder atomically: `changes` gets a copy, which replaces the folder if it succeeds.
pub(super) fn change(folder: &Path, changes: impl FnOnce(&Path) -> Result<()>) -> Result<()> {
    let parent = folder.parent().unwrap_or(Path::new("/"));
    let temporary = tempfile::Builder::new()
        .prefix(".klp-install-")
        .tempdir_in(parent)
        .with_context(|| format!("cannot write in {}", parent.display()))?;
    let copy = temporary.path().join("copy");
    make_copy(folder, &copy)?;
    changes(&copy)?;
    let exchanged = exchange(folder, &copy);
    if fs::symlink_metadata(folder).is_err() {
        // Only the temporary folder has the tree's files now.
        let kept = temporary.keep();
        return exchanged.with_context(|| {
            format!(
                "{} is gone; its files are in {}: move them back",
                folder.display(),
                kept.display()
            )
        });
    }
    // The old folder is removed with the temporary one.
    exchanged
}

/// Copies a folder as hard links, which keeps timestamps, owners and modes. Files of the copy must be
/// replaced, never written to.
fn make_copy(folder: &Path, copy: &Path) -> Result<()> {
    for entry in walkdir::WalkDir::new(folder) {
        let entry = entry.with_context(|| format!("cannot list {}", folder.display()))?;
        let path = entry.path();
        let new = copy.join(path.strip_prefix(folder).unwrap_or(path));
        let made = if entry.file_type().is_dir() {
            create_like(path, &new)
        } else {
            fs::hard_link(path, &new)
        };
        made.with_context(|| format!("cannot create {}", new.display()))?;
    }
    Ok(())
}

/// Creates a folder with the same mode and owner.
fn create_like(folder: &Path, copy: &Path) -> io::Result<()> {
    let like = fs::metadata(folder)?;
    fs::create_dir(copy)?;
    let made = fs::metadata(copy)?;
    if (made.uid(), made.gid()) != (like.uid(), like.gid()) {
        std::os::unix::fs::chown(copy, Some(like.uid()), Some(like.gid()))?;
    }
    fs::set_permissions(copy, like.permissions())
}

/// Exchanges two folders. If the file system does not support that atomically, one is moved away first.
fn exchange(folder: &Path, copy: &Path) -> Result<()> {
    let failed = || format!("cannot replace {}", folder.display());
    match renameat_with(CWD, folder, CWD, copy, RenameFlags::EXCHANGE) {
        Err(rustix::io::Errno::INVAL | rustix::io::Errno::NOSYS) => {}
        result => return result.with_context(failed),
    }
    let aside = copy.with_file_name("old");
    fs::rename(folder, &aside).with_context(failed)?;
    if let Err(err) = fs::rename(copy, folder) {
        fs::rename(&aside, folder).with_context(failed)?;
        return Err(err).with_context(failed);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_copy_is_kept_if_the_folder_is_gone() {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join("livepatch");
        fs::create_dir(&folder).unwrap();
        fs::write(folder.join("core.c"), "mine").unwrap();
        let error = change(&folder, |_| Ok(fs::remove_dir_all(&folder)?)).unwrap_err();
        assert!(error.to_string().contains("its files are in"), "{error}");
        let temporary = fs::read_dir(root.path()).unwrap().next().unwrap().unwrap();
        let kept = temporary.path().join("copy/core.c");
        assert_eq!(fs::read_to_string(kept).unwrap(), "mine");
    }
}
