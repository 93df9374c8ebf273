// SPDX-License-Identifier: GPL-2.0-only

//! The lock that commands hold while they change something.

use std::fs::{self, File, OpenOptions};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use rustix::fs::{FlockOperation, OFlags, flock};

use crate::outcome::{Failure, Outcome, Status};

/// The interval between attempts to take a lock that is held.
const RETRY_INTERVAL: Duration = Duration::from_millis(100);

/// The lock. Dropping it or ending the process in any way releases it.
#[derive(Debug)]
pub struct Lock(#[expect(dead_code, reason = "holds the lock")] File);

impl Lock {
    /// Takes the lock in the folder `dir`, which is created if it is missing.
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
                    std::thread::sleep(RETRY_INTERVAL);
                }
                Err(rustix::io::Errno::WOULDBLOCK) => {
                    return Err(Failure::new(
                        Status::Conflict,
                        format!(
                            "another klpctl has been running for {} s; try again when it has exited",
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
    fn a_held_lock_times_out() {
        let dir = tempfile::tempdir().expect("a folder");
        let dir = dir.path().join("klpctl");
        let first = Lock::take(&dir, Duration::ZERO).expect("free");
        let failure = Lock::take(&dir, Duration::from_millis(200)).expect_err("held");
        assert_eq!(failure.status, Status::Conflict);
        drop(first);
        Lock::take(&dir, Duration::ZERO).expect("free again");
    }
}
