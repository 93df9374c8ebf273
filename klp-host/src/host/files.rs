// SPDX-License-Identifier: GPL-2.0-only

//! Writes files with predictable names: locks, logs, records. Links are not followed when
//! opening, and files are replaced atomically.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::{
    DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _,
};
use std::path::Path;

use anyhow::{Context as _, Result, bail};
use rustix::fs::OFlags;
use rustix::io::Errno;

/// Creates a folder, and missing parents, that only this user can access.
pub fn create_private_dir(dir: &Path) -> Result<()> {
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(dir)
        .with_context(|| format!("cannot create {}", dir.display()))
}

/// Opens a file for reading and writing without truncating it, created if missing.
pub fn open_or_create(path: &Path) -> Result<File> {
    open(path, OpenOptions::new().create(true).read(true).write(true))
}

/// Opens a log for appending, created if missing.
pub fn append(path: &Path) -> Result<File> {
    open(path, OpenOptions::new().create(true).append(true))
}

/// Creates or truncates a log.
pub fn create_log(path: &Path) -> Result<()> {
    // Truncated only after the checks in `append`.
    append(path)?
        .set_len(0)
        .with_context(|| format!("cannot empty {}", path.display()))
}

/// Opens a regular file with a single link. Another user with write access to the folder could have
/// created a hard or symbolic link to a file that only this user can write.
fn open(path: &Path, options: &mut OpenOptions) -> Result<File> {
    // Opening a FIFO must not block.
    let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK;
    let opened = options
        .mode(0o600)
        .custom_flags(flags.bits().cast_signed())
        .open(path);
    let file = match opened {
        Err(err) if err.raw_os_error() == Some(Errno::LOOP.raw_os_error()) => bail!(
            "{} is a symbolic link, which is not followed: remove it",
            path.display()
        ),
        opened => opened.with_context(|| format!("cannot open {}", path.display()))?,
    };
    let data = file
        .metadata()
        .with_context(|| format!("cannot read the state of {}", path.display()))?;
    if !data.is_file() || data.nlink() > 1 {
        bail!(
            "{} is not a regular file with a single link, and is not written to: remove it",
            path.display()
        );
    }
    Ok(file)
}

/// Replaces a file atomically: readers see the old or the new contents, also
/// after a power failure.
pub fn write_atomic(path: &Path, contents: &(impl AsRef<[u8]> + ?Sized)) -> Result<()> {
    let dir = folder_of(path);
    let mut file = tempfile::Builder::new()
        // The umask applies, as for other new files.
        .permissions(fs::Permissions::from_mode(0o666))
        .tempfile_in(dir)
        .with_context(|| format!("cannot write in {}", dir.display()))?;
    let write = || format!("cannot write {}", path.display());
    file.write_all(contents.as_ref()).with_context(write)?;
    // The rename could otherwise reach the disk before the contents.
    file.as_file().sync_all().with_context(write)?;
    file.persist(path).with_context(write)?;
    sync_dir(dir)
}

/// Returns the parent folder; that of a bare file name is `.`.
fn folder_of(path: &Path) -> &Path {
    let parent = path.parent().filter(|dir| !dir.as_os_str().is_empty());
    parent.unwrap_or(Path::new("."))
}

/// Syncs a folder's entries to disk.
pub fn sync_dir(dir: &Path) -> Result<()> {
    File::open(dir)
        .and_then(|dir| dir.sync_all())
        .with_context(|| format!("cannot write {} to the disk", dir.display()))
}

/// Syncs a folder's contents to disk. It syncs the whole file system, which is faster than
/// syncing many files.
pub fn sync_tree(dir: &Path) -> Result<()> {
    let sync = || format!("cannot write {} to the disk", dir.display());
    let open = File::open(dir).with_context(sync)?;
    rustix::fs::syncfs(open).with_context(sync)
}

/// Turns "not found" into success after removing `path`.
pub fn ignore_not_found(removed: std::io::Result<()>, path: &Path) -> Result<()> {
    match removed {
        Err(err) if err.kind() != std::io::ErrorKind::NotFound => {
            Err(err).with_context(|| format!("cannot remove {}", path.display()))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    fn error<T: std::fmt::Debug>(result: Result<T>) -> String {
        format!("{:#}", result.unwrap_err())
    }

    #[test]
    fn links_are_neither_followed_nor_truncated() {
        let dir = tempfile::tempdir().unwrap();
        let victim = dir.path().join("victim");
        fs::write(&victim, "precious").unwrap();
        let (soft, hard) = (dir.path().join("soft"), dir.path().join("hard"));
        symlink(&victim, &soft).unwrap();
        fs::hard_link(&victim, &hard).unwrap();
        for path in [&soft, &hard] {
            for text in [
                error(open_or_create(path)),
                error(append(path)),
                error(create_log(path)),
            ] {
                assert!(text.contains(&path.display().to_string()), "{text}");
                assert!(text.ends_with("remove it"), "{text}");
            }
        }
        assert_eq!(fs::read_to_string(&victim).unwrap(), "precious");
    }

    #[test]
    fn dangling_links_are_not_followed() {
        let dir = tempfile::tempdir().unwrap();
        let target = dir.path().join("target");
        symlink(&target, dir.path().join("link")).unwrap();
        assert!(open_or_create(&dir.path().join("link")).is_err());
        assert!(!target.exists());
    }

    #[test]
    fn other_file_types_are_refused_without_blocking() {
        let dir = tempfile::tempdir().unwrap();
        let fifo = dir.path().join("fifo");
        rustix::fs::mknodat(
            rustix::fs::CWD,
            &fifo,
            rustix::fs::FileType::Fifo,
            rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR,
            0,
        )
        .unwrap();
        assert!(error(open_or_create(&fifo)).contains("not a regular file"));
        append(&fifo).unwrap_err();
    }

    #[test]
    fn files_and_folders_are_private() {
        let dir = tempfile::tempdir().unwrap();
        let inner = dir.path().join("a/b");
        create_private_dir(&inner).unwrap();
        create_private_dir(&inner).unwrap();
        assert_eq!((mode(&dir.path().join("a")), mode(&inner)), (0o700, 0o700));
        let file = inner.join("file");
        append(&file).unwrap().write_all(b"text").unwrap();
        open_or_create(&file).unwrap();
        assert_eq!(fs::read_to_string(&file).unwrap(), "text");
        assert_eq!(mode(&file), 0o600);
        create_log(&file).unwrap();
        assert_eq!(fs::read_to_string(&file).unwrap(), "");
    }

    #[test]
    fn atomic_writes_replace_the_file_and_apply_the_umask() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("file");
        let plain = dir.path().join("plain");
        fs::write(&plain, "").unwrap();
        write_atomic(&path, "old").unwrap();
        write_atomic(&path, "new").unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "new");
        assert_eq!(mode(&path), mode(&plain));
        assert_eq!(
            dir.path().read_dir().unwrap().count(),
            2,
            "no temporary file is left"
        );
    }

    #[test]
    fn a_link_is_replaced_and_its_target_stays() {
        let dir = tempfile::tempdir().unwrap();
        let (target, link) = (dir.path().join("target"), dir.path().join("link"));
        fs::write(&target, "precious").unwrap();
        symlink(&target, &link).unwrap();
        write_atomic(&link, "new").unwrap();
        assert_eq!(fs::read_to_string(&target).unwrap(), "precious");
        assert!(!link.is_symlink());
    }
}
