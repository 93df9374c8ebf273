// SPDX-License-Identifier: GPL-2.0-only

//! One klpctl at a time: commands that change something take a lock, and wait for it.

use std::fs::{self, File, OpenOptions};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use rustix::fs::{FlockOperation, OFlags, flock};

use crate::outcome::{Failure, Outcome, Status};

/// How often a lock that is held is tried again.
const PAUSE: Duration = Duration::from_millis(100);

/// The lock. It is released when this is dropped, and when the process ends in whatever way.
#[derive(Debug)]
pub struct Lock(#[expect(dead_code, reason = "holds the lock")] File);

impl Lock {
    /// Takes the lock in the folder `dir`, which is created when it is not there.
    ///
    /// # Errors
    ///
    /// [`Status::Conflict`] when another klpctl holds it for longer than `patience`.
    pub fn take(dir: &Path, patience: Duration) -> Outcome<Self> {
        let file = open(dir)?;
        let end = Instant::now() + patience;
        loop {
            match flock(&file, FlockOperation::NonBlockingLockExclusive) {
                Ok(()) => return Ok(Self(file)),
                Err(rustix::io::Errno::WOULDBLOCK) if Instant::now() < end => {
                    std::thread::sleep(PAUSE);
                }
                Err(rustix::io::Errno::WOULDBLOCK) => {
                    return Err(Failure::new(
                        Status::Conflict,
                        format!(
                            "another klpctl has been at work for {} s; try again when it has ended",
                            patience.as_secs()
                        ),
                    ));
                }
                Err(error) => {
                    return Err(anyhow::Error::from(error)
                        .context(format!("cannot lock {}", dir.display()))
                        .into());
                }
            }
        }
    }
}

fn open(dir: &Path) -> Result<File> {
    fs::create_dir_all(dir).with_context(|| format!("cannot create {}", dir.display()))?;
    let path = dir.join("lock");
    OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .custom_flags(OFlags::NOFOLLOW.bits().cast_signed())
        .open(&path)
        .with_context(|| format!("cannot open {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_second_waits_and_gives_up() {
        let dir = tempfile::tempdir().expect("a folder");
        let dir = dir.path().join("klpctl");
        let first = Lock::take(&dir, Duration::ZERO).expect("free");
        let failure = Lock::take(&dir, Duration::from_millis(200)).expect_err("held");
        assert_eq!(failure.status, Status::Conflict);
        drop(first);
        Lock::take(&dir, Duration::ZERO).expect("free again");
    }
}
