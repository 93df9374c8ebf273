// SPDX-License-Identifier: GPL-2.0-only

//! Locks on cache entries, which child processes can share.

use std::fs::{File, TryLockError};
use std::io::{Read as _, Seek as _, Write as _};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::Command;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context as _, Result};
use rustix::io::{FdFlags, fcntl_setfd};

use crate::host::{files, process, progress};

/// The files of the locks that this process holds.
static HELD: Mutex<Vec<Arc<File>>> = Mutex::new(Vec::new());

/// A lock on a cache entry, held until dropped.
///
/// Children do not share it, except by [`inherit_locks`].
#[derive(Debug)]
pub struct Lock {
    file: Arc<File>,
}

impl Drop for Lock {
    fn drop(&mut self) {
        held(|held| held.retain(|file| !Arc::ptr_eq(file, &self.file)));
        // Closing is not enough while a child has the file open. Errors cannot be handled, and none is
        // known.
        let _ = self.file.unlock();
    }
}

impl Lock {
    /// Takes the lock, waiting for its holder, which is printed.
    pub(super) fn take(path: &Path, what: &str) -> Result<Self> {
        let file = files::open_or_create(path)?;
        let mut reported = false;
        while !try_lock(&file, path)? {
            if !reported {
                progress::say(&format!(
                    "waiting for {what}, which is locked by {}",
                    holder(&file)
                ));
                reported = true;
            }
            process::sleep(Duration::from_millis(200))?;
        }
        Ok(Self::taken(file))
    }

    /// Takes the lock if it is free.
    pub(super) fn try_take(path: &Path) -> Result<Option<Self>> {
        let file = files::open_or_create(path)?;
        Ok(try_lock(&file, path)?.then(|| Self::taken(file)))
    }

    fn taken(mut file: File) -> Self {
        // Only for the message of waiting processes.
        let _ = file
            .set_len(0)
            .and_then(|()| file.rewind())
            .and_then(|()| write!(file, "{}", std::process::id()));
        let file = Arc::new(file);
        held(|held| held.push(Arc::clone(&file)));
        Self { file }
    }
}

/// Passes this process' locks to a command, so that they are held until both have ended.
///
/// For commands that write to an entry and can outlive this process, such as
/// make: the next run waits for them. Other children must not inherit them: a lingering or untrusted one
/// would block other processes.
pub fn inherit_locks(command: &mut Command) {
    let files = held(|held| held.clone());
    let keep = move || {
        for file in &files {
            fcntl_setfd(file, FdFlags::empty())?;
        }
        Ok(())
    };
    // SAFETY: Between fork and exec the closure only makes system calls. It neither allocates
    // nor locks, and it owns the files, so that their descriptors are still theirs.
    #[allow(unsafe_code)]
    unsafe {
        command.pre_exec(keep);
    }
}

fn held<T>(action: impl FnOnce(&mut Vec<Arc<File>>) -> T) -> T {
    action(&mut HELD.lock().unwrap_or_else(PoisonError::into_inner))
}

fn try_lock(file: &File, path: &Path) -> Result<bool> {
    match file.try_lock() {
        Ok(()) => Ok(true),
        Err(TryLockError::WouldBlock) => Ok(false),
        Err(TryLockError::Error(err)) => {
            Err(err).with_context(|| format!("cannot lock {}", path.display()))
        }
    }
}

fn holder(mut file: &File) -> String {
    let mut pid = String::new();
    let _ = file.rewind().and_then(|()| file.read_to_string(&mut pid));
    if pid.is_empty() {
        "another process".to_owned()
    } else {
        format!("process {pid}")
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;
    use std::process::Child;

    use super::*;

    fn lock(dir: &Path) -> (PathBuf, Lock) {
        let path = dir.join("a.lock");
        let lock = Lock::take(&path, "a").unwrap();
        (path, lock)
    }

    fn sleep() -> Command {
        let mut command = process::command("sleep");
        command.arg("100");
        command
    }

    /// Whether the child has the file open.
    fn has(child: &Child, path: &Path) -> bool {
        std::fs::read_dir(format!("/proc/{}/fd", child.id()))
            .unwrap()
            .flatten()
            .any(|file| std::fs::read_link(file.path()).is_ok_and(|target| target == path))
    }

    fn end(mut child: Child) {
        child.kill().unwrap();
        child.wait().unwrap();
    }

    fn is_free(path: &Path) -> bool {
        File::open(path).unwrap().try_lock().is_ok()
    }

    #[test]
    fn only_selected_commands_inherit_locks() {
        let dir = tempfile::tempdir().unwrap();
        let (path, _lock) = lock(dir.path());
        let path = path.canonicalize().unwrap();
        let plain = sleep().spawn().unwrap();
        let mut command = sleep();
        inherit_locks(&mut command);
        let make = command.spawn().unwrap();
        assert!(!has(&plain, &path) && has(&make, &path));
        end(plain);
        end(make);
    }

    #[test]
    fn dropping_a_lock_releases_it_despite_a_running_command() {
        let dir = tempfile::tempdir().unwrap();
        let (path, lock) = lock(dir.path());
        let mut command = sleep();
        inherit_locks(&mut command);
        let make = command.spawn().unwrap();
        drop(lock);
        assert!(is_free(&path));
        end(make);
    }
}
