// SPDX-License-Identifier: GPL-2.0-only

//! The cache folder for downloads and builds.
//!
//! It is outside of the checkout, so that fresh clones share it.
//! An entry's name contains a hash of all its inputs. One process at a time works on it, under a lock. A
//! marker, written last, marks it as complete; for an immutable entry it has a hash of the contents, by which
//! damage is detected and repaired.
//!
//! Its contents are executed, so each user has a cache, which nobody else may write to.

mod contents_hash;
mod entry;
mod key;
mod lock;
mod permissions;
mod scratch;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};

use crate::host::paths::check_for_make;

pub use entry::Entry;
use entry::READY;
use key::KEY_LENGTH;
pub use key::Key;
pub use lock::{Lock, inherit_locks};
pub use scratch::Scratch;
pub(crate) use scratch::remove_leftovers;

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

    /// Opens the cache in this folder, created if missing, after checking that no other user can
    /// write to it.
    fn private(root: &Path) -> Result<Self> {
        // Checked first, before anything is created.
        let path = std::path::absolute(root).unwrap_or_else(|_| root.to_owned());
        if let Err(err) = check_for_make(&path) {
            bail!("{err} (KLP_CACHE names the cache folder)");
        }
        permissions::private_folder(root)?;
        Self::at(root)
    }

    /// Opens a folder with entries, created if missing, without that check: for builds in a folder that the
    /// user chose.
    pub fn at(root: &Path) -> Result<Self> {
        create(root)?;
        let root = root
            .canonicalize()
            .with_context(|| format!("cannot resolve {}", root.display()))?;
        check_for_make(&root)?;
        Ok(Self { root })
    }

    /// Returns the folder.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Returns the entry of this kind and name; `key` is the hash of all its inputs.
    pub fn entry(&self, kind: &str, name: &str, key: &Key) -> Entry {
        Entry::at(self.root.join(file_name(kind)).join(format!(
            "{}-{}",
            file_name(name),
            key.short()
        )))
    }

    /// Returns the complete entries of this kind and name with any key, the newest first.
    pub fn ready(&self, kind: &str, name: &str) -> Vec<Entry> {
        let mut ready: Vec<_> = self
            .named(kind, name)
            .filter_map(|entry| {
                let time = fs::metadata(entry.dir().join(READY))
                    .ok()?
                    .modified()
                    .ok()?;
                entry.is_ready().then_some((time, entry))
            })
            .collect();
        ready.sort_by_key(|(time, _)| std::cmp::Reverse(*time));
        ready.into_iter().map(|(_, entry)| entry).collect()
    }

    /// Returns the incomplete entries of this kind and name.
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
            .map(Entry::at)
    }

    /// Creates a private temporary folder for a download.
    pub fn scratch(&self) -> Result<Scratch> {
        Scratch::new(&self.downloads()?, "")
    }

    /// Returns the parent of the folders of [`Self::scratch`].
    pub(crate) fn downloads(&self) -> Result<PathBuf> {
        let dir = self.root.join(DOWNLOADS);
        create(&dir)?;
        Ok(dir)
    }

    /// Takes the lock of this name, waiting for other processes.
    pub fn lock(&self, name: &str) -> Result<Lock> {
        let dir = self.root.join("locks");
        create(&dir)?;
        Lock::take(&dir.join(format!("{}.lock", file_name(name))), name)
    }
}

fn create(dir: &Path) -> Result<()> {
    fs::create_dir_all(dir).with_context(|| format!("cannot create {}", dir.display()))
}

/// Escapes a name for use as a file name: kernel releases and versions can come from
/// untrusted files, and must not lead out of the folder.
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

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::time::Duration;

    use super::*;

    fn cache() -> (tempfile::TempDir, Cache) {
        let dir = tempfile::tempdir().unwrap();
        let cache = Cache::at(dir.path()).unwrap();
        (dir, cache)
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
    fn complete_entries_are_listed_newest_first() {
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
            .map(|found| found.dir().to_owned())
            .collect();
        assert_eq!(found, [new, old]);
        let unfinished = cache.unfinished("kind", "name");
        assert_eq!(unfinished.len(), 1);
        assert_eq!(unfinished[0].dir(), entry("name", "3").dir());
        assert!(cache.ready("none", "name").is_empty());
    }
}
