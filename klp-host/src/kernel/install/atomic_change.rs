// SPDX-License-Identifier: GPL-2.0-only

//! Changes a folder atomically: a copy made of hard links is changed, and exchanged with the folder.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use anyhow::{Context as _, Result};
use rustix::fs::{CWD, RenameFlags, renameat_with};

/// Changes a folder in one step: a twin of it is changed, and takes its place when all went well.
pub(super) fn change(folder: &Path, changes: impl FnOnce(&Path) -> Result<()>) -> Result<()> {
    let parent = folder.parent().unwrap_or(Path::new("/"));
    let room = tempfile::Builder::new()
        .prefix(".klp-install-")
        .tempdir_in(parent)
        .with_context(|| format!("cannot write in {}", parent.display()))?;
    let twin = room.path().join("twin");
    make_twin(folder, &twin)?;
    changes(&twin)?;
    let exchanged = exchange(folder, &twin);
    if fs::symlink_metadata(folder).is_err() {
        // The temporary folder has the only copies of the tree's files now.
        let kept = room.keep();
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

/// Hard links to the same files: times, owners and modes are kept. Files of the copy must be
/// replaced, never written to.
fn make_twin(folder: &Path, twin: &Path) -> Result<()> {
    for entry in walkdir::WalkDir::new(folder) {
        let entry = entry.with_context(|| format!("cannot list {}", folder.display()))?;
        let path = entry.path();
        let copy = twin.join(path.strip_prefix(folder).unwrap_or(path));
        let made = if entry.file_type().is_dir() {
            make_like(path, &copy)
        } else {
            fs::hard_link(path, &copy)
        };
        made.with_context(|| format!("cannot make {}", copy.display()))?;
    }
    Ok(())
}

/// Makes a folder of the same mode and owner.
fn make_like(folder: &Path, copy: &Path) -> io::Result<()> {
    let like = fs::metadata(folder)?;
    fs::create_dir(copy)?;
    let made = fs::metadata(copy)?;
    if (made.uid(), made.gid()) != (like.uid(), like.gid()) {
        std::os::unix::fs::chown(copy, Some(like.uid()), Some(like.gid()))?;
    }
    fs::set_permissions(copy, like.permissions())
}

/// Swaps two folders. Where the file system cannot do it in one step, one is moved away first.
fn exchange(folder: &Path, twin: &Path) -> Result<()> {
    let failed = || format!("cannot replace {}", folder.display());
    match renameat_with(CWD, folder, CWD, twin, RenameFlags::EXCHANGE) {
        Err(rustix::io::Errno::INVAL | rustix::io::Errno::NOSYS) => {}
        result => return result.with_context(failed),
    }
    let aside = twin.with_file_name("old");
    fs::rename(folder, &aside).with_context(failed)?;
    if let Err(err) = fs::rename(twin, folder) {
        fs::rename(&aside, folder).with_context(failed)?;
        return Err(err).with_context(failed);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_without_a_folder_are_kept() {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join("livepatch");
        fs::create_dir(&folder).unwrap();
        fs::write(folder.join("core.c"), "mine").unwrap();
        let error = change(&folder, |_| Ok(fs::remove_dir_all(&folder)?)).unwrap_err();
        assert!(error.to_string().contains("its files are in"), "{error}");
        let room = fs::read_dir(root.path()).unwrap().next().unwrap().unwrap();
        let kept = room.path().join("twin/core.c");
        assert_eq!(fs::read_to_string(kept).unwrap(), "mine");
    }
}
