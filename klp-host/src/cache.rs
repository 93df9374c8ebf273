// SPDX-License-Identifier: GPL-2.0-only

//! The cache folder for downloads and builds.
//!
//! It is outside of the checkout, so that fresh clones share it.
//! An entry's name contains a hash of all its inputs. A lock lets one process
//! at a time work on it. A marker, written last, says that it is complete, and for an unchanging entry, what it
//! contains; a damaged one is rebuilt.
//!
//! Its contents are executed, so each user has a cache, which nobody else may write to.

mod contents_hash;
mod key;
mod lock;
mod permissions;
mod scratch;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};

use crate::host::files::{sync_dir, sync_tree, write_atomic};
use crate::host::paths::check_for_make;
use crate::host::progress::say;

use key::KEY_LENGTH;
pub use key::Key;
pub use lock::{Lock, inherit_locks};
pub use scratch::Scratch;
pub(crate) use scratch::remove_leftovers;

/// Marks a complete entry. Contains the [`contents_hash`] of an unchanging one.
const READY: &str = ".ready";

/// The id of the boot in which work on an entry began.
const BOOT: &str = ".boot";

/// The parent of private folders for downloads.
pub(crate) const DOWNLOADS: &str = "downloads";

/// The cache folder.
#[derive(Clone, Debug)]
pub struct Cache {
    root: PathBuf,
}

impl Cache {
    /// Opens the cache: `$KLP_CACHE`, else `klp` in the user's cache folder.
    pub fn open() -> Result<Self> {
        let root = match std::env::var_os("KLP_CACHE").filter(|path| !path.is_empty()) {
            Some(path) => PathBuf::from(path),
            None => dirs::cache_dir()
                .context("no cache folder is known for this user: set KLP_CACHE to a folder")?
                .join("klp"),
        };
        Self::private(&root)
    }

    /// Opens the cache in this folder, which is created if missing, after a check that no other user can
    /// write to it.
    fn private(root: &Path) -> Result<Self> {
        // First: it names the path where only its characters are the problem.
        let path = std::path::absolute(root).unwrap_or_else(|_| root.to_owned());
        if let Err(err) = check_for_make(&path) {
            bail!("{err} (KLP_CACHE names the cache folder)");
        }
        permissions::private_folder(root)?;
        Self::at(root)
    }

    /// Opens a folder with entries, created if missing, without that check: for builds in a folder of the
    /// user's choice.
    pub fn at(root: &Path) -> Result<Self> {
        create(root)?;
        let root = root
            .canonicalize()
            .with_context(|| format!("cannot resolve {}", root.display()))?;
        check_for_make(&root)?;
        Ok(Self { root })
    }

    /// The folder itself.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The entry of this kind and name; `key` is the hash of all its inputs.
    pub fn entry(&self, kind: &str, name: &str, key: &Key) -> Entry {
        Entry {
            dir: self.root.join(file_name(kind)).join(format!(
                "{}-{}",
                file_name(name),
                key.short()
            )),
        }
    }

    /// The complete entries of this kind and name, whatever their keys; the newest first.
    pub fn ready(&self, kind: &str, name: &str) -> Vec<Entry> {
        let mut ready: Vec<_> = self
            .named(kind, name)
            .filter_map(|entry| {
                let time = fs::metadata(entry.dir.join(READY)).ok()?.modified().ok()?;
                entry.is_ready().then_some((time, entry))
            })
            .collect();
        ready.sort_by_key(|(time, _)| std::cmp::Reverse(*time));
        ready.into_iter().map(|(_, entry)| entry).collect()
    }

    /// The entries of this kind and name that are not complete.
    pub fn unfinished(&self, kind: &str, name: &str) -> Vec<Entry> {
        self.named(kind, name)
            .filter(|entry| !entry.is_ready())
            .collect()
    }

    fn named(&self, kind: &str, name: &str) -> impl Iterator<Item = Entry> {
        let start = format!("{}-", file_name(name));
        let is_named = move |path: &Path| {
            let file = path.file_name().unwrap_or_default().to_string_lossy();
            let key = file.strip_prefix(&start);
            key.is_some_and(|key| key.len() == KEY_LENGTH && !key.contains(['-', '.']))
        };
        fs::read_dir(self.root.join(file_name(kind)))
            .into_iter()
            .flatten()
            .filter_map(|item| Some(item.ok()?.path()))
            .filter(move |path| is_named(path))
            .map(|dir| Entry { dir })
    }

    /// A private folder for downloads.
    pub fn scratch(&self) -> Result<Scratch> {
        Scratch::new(&self.downloads()?, "")
    }

    /// The folder of such folders, and of nothing else.
    pub(crate) fn downloads(&self) -> Result<PathBuf> {
        let dir = self.root.join(DOWNLOADS);
        create(&dir)?;
        Ok(dir)
    }

    /// Waits for the lock of this name. Only one process on the machine holds it.
    pub fn lock(&self, name: &str) -> Result<Lock> {
        let dir = self.root.join("locks");
        create(&dir)?;
        Lock::take(&dir.join(format!("{}.lock", file_name(name))), name)
    }
}

/// Whether an entry can be used.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum State {
    Ready,
    /// It is not there, or work on it has not ended.
    Incomplete,
    /// It was complete, and something in it is not as it was made.
    Damaged,
}

/// One thing in the cache.
#[derive(Clone, Debug)]
pub struct Entry {
    dir: PathBuf,
}

impl Entry {
    /// Where it is, or will be.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Whether it is complete, and as it was made.
    pub fn is_ready(&self) -> bool {
        self.state() == State::Ready
    }

    fn state(&self) -> State {
        let Ok(made) = fs::read_to_string(self.dir.join(READY)) else {
            return State::Incomplete;
        };
        // Entries that may change, and older ones, have no state.
        match made.is_empty()
            || contents_hash::of(&self.dir, READY).is_ok_and(|state| state == made)
        {
            true => State::Ready,
            false => State::Damaged,
        }
    }

    /// Gives the complete entry; when it is not there, `make` fills an empty folder, which
    /// takes its name only when complete. For what holds no absolute paths, and is not changed afterwards: when it
    /// was all the same, it is made again.
    pub fn get_or_create(&self, make: impl FnOnce(&Path) -> Result<()>) -> Result<PathBuf> {
        self.get_with(|entry| {
            if entry.state() == State::Damaged {
                say(&format!(
                    "note: {} was changed since it was made: making it again",
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

    /// Gives the entry after `make` has brought it up to date, complete or not. For what depends
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

    /// Lets `action` take reusable parts from an incomplete entry under its lock, and then removes the
    /// rest.
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

    /// Creates the folder, or lets work in it go on.
    fn resume(&self) -> Result<()> {
        if self.may_be_damaged() {
            remove(&self.dir)?;
        }
        create(&self.dir)?;
        let marker = self.dir.join(BOOT);
        fs::write(&marker, boot()).with_context(|| format!("cannot write {}", marker.display()))
    }

    /// Whether it was left incomplete before this machine was booted. Was that a power failure,
    /// files can be empty that make takes for new.
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

fn create(dir: &Path) -> Result<()> {
    fs::create_dir_all(dir).with_context(|| format!("cannot create {}", dir.display()))
}

/// A name of a kind, entry or lock as that of a file: kernel releases and versions can come from
/// files that others wrote, and must not lead out of the folder.
fn file_name(name: &str) -> String {
    let mut safe = String::with_capacity(name.len());
    for (at, byte) in name.bytes().enumerate() {
        let is_safe = byte.is_ascii_alphanumeric() || b"-_+~".contains(&byte);
        if is_safe || byte == b'.' && at > 0 {
            safe.push(char::from(byte));
        } else {
            safe.push_str(&format!("@{byte:02x}"));
        }
    }
    safe
}

fn remove(dir: &Path) -> Result<()> {
    ignore_not_found(fs::remove_dir_all(dir), dir)
}

fn remove_file(file: &Path) -> Result<()> {
    ignore_not_found(fs::remove_file(file), file)
}

/// The result of removing something, which is fine when it was not there.
pub fn ignore_not_found(removed: std::io::Result<()>, path: &Path) -> Result<()> {
    match removed {
        Err(err) if err.kind() != std::io::ErrorKind::NotFound => {
            Err(err).with_context(|| format!("cannot remove {}", path.display()))
        }
        _ => Ok(()),
    }
}

/// This boot of the machine.
fn boot() -> String {
    fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default()
}

/// The contents must reach the disk before the marker.
fn mark_ready(dir: &Path, state: &str) -> Result<()> {
    sync_tree(dir)?;
    write_atomic(&dir.join(READY), state)
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::time::Duration;

    use super::*;

    fn entry(cache: &Cache) -> Entry {
        cache.entry("kind", "name", &Key::new().with("a", "b"))
    }

    fn cache() -> (tempfile::TempDir, Cache) {
        let dir = tempfile::tempdir().unwrap();
        let cache = Cache::at(dir.path()).unwrap();
        (dir, cache)
    }

    #[test]
    fn keys_tell_neighbouring_values_apart() {
        let short = |key: Key| key.short();
        let two = || Key::new().with("x", "1").with("y", "2");
        assert_eq!(short(two()), short(two()));
        assert_ne!(short(two()), short(Key::new().with("x", "1y2")));
        assert_ne!(
            short(two()),
            short(Key::new().with("y", "2").with("x", "1"))
        );
    }

    #[test]
    fn paths_that_make_cannot_take_are_refused() {
        let dir = tempfile::tempdir().unwrap();
        for name in ["my cache", "a$(touch b)", "a;b"] {
            let path = dir.path().join(name);
            let err = Cache::private(&path).unwrap_err().to_string();
            assert!(
                err.contains("makefiles cannot work") && err.contains("KLP_CACHE"),
                "{err}"
            );
            assert!(!path.exists());
            assert!(Cache::at(&path).is_err());
        }
    }

    #[test]
    fn names_do_not_lead_out_of_the_cache() {
        let (_dir, cache) = cache();
        let key = Key::new();
        for name in ["../../x", "..", "/etc", ".hidden", "a b\n", ""] {
            let entry = cache.entry("kind", name, &key);
            assert_eq!(entry.dir().parent(), Some(&*cache.root().join("kind")));
            check_for_make(entry.dir()).unwrap();
            let made = entry.get_or_create(|_| Ok(())).unwrap();
            assert_eq!(cache.ready("kind", name)[0].dir(), made);
            cache.lock(name).unwrap();
        }
        let entry = cache.entry("kind", "stock-7.2.12-1~x+y", &key);
        let file = entry.dir().file_name().unwrap().to_string_lossy();
        assert!(file.starts_with("stock-7.2.12-1~x+y-"), "{file}");
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

    /// What may happen to an entry after it was made.
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
    fn an_entry_that_may_change_is_not_looked_at() {
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
    fn complete_entries_of_a_name_are_found_the_newest_first() {
        let (_dir, cache) = cache();
        let entry = |name: &str, key: &str| cache.entry("kind", name, &Key::new().with("k", key));
        let make = |entry: &Entry| entry.get_or_create(|_| Ok(())).unwrap();
        let old = make(&entry("name", "1"));
        let earlier = std::time::SystemTime::now() - Duration::from_secs(60);
        let ready = File::options().write(true).open(old.join(READY)).unwrap();
        ready.set_modified(earlier).unwrap();
        let new = make(&entry("name", "2"));
        make(&entry("name-more", "1"));
        make(&entry("other", "1"));
        assert!(entry("name", "3").get_or_resume(|_| bail!("no")).is_err());
        let found: Vec<_> = cache
            .ready("kind", "name")
            .into_iter()
            .map(|found| found.dir)
            .collect();
        assert_eq!(found, [new, old]);
        let unfinished = cache.unfinished("kind", "name");
        assert_eq!(unfinished.len(), 1);
        assert_eq!(unfinished[0].dir, entry("name", "3").dir);
        assert!(cache.ready("none", "name").is_empty());
    }

    #[test]
    fn complete_entries_are_used_under_their_lock() {
        let (_dir, cache) = cache();
        let entry = entry(&cache);
        let used = || entry.use_ready(|_| Ok(())).unwrap().is_some();
        assert!(!used(), "it is not there");
        entry
            .get_or_create(|_| {
                assert!(!used(), "somebody works on it");
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
        assert!(!take(), "it is not there");
        let work = |_: &Path| {
            assert!(!take(), "somebody works on it");
            bail!("no")
        };
        assert!(entry.get_or_resume(work).is_err());
        assert!(!entry.take_apart(|_| Ok(false)).unwrap() && entry.dir.exists());
        assert!(take() && !entry.dir.exists());
        entry.get_or_resume(|_| Ok(())).unwrap();
        assert!(!take(), "it is complete");
    }

    #[test]
    fn a_failure_leaves_nothing_that_counts() {
        let (_dir, cache) = cache();
        let entry = entry(&cache);
        let fail = |dir: &Path| {
            fs::write(dir.join("half"), "")?;
            bail!("no")
        };
        assert!(entry.get_or_create(fail).is_err());
        assert!(!entry.dir().exists());
        let made = entry.get_or_create(|_| Ok(())).unwrap();
        assert!(!made.join("half").exists(), "made from what a failure left");
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

    /// As if the machine had been booted since work on the entry began.
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
    fn one_works_and_the_others_wait_and_use_it() {
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
