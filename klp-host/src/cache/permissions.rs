// SPDX-License-Identifier: GPL-2.0-only

//! Checks that no other user can have written to the cache.
//!
//! The cache contains programs, makefiles and a library that the compiler loads: a writer
//! runs code as its user. As sudo does for its configuration, and ssh for keys, this
//! refuses a folder that another user owns or can write, and checks its parents:
//! a user who can rename a parent, or retarget a link, can substitute another cache.
//! Sticky folders such as `/tmp`, where only owners can rename, are allowed.

use std::collections::VecDeque;
use std::ffi::OsString;
use std::fs::{self, Metadata};
use std::io::ErrorKind;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Component, Path, PathBuf};

use anyhow::{Context as _, Result, bail, ensure};

use crate::host::files;

/// Root, and the overflow user, which represents unmapped owners in a user namespace.
const SYSTEM: [u32; 2] = [0, 65534];

/// The maximal number of symbolic links in a path.
const LINKS: usize = 40;

/// The sticky bit: only owners can rename or remove entries.
const STICKY: u32 = 0o1000;

/// Creates the folder if missing, private to this user, and refuses one that others can
/// change.
pub(super) fn private_folder(dir: &Path) -> Result<()> {
    let dir = std::path::absolute(dir).with_context(|| format!("cannot use {}", dir.display()))?;
    let user = User::current();
    // Before anything is created: root must not create folders in those of others.
    if user.check_path(&dir)?.is_none() {
        files::create_private_dir(&dir)?;
    }
    let Some((dir, data)) = user.check_path(&dir)? else {
        bail!("{} was removed just now", dir.display());
    };
    user.check_own(&dir, &data)?;
    // Only an existing cache, not any folder that the user names.
    if data.mode() & 0o077 != 0 && dir.join("locks").is_dir() {
        fs::set_permissions(&dir, fs::Permissions::from_mode(0o700))
            .with_context(|| format!("cannot make {} private", dir.display()))?;
    }
    Ok(())
}

/// The user that the cache must belong to.
struct User {
    id: u32,
    group: u32,
    /// The user who called sudo.
    sudo: Option<u32>,
}

impl User {
    fn current() -> Self {
        let sudo = std::env::var("SUDO_UID").ok();
        Self {
            id: rustix::process::geteuid().as_raw(),
            group: rustix::process::getegid().as_raw(),
            sudo: sudo.and_then(|id| id.parse().ok()),
        }
    }

    /// Resolves a path as the kernel does, and checks every component. Returns the folder
    /// at its end, if it exists.
    fn check_path(&self, path: &Path) -> Result<Option<(PathBuf, Metadata)>> {
        let mut left = parts(path);
        let mut at = PathBuf::from("/");
        let mut data = read(&at)?.context("there is no /")?;
        let mut links = 0;
        while let Some(part) = left.pop_front() {
            self.check_parent(&at, &data, path)?;
            if part == ".." {
                at.pop();
                data = read(&at)?.with_context(|| format!("{} was removed", at.display()))?;
                continue;
            }
            let next = at.join(&part);
            let Some(found) = read(&next)? else {
                return Ok(None);
            };
            if found.is_symlink() {
                links += 1;
                ensure!(
                    links <= LINKS,
                    "{} goes through too many links",
                    path.display()
                );
                self.check_link(&next, &found, path)?;
                let target = fs::read_link(&next)
                    .with_context(|| format!("cannot read the link {}", next.display()))?;
                if target.is_absolute() {
                    at = PathBuf::from("/");
                    data = read(&at)?.context("there is no /")?;
                }
                let mut parts = parts(&target);
                parts.append(&mut left);
                left = parts;
            } else {
                ensure!(found.is_dir(), "{} is not a folder", next.display());
                (at, data) = (next, found);
            }
        }
        Ok(Some((at, data)))
    }

    fn check_parent(&self, dir: &Path, data: &Metadata, path: &Path) -> Result<()> {
        let problem = if !self.trusts(data.uid()) {
            format!("belongs to user {}", data.uid())
        } else if data.mode() & STICKY != 0 {
            return Ok(());
        } else if let Some(writers) = self.other_writers(data) {
            format!("can be written by {writers}")
        } else {
            return Ok(());
        };
        self.refuse(
            data.uid(),
            &format!("lies below {}, which {problem}", dir.display()),
            path,
        )
    }

    fn check_link(&self, link: &Path, data: &Metadata, path: &Path) -> Result<()> {
        if self.trusts(data.uid()) {
            return Ok(());
        }
        let problem = format!(
            "is reached through the link {}, which belongs to user {}",
            link.display(),
            data.uid()
        );
        self.refuse(data.uid(), &problem, path)
    }

    /// Checks that only this user owns and can write the cache.
    fn check_own(&self, dir: &Path, data: &Metadata) -> Result<()> {
        if data.uid() != self.id {
            return self.refuse(data.uid(), &format!("belongs to user {}", data.uid()), dir);
        }
        let writers = match data.mode() {
            mode if mode & 0o002 != 0 => "everybody",
            mode if mode & 0o020 != 0 => "its group",
            _ => return Ok(()),
        };
        bail!(
            "the cache folder {0} can be written by {writers}, and what is in it runs as code: \
             remove its contents, or if nobody else has written to it, run chmod 700 {0}; or set \
             KLP_CACHE to another folder",
            dir.display(),
        )
    }

    fn trusts(&self, owner: u32) -> bool {
        owner == self.id || SYSTEM.contains(&owner)
    }

    /// Returns which other users can write to a folder. A user's private group, with the ID of the user,
    /// has no other members.
    fn other_writers(&self, data: &Metadata) -> Option<&'static str> {
        let is_own_group = data.gid() == self.group && data.gid() == self.id;
        match data.mode() {
            mode if mode & 0o002 != 0 => Some("everybody"),
            mode if mode & 0o020 != 0 && !is_own_group => Some("its group"),
            _ => None,
        }
    }

    fn refuse(&self, owner: u32, problem: &str, path: &Path) -> Result<()> {
        let remedy = if self.id == 0 && self.sudo == Some(owner) {
            "run this without sudo, or set KLP_CACHE to a folder of root's"
        } else {
            "set KLP_CACHE to a folder of your own"
        };
        bail!(
            "the cache folder {} {problem}, and what is in it runs as code: {remedy}",
            path.display()
        )
    }
}

fn parts(path: &Path) -> VecDeque<OsString> {
    path.components()
        .filter_map(|part| match part {
            Component::Normal(name) => Some(name.to_owned()),
            Component::ParentDir => Some("..".into()),
            _ => None,
        })
        .collect()
}

fn read(path: &Path) -> Result<Option<Metadata>> {
    match fs::symlink_metadata(path) {
        Ok(data) => Ok(Some(data)),
        Err(err) if err.kind() == ErrorKind::NotFound => Ok(None),
        Err(err) => {
            Err(err).with_context(|| format!("cannot read the state of {}", path.display()))
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{chown, lchown, symlink};

    use super::*;

    /// An unused user.
    const OTHER: u32 = 54321;

    fn is_root() -> bool {
        rustix::process::geteuid().is_root()
    }

    fn set_mode(path: &Path, mode: u32) {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    }

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    fn refused(dir: &Path) -> String {
        format!("{:#}", private_folder(dir).unwrap_err())
    }

    #[test]
    fn a_new_cache_is_private() {
        let dir = tempfile::tempdir().unwrap();
        let cache = dir.path().join("a/cache");
        private_folder(&cache).unwrap();
        assert_eq!(mode(&cache), 0o700);
        private_folder(&cache).unwrap();
    }

    #[test]
    fn a_cache_that_others_can_read_is_made_private() {
        let dir = tempfile::tempdir().unwrap();
        let cache = dir.path().join("cache");
        fs::create_dir_all(cache.join("locks")).unwrap();
        set_mode(&cache, 0o755);
        private_folder(&cache).unwrap();
        assert_eq!(mode(&cache), 0o700);
        // A folder that is not known to be a cache is not changed.
        set_mode(dir.path(), 0o755);
        private_folder(dir.path()).unwrap();
        assert_eq!(mode(dir.path()), 0o755);
    }

    #[test]
    fn a_cache_that_others_can_write_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        for (bits, who) in [
            (0o777, "everybody"),
            (0o770, "its group"),
            (0o1777, "everybody"),
        ] {
            set_mode(dir.path(), bits);
            let text = refused(dir.path());
            assert!(text.contains(&format!("can be written by {who}")), "{text}");
            assert!(
                text.contains("chmod 700") && text.contains("KLP_CACHE"),
                "{text}"
            );
        }
    }

    #[test]
    fn a_cache_of_another_user_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let folder = if is_root() {
            chown(dir.path(), Some(OTHER), None).unwrap();
            dir.path()
        } else {
            Path::new("/usr")
        };
        let text = refused(folder);
        assert!(text.contains("belongs to user"), "{text}");
        assert!(text.contains("KLP_CACHE"), "{text}");
    }

    #[test]
    fn nothing_is_created_below_folders_of_others() {
        let dir = tempfile::tempdir().unwrap();
        set_mode(dir.path(), 0o777);
        let text = refused(&dir.path().join("a/cache"));
        assert!(
            text.contains("lies below") && text.contains("written by everybody"),
            "{text}"
        );
        assert!(!dir.path().join("a").exists());
        // Only owners can rename in a sticky folder.
        set_mode(dir.path(), 0o1777);
        private_folder(&dir.path().join("a/cache")).unwrap();
        if is_root() {
            chown(dir.path(), Some(OTHER), None).unwrap();
            let text = refused(&dir.path().join("b"));
            assert!(text.contains(&format!("belongs to user {OTHER}")), "{text}");
            assert!(!dir.path().join("b").exists());
        }
    }

    #[test]
    fn links_are_followed_and_their_targets_checked() {
        let dir = tempfile::tempdir().unwrap();
        let (open, real) = (dir.path().join("open"), dir.path().join("real"));
        fs::create_dir(&open).unwrap();
        fs::create_dir(&real).unwrap();
        symlink("../real", open.join("inner")).unwrap();
        let link = dir.path().join("link");
        symlink(open.join("inner"), &link).unwrap();
        private_folder(&link.join("cache")).unwrap();
        assert!(real.join("cache").is_dir());
        set_mode(&open, 0o777);
        assert!(refused(&link.join("cache")).contains("lies below"));
        set_mode(&open, 0o755);
        if is_root() {
            lchown(open.join("inner"), Some(OTHER), None).unwrap();
            let text = refused(&link);
            assert!(text.contains("is reached through the link"), "{text}");
        }
        let circle = dir.path().join("circle");
        symlink(&circle, &circle).unwrap();
        assert!(refused(&circle).contains("too many links"));
    }

    #[test]
    fn other_files_are_refused_as_folders() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("file");
        fs::write(&file, "").unwrap();
        assert!(refused(&file).contains("is not a folder"));
        assert!(refused(&file.join("cache")).contains("is not a folder"));
    }

    #[test]
    fn sudo_users_are_advised_to_run_without_sudo() {
        let sudo = User {
            id: 0,
            group: 0,
            sudo: Some(1000),
        };
        let refuse = |owner| {
            let result = sudo.refuse(owner, "belongs to somebody", Path::new("/c"));
            result.unwrap_err().to_string()
        };
        assert!(refuse(1000).contains("without sudo"));
        assert!(!refuse(1001).contains("without sudo"));
    }
}
