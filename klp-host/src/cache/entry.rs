// SPDX-License-Identifier: GPL-2.0-only

//! A cache entry: how it is made, resumed, used and removed, under its lock.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

use super::lock::Lock;
use super::{contents_hash, create};
use crate::host::files::{ignore_not_found, sync_dir, sync_tree, write_atomic};
use crate::host::progress::say;

/// The marker of a complete entry. Contains the [`contents_hash`] of an immutable one.
pub(super) const READY: &str = ".ready";

/// The id of the boot in which work on an entry began.
const BOOT: &str = ".boot";

/// Whether an entry can be used.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum State {
    Ready,
    /// It does not exist, or work on it has not ended.
    Incomplete,
    /// It was complete, and its contents have changed since.
    Damaged,
}

/// An entry of the cache.
#[derive(Clone, Debug)]
pub struct Entry {
    dir: PathBuf,
}

impl Entry {
    /// The entry in this folder.
    pub(super) fn at(dir: PathBuf) -> Self {
        Self { dir }
    }

    /// Returns its folder, which need not exist yet.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Whether it is complete and undamaged.
    pub fn is_ready(&self) -> bool {
        self.state() == State::Ready
    }

    fn state(&self) -> State {
        let Ok(made) = fs::read_to_string(self.dir.join(READY)) else {
            return State::Incomplete;
        };
        // Mutable entries, and those of older versions, have no hash.
        match made.is_empty()
            || contents_hash::of(&self.dir, READY).is_ok_and(|state| state == made)
        {
            true => State::Ready,
            false => State::Damaged,
        }
    }

    /// Returns the complete entry. Otherwise `make` fills a temporary folder, which is renamed
    /// when complete. For contents without absolute paths that do not change afterwards: a changed
    /// entry is made again.
    pub fn get_or_create(&self, make: impl FnOnce(&Path) -> Result<()>) -> Result<PathBuf> {
        self.get_with(|entry| {
            if entry.state() == State::Damaged {
                say(&format!(
                    "note: {} was changed since it was made; making it again",
                    entry.dir.display()
                ));
            }
            let partial = sibling(&entry.dir, ".partial");
            remove(&partial)?;
            remove(&entry.dir)?;
            create(&partial)?;
            make(&partial)?;
            mark_ready(&partial, &contents_hash::of(&partial, READY)?)?;
            fs::rename(&partial, &entry.dir)
                .with_context(|| format!("cannot name {}", entry.dir.display()))?;
            sync_dir(entry.dir.parent().unwrap_or(&entry.dir))
        })
    }

    /// Returns the complete entry. Otherwise `make` continues in the same folder after an interrupted
    /// run, as `make` and `apt-get` can.
    pub fn get_or_resume(&self, make: impl FnOnce(&Path) -> Result<()>) -> Result<PathBuf> {
        self.get_with(|entry| {
            entry.resume()?;
            make(&entry.dir)?;
            mark_ready(&entry.dir, "")
        })
    }

    /// Runs `make` to bring the entry up to date, complete or not, and returns it. For contents that depend
    /// on files that no key covers.
    pub fn get_updated(&self, make: impl FnOnce(&Path) -> Result<()>) -> Result<PathBuf> {
        let _lock = self.lock()?;
        self.resume()?;
        remove_file(&self.dir.join(READY))?;
        sync_dir(&self.dir)?;
        make(&self.dir)?;
        mark_ready(&self.dir, "")?;
        Ok(self.dir.clone())
    }

    /// Runs `action` on a complete entry under its lock. Does nothing
    /// if it is incomplete or locked.
    pub fn use_ready<T>(&self, action: impl FnOnce(&Path) -> Result<T>) -> Result<Option<T>> {
        let Some(_lock) = self.try_lock()? else {
            return Ok(None);
        };
        if !self.is_ready() {
            return Ok(None);
        }
        action(&self.dir).map(Some)
    }

    /// Lets `action` take reusable parts from an incomplete entry under its lock. Removes the entry if it
    /// took them. Returns whether it did.
    pub fn take_apart(&self, action: impl FnOnce(&Path) -> Result<bool>) -> Result<bool> {
        let Some(_lock) = self.try_lock()? else {
            return Ok(false);
        };
        if self.is_ready() || !self.dir.is_dir() {
            return Ok(false);
        }
        let damaged = self.may_be_damaged();
        let taken = !damaged && action(&self.dir)?;
        if taken || damaged {
            remove(&self.dir)?;
        }
        Ok(taken)
    }

    fn get_with(&self, make: impl FnOnce(&Self) -> Result<()>) -> Result<PathBuf> {
        if !self.is_ready() {
            let _lock = self.lock()?;
            // Another process may have completed it meanwhile.
            if !self.is_ready() {
                make(self)?;
            }
        }
        Ok(self.dir.clone())
    }

    /// Prepares the folder for new or resumed work.
    fn resume(&self) -> Result<()> {
        if self.may_be_damaged() {
            remove(&self.dir)?;
        }
        create(&self.dir)?;
        let marker = self.dir.join(BOOT);
        fs::write(&marker, boot()).with_context(|| format!("cannot write {}", marker.display()))
    }

    /// Whether it was left incomplete in an earlier boot. After a power failure
    /// files can be empty that make considers up to date.
    fn may_be_damaged(&self) -> bool {
        let begun = fs::read_to_string(self.dir.join(BOOT)).unwrap_or_default();
        !self.is_ready() && self.dir.is_dir() && begun != boot()
    }

    fn lock(&self) -> Result<Lock> {
        let name = self.dir.file_name().unwrap_or_default().to_string_lossy();
        Lock::take(&self.lock_file()?, &name)
    }

    fn try_lock(&self) -> Result<Option<Lock>> {
        Lock::try_take(&self.lock_file()?)
    }

    fn lock_file(&self) -> Result<PathBuf> {
        if let Some(parent) = self.dir.parent() {
            create(parent)?;
        }
        Ok(sibling(&self.dir, ".lock"))
    }
}

fn sibling(dir: &Path, suffix: &str) -> PathBuf {
    let mut name = dir.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

fn remove(dir: &Path) -> Result<()> {
    ignore_not_found(fs::remove_dir_all(dir), dir)
}

fn remove_file(file: &Path) -> Result<()> {
    ignore_not_found(fs::remove_file(file), file)
}

/// Returns the ID of this boot.
fn boot() -> String {
    fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default()
}

/// Syncs the contents, which must reach the disk before the marker, and writes it.
fn mark_ready(dir: &Path, state: &str) -> Result<()> {
    sync_tree(dir)?;
    write_atomic(&dir.join(READY), state)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use anyhow::bail;

    use super::*;
    use crate::cache::{Cache, Key};

    fn entry(cache: &Cache) -> Entry {
        cache.entry("kind", "name", &Key::new().with("a", "b"))
    }

    fn cache() -> (tempfile::TempDir, Cache) {
        let dir = tempfile::tempdir().unwrap();
        let cache = Cache::at(dir.path()).unwrap();
        (dir, cache)
    }

    #[test]
    fn a_made_entry_is_not_made_again() {
        let (_dir, cache) = cache();
        let entry = entry(&cache);
        let made = entry
            .get_or_create(|dir| Ok(fs::write(dir.join("file"), "text")?))
            .unwrap();
        assert_eq!(fs::read_to_string(made.join("file")).unwrap(), "text");
        entry.get_or_create(|_| bail!("made again")).unwrap();
        entry.get_or_resume(|_| bail!("made again")).unwrap();
        assert!(entry.get_updated(|_| bail!("made again")).is_err());
        assert!(!entry.is_ready());
    }

    /// Changes to an entry after it was made.
    const DAMAGE: [fn(&Path); 5] = [
        |dir| fs::remove_file(dir.join("file")).unwrap(),
        |dir| fs::write(dir.join("file"), "te").unwrap(),
        |dir| fs::write(dir.join("deep/file"), "another").unwrap(),
        |dir| fs::write(dir.join("deep/more"), "").unwrap(),
        |dir| {
            fs::remove_file(dir.join("link")).unwrap();
            std::os::unix::fs::symlink("other", dir.join("link")).unwrap();
        },
    ];

    fn fill(dir: &Path) -> Result<()> {
        fs::create_dir(dir.join("deep"))?;
        fs::write(dir.join("file"), "text")?;
        fs::write(dir.join("deep/file"), "text")?;
        Ok(std::os::unix::fs::symlink("file", dir.join("link"))?)
    }

    #[test]
    fn a_damaged_entry_is_made_again() {
        for damage in DAMAGE {
            let (_dir, cache) = cache();
            let entry = entry(&cache);
            let made = entry.get_or_create(fill).unwrap();
            assert!(entry.is_ready());
            damage(&made);
            assert!(!entry.is_ready());
            assert!(cache.ready("kind", "name").is_empty());
            assert!(entry.get_or_create(|_| bail!("cannot")).is_err());
            let made = entry.get_or_create(fill).unwrap();
            assert!(entry.is_ready() && !made.join("deep/more").exists());
            assert_eq!(fs::read_to_string(made.join("file")).unwrap(), "text");
        }
    }

    #[test]
    fn contents_of_mutable_entries_are_not_checked() {
        let (_dir, cache) = cache();
        let entry = entry(&cache);
        let make = |dir: &Path| Ok(fs::write(dir.join("file"), "text")?);
        for get in [
            Entry::get_or_resume as fn(&Entry, fn(&Path) -> Result<()>) -> Result<PathBuf>,
            Entry::get_updated,
        ] {
            let made = get(&entry, make).unwrap();
            fs::write(made.join("file"), "more text").unwrap();
            assert!(entry.is_ready());
        }
    }

    #[test]
    fn complete_entries_are_used_under_their_lock() {
        let (_dir, cache) = cache();
        let entry = entry(&cache);
        let used = || entry.use_ready(|_| Ok(())).unwrap().is_some();
        assert!(!used(), "it does not exist");
        entry
            .get_or_create(|_| {
                assert!(!used(), "it is locked");
                Ok(())
            })
            .unwrap();
        assert!(used());
    }

    #[test]
    fn incomplete_entries_are_taken_apart_under_their_lock() {
        let (_dir, cache) = cache();
        let entry = entry(&cache);
        let take = || entry.take_apart(|_| Ok(true)).unwrap();
        assert!(!take(), "it does not exist");
        let work = |_: &Path| {
            assert!(!take(), "it is locked");
            bail!("no")
        };
        assert!(entry.get_or_resume(work).is_err());
        assert!(!entry.take_apart(|_| Ok(false)).unwrap() && entry.dir.exists());
        assert!(take() && !entry.dir.exists());
        entry.get_or_resume(|_| Ok(())).unwrap();
        assert!(!take(), "it is complete");
    }

    #[test]
    fn a_failed_entry_is_not_used() {
        let (_dir, cache) = cache();
        let entry = entry(&cache);
        let fail = |dir: &Path| {
            fs::write(dir.join("half"), "")?;
            bail!("no")
        };
        assert!(entry.get_or_create(fail).is_err());
        assert!(!entry.dir().exists());
        let made = entry.get_or_create(|_| Ok(())).unwrap();
        assert!(
            !made.join("half").exists(),
            "the failed contents were reused"
        );
    }

    #[test]
    fn resumed_entries_keep_their_contents() {
        let (_dir, cache) = cache();
        let entry = entry(&cache);
        let cut_off = |dir: &Path| {
            fs::write(dir.join("half"), "")?;
            bail!("no")
        };
        assert!(entry.get_or_resume(cut_off).is_err());
        assert!(!entry.is_ready());
        let resume = |dir: &Path| {
            assert!(dir.join("half").exists());
            Ok(())
        };
        entry.get_or_resume(resume).unwrap();
        assert!(entry.is_ready());
    }

    /// Simulates a boot of the machine since work on the entry began.
    fn reboot(entry: &Entry) {
        fs::write(entry.dir.join(BOOT), "another boot").unwrap();
    }

    #[test]
    fn incomplete_entries_of_an_earlier_boot_are_not_used() {
        let (_dir, cache) = cache();
        let entry = entry(&cache);
        let cut_off = |dir: &Path| {
            fs::write(dir.join("half"), "")?;
            bail!("no")
        };
        let is_empty = |dir: &Path| {
            assert!(!dir.join("half").exists());
            Ok(())
        };
        assert!(entry.get_or_resume(cut_off).is_err());
        reboot(&entry);
        assert!(!entry.take_apart(|_| panic!("taken")).unwrap() && !entry.dir.exists());
        assert!(entry.get_or_resume(cut_off).is_err());
        reboot(&entry);
        entry.get_or_resume(is_empty).unwrap();

        fs::write(entry.dir.join("whole"), "").unwrap();
        reboot(&entry);
        let keeps_what_was_complete = |dir: &Path| {
            assert!(dir.join("whole").exists());
            cut_off(dir)
        };
        assert!(entry.get_updated(keeps_what_was_complete).is_err());
        reboot(&entry);
        entry.get_updated(is_empty).unwrap();
    }

    #[test]
    fn concurrent_users_make_an_entry_once() {
        let (_dir, cache) = cache();
        let entry = entry(&cache);
        let times = std::sync::atomic::AtomicU32::new(0);
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    let make = |_: &Path| {
                        std::thread::sleep(Duration::from_millis(50));
                        times.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                        Ok(())
                    };
                    entry.get_or_create(make).unwrap();
                });
            }
        });
        assert_eq!(times.into_inner(), 1);
    }
}
