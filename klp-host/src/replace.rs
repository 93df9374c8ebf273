// SPDX-License-Identifier: GPL-2.0-only

//! Replaces the contents of files atomically, and keeps their attributes.

use std::ffi::OsString;
use std::fs::{self, File, Metadata, Permissions};
use std::io::{ErrorKind, Write as _};
use std::os::unix::ffi::OsStringExt as _;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail, ensure};
use klp_elf::Shown;
use rustix::fs::{Gid, Mode, Uid, XattrFlags, fchmod, fchown, fgetxattr, flistxattr, fsetxattr};
use rustix::io::Errno;
use tempfile::NamedTempFile;

/// Attributes that are not kept: signatures of the old contents.
const SIGNATURES: [&str; 2] = ["security.evm", "security.ima"];

/// The maximum size of an extended attribute, and of the list of names: `XATTR_SIZE_MAX` and `XATTR_LIST_MAX`.
const XATTR_MAX: usize = 64 << 10;

/// Replaces the contents of a file, or creates it, atomically and durably.
///
/// Symbolic links are followed. Owner, group, mode and extended attributes are kept. A file with several
/// hard links is refused, because only one of them would have the new contents.
pub fn contents(path: &Path, contents: &[u8]) -> Result<()> {
    let shown = Shown::path(path);
    let target = resolve(path).with_context(|| format!("cannot write {shown}"))?;
    let (target, old) = match target {
        Target::New(path) => (path, None),
        Target::Old(path) => {
            let old = klp_elf::open_module(&path)?;
            let metadata = old.metadata()?;
            ensure!(
                metadata.nlink() == 1,
                "{shown} has {} hard links, and only this one would be changed: copy it, and change \
                 the copy",
                metadata.nlink()
            );
            (path, Some((old, metadata)))
        }
    };
    // The parent of a bare file name is an empty path.
    let parent = target.parent().filter(|dir| !dir.as_os_str().is_empty());
    let dir = parent.unwrap_or(Path::new("."));
    let file = temporary(dir, old.is_none())
        .with_context(|| format!("cannot write in {}", Shown::path(dir)))?;
    let write = || -> Result<()> {
        file.as_file().write_all(contents)?;
        if let Some((old, metadata)) = &old {
            copy_attributes(old, metadata, file.as_file())?;
        }
        Ok(file.as_file().sync_all()?)
    };
    write().with_context(|| format!("cannot write {shown}"))?;
    file.persist(&target)
        .with_context(|| format!("cannot write {shown}"))?;
    File::open(dir)
        .and_then(|dir| dir.sync_all())
        .with_context(|| format!("cannot write {shown}"))
}

/// The file to write.
enum Target {
    New(PathBuf),
    Old(PathBuf),
}

/// Follows symbolic links.
fn resolve(path: &Path) -> Result<Target> {
    match fs::canonicalize(path) {
        Ok(target) => Ok(Target::Old(target)),
        Err(error) if error.kind() == ErrorKind::NotFound => {
            if path.is_symlink() {
                bail!("it is a dangling symbolic link");
            }
            Ok(Target::New(path.to_owned()))
        }
        Err(error) => Err(error.into()),
    }
}

/// Creates a temporary file that is removed unless it is persisted. The mode of a new file depends on the
/// umask.
fn temporary(dir: &Path, is_new: bool) -> std::io::Result<NamedTempFile> {
    let mode = if is_new { 0o666 } else { 0o600 };
    tempfile::Builder::new()
        .permissions(Permissions::from_mode(mode))
        .tempfile_in(dir)
}

/// Copies owner, mode and extended attributes to a new file.
fn copy_attributes(old: &File, metadata: &Metadata, new: &File) -> Result<()> {
    let own = new.metadata()?;
    let (owner, group) = (metadata.uid(), metadata.gid());
    if (own.uid(), own.gid()) != (owner, group) {
        fchown(new, Some(Uid::from_raw(owner)), Some(Gid::from_raw(group)))
            .with_context(|| format!("cannot set its owner {owner} and group {group}"))?;
    }
    // After fchown(), which clears the set-user-ID and set-group-ID bits.
    fchmod(new, Mode::from_raw_mode(metadata.mode())).context("cannot set its mode")?;
    for attribute in attributes(old)? {
        let copied = copy(old, new, &attribute);
        let name = attribute.to_string_lossy();
        // Unprivileged users cannot set these. The system sets them by its own rules.
        let optional = name.starts_with("security.") || name.starts_with("trusted.");
        if !optional {
            copied.with_context(|| format!("cannot keep its attribute {name}"))?;
        }
    }
    Ok(())
}

fn attributes(file: &File) -> Result<Vec<OsString>> {
    let mut list = vec![0; XATTR_MAX];
    let length = match flistxattr(file, &mut list[..]) {
        Ok(length) => length,
        Err(Errno::NOTSUP) => 0,
        Err(error) => return Err(error).context("cannot list its attributes"),
    };
    let names = list[..length].split(|&byte| byte == 0);
    Ok(names
        .filter(|name| !name.is_empty())
        .map(|name| OsString::from_vec(name.to_vec()))
        .filter(|name| !SIGNATURES.iter().any(|signature| name == signature))
        .collect())
}

fn copy(old: &File, new: &File, attribute: &OsString) -> rustix::io::Result<()> {
    let mut value = vec![0; XATTR_MAX];
    let length = fgetxattr(old, attribute, &mut value[..])?;
    fsetxattr(new, attribute, &value[..length], XattrFlags::empty())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;
    use std::os::unix::net::UnixListener;

    fn dir() -> tempfile::TempDir {
        tempfile::tempdir().unwrap()
    }

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().mode() & 0o7777
    }

    #[test]
    fn mode_and_attributes_are_kept() {
        let dir = dir();
        let path = dir.path().join("x.ko");
        for wanted in [0o600, 0o644, 0o755] {
            fs::write(&path, "old").unwrap();
            fs::set_permissions(&path, Permissions::from_mode(wanted)).unwrap();
            let file = File::open(&path).unwrap();
            let marked = fsetxattr(&file, "user.klp", b"mark", XattrFlags::empty());
            contents(&path, b"new").unwrap();
            assert_eq!(fs::read(&path).unwrap(), b"new");
            assert_eq!(mode(&path), wanted);
            // Not all file systems support them.
            if marked.is_ok() {
                let mut value = [0; 8];
                let new = File::open(&path).unwrap();
                let length = fgetxattr(&new, "user.klp", &mut value[..]).unwrap();
                assert_eq!(value[..length], *b"mark");
            }
        }
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    }

    #[test]
    fn the_owner_is_kept() {
        // Only root can change the owner.
        if !rustix::process::geteuid().is_root() {
            return;
        }
        let dir = dir();
        let path = dir.path().join("x.ko");
        fs::write(&path, "old").unwrap();
        std::os::unix::fs::chown(&path, Some(1234), Some(5678)).unwrap();
        fs::set_permissions(&path, Permissions::from_mode(0o640)).unwrap();
        contents(&path, b"new").unwrap();
        let metadata = fs::metadata(&path).unwrap();
        assert_eq!((metadata.uid(), metadata.gid()), (1234, 5678));
        assert_eq!(mode(&path), 0o640);
    }

    #[test]
    fn symbolic_links_are_followed() {
        let dir = dir();
        let (link, file) = (dir.path().join("link.ko"), dir.path().join("file.ko"));
        fs::write(&file, "old").unwrap();
        symlink("file.ko", &link).unwrap();
        contents(&link, b"new").unwrap();
        assert!(link.is_symlink());
        assert_eq!(fs::read(&file).unwrap(), b"new");
        fs::remove_file(&file).unwrap();
        let error = format!("{:#}", contents(&link, b"new").unwrap_err());
        assert!(error.contains("a dangling symbolic link"), "{error}");
        assert!(!file.exists());
    }

    #[test]
    fn a_file_with_hard_links_is_refused() {
        let dir = dir();
        let (first, second) = (dir.path().join("a.ko"), dir.path().join("b.ko"));
        fs::write(&first, "old").unwrap();
        fs::hard_link(&first, &second).unwrap();
        let error = format!("{:#}", contents(&first, b"new").unwrap_err());
        assert!(error.contains("has 2 hard links"), "{error}");
        assert_eq!(fs::read(&first).unwrap(), b"old");
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 2);
    }

    #[test]
    fn a_new_file_has_the_default_mode() {
        let dir = dir();
        let (path, plain) = (dir.path().join("new.ko"), dir.path().join("plain"));
        fs::write(&plain, "").unwrap();
        contents(&path, b"new").unwrap();
        assert_eq!(mode(&path), mode(&plain));
    }

    #[test]
    fn other_file_types_are_not_replaced() {
        let dir = dir();
        let socket = dir.path().join("socket");
        let _listener = UnixListener::bind(&socket).unwrap();
        for path in [dir.path(), &socket, Path::new("/dev/null")] {
            assert!(contents(path, b"new").is_err(), "{}", path.display());
        }
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    }
}
