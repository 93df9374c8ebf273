// SPDX-License-Identifier: GPL-2.0-only

//! The cache folder: what was downloaded or built for kernels.
//!
//! It lies outside the checkout, so a fresh clone on the same machine is warm.
//! An entry's name holds a hash of everything that goes into it; a lock lets one process
//! at a time work on it; a marker, written last, says that it is complete.

use std::fs::{self, File, TryLockError};
use std::io::{Read as _, Seek as _, Write as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result};
use sha2::{Digest as _, Sha256};

use crate::host::{process, progress};

/// Written into an entry when it is complete.
const READY: &str = ".ready";

/// The cache folder.
#[derive(Clone, Debug)]
pub struct Cache {
    root: PathBuf,
}

impl Cache {
    /// Opens the cache: `$KLP_CACHE`, else a folder of ours in the user's cache folder.
    pub fn open() -> Result<Self> {
        let root = match std::env::var_os("KLP_CACHE").filter(|path| !path.is_empty()) {
            Some(path) => PathBuf::from(path),
            None => dirs::cache_dir()
                .context("no cache folder is known for this user: set KLP_CACHE to a folder")?
                .join("klp"),
        };
        Self::at(&root)
    }

    /// Opens (and makes) the cache in this folder.
    pub fn at(root: &Path) -> Result<Self> {
        fs::create_dir_all(root).with_context(|| {
            format!(
                "cannot make the cache folder {}: set KLP_CACHE to a folder that can be written",
                root.display()
            )
        })?;
        let root = root
            .canonicalize()
            .with_context(|| format!("cannot resolve {}", root.display()))?;
        Ok(Self { root })
    }

    /// The folder itself.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The entry of this kind and name; `key` holds all that goes into it.
    pub fn entry(&self, kind: &str, name: &str, key: &Key) -> Entry {
        Entry {
            dir: self.root.join(kind).join(format!("{name}-{}", key.short())),
        }
    }

    /// Waits for the lock of this name. Only one process on the machine holds it.
    pub fn lock(&self, name: &str) -> Result<Lock> {
        Lock::take(&self.root.join("locks").join(format!("{name}.lock")), name)
    }
}

/// A hash over named values: all that an entry depends on.
#[derive(Clone, Debug, Default)]
pub struct Key {
    hash: Sha256,
}

impl Key {
    /// An empty key.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a named value. Lengths go in too, so that neighbours cannot run together.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl AsRef<[u8]>) -> Self {
        for part in [name.as_bytes(), value.as_ref()] {
            self.hash.update((part.len() as u64).to_le_bytes());
            self.hash.update(part);
        }
        self
    }

    /// The first 12 hex digits: enough for the few entries a machine has.
    pub fn short(&self) -> String {
        let digest = self.hash.clone().finalize();
        digest[..6]
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect()
    }
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

    /// Whether it is complete.
    pub fn is_ready(&self) -> bool {
        self.dir.join(READY).is_file()
    }

    /// Gives the complete entry; when it is not there, `make` fills an empty folder, which
    /// takes its name only when complete. For what holds no absolute paths.
    pub fn get_or_create(&self, make: impl FnOnce(&Path) -> Result<()>) -> Result<PathBuf> {
        self.get_with(|entry| {
            let partial = sibling(&entry.dir, ".partial");
            remove(&partial)?;
            remove(&entry.dir)?;
            create(&partial)?;
            make(&partial)?;
            mark_ready(&partial)?;
            fs::rename(&partial, &entry.dir)
                .with_context(|| format!("cannot name {}", entry.dir.display()))
        })
    }

    /// Gives the complete entry; when it is not, `make` goes on in the very folder from where
    /// an earlier run was cut off. For what `make` and `apt-get` can take up again.
    pub fn get_or_resume(&self, make: impl FnOnce(&Path) -> Result<()>) -> Result<PathBuf> {
        self.get_with(|entry| {
            create(&entry.dir)?;
            make(&entry.dir)?;
            mark_ready(&entry.dir)
        })
    }

    fn get_with(&self, make: impl FnOnce(&Self) -> Result<()>) -> Result<PathBuf> {
        if !self.is_ready() {
            let name = self.dir.file_name().unwrap_or_default().to_string_lossy();
            let _lock = Lock::take(&sibling(&self.dir, ".lock"), &name)?;
            // Somebody else may have completed it while we waited.
            if !self.is_ready() {
                make(self)?;
            }
        }
        Ok(self.dir.clone())
    }
}

/// A lock on something in the cache, held until dropped.
#[derive(Debug)]
pub struct Lock {
    _file: File,
}

impl Lock {
    /// Takes the lock, waiting for its holder, whom it names.
    fn take(path: &Path, what: &str) -> Result<Self> {
        if let Some(parent) = path.parent() {
            create(parent)?;
        }
        let mut file = File::options()
            .create(true)
            .read(true)
            .write(true)
            .truncate(false)
            .open(path)
            .with_context(|| format!("cannot open the lock {}", path.display()))?;
        let mut told = false;
        loop {
            match file.try_lock() {
                Ok(()) => break,
                Err(TryLockError::WouldBlock) => {}
                Err(TryLockError::Error(err)) => {
                    return Err(err).with_context(|| format!("cannot lock {}", path.display()));
                }
            }
            if !told {
                progress::say(&format!(
                    "waiting for {what}: {} works on it",
                    holder(&mut file)
                ));
                told = true;
            }
            process::sleep(Duration::from_millis(200))?;
        }
        // For those who wait; nothing depends on it.
        let _ = file
            .set_len(0)
            .and_then(|()| file.rewind())
            .and_then(|()| write!(file, "{}", std::process::id()));
        Ok(Self { _file: file })
    }
}

fn holder(file: &mut File) -> String {
    let mut pid = String::new();
    let _ = file.rewind().and_then(|()| file.read_to_string(&mut pid));
    if pid.is_empty() {
        "another process".to_owned()
    } else {
        format!("process {pid}")
    }
}

fn sibling(dir: &Path, suffix: &str) -> PathBuf {
    let mut name = dir.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

fn create(dir: &Path) -> Result<()> {
    fs::create_dir_all(dir).with_context(|| format!("cannot make {}", dir.display()))
}

fn remove(dir: &Path) -> Result<()> {
    match fs::remove_dir_all(dir) {
        Err(err) if err.kind() != std::io::ErrorKind::NotFound => {
            Err(err).with_context(|| format!("cannot remove {}", dir.display()))
        }
        _ => Ok(()),
    }
}

fn mark_ready(dir: &Path) -> Result<()> {
    write_whole(&dir.join(READY), "")
}

/// Writes a file so that readers see the old text or the new one, never half of it.
pub fn write_whole(path: &Path, text: &str) -> Result<()> {
    let dir = path.parent().unwrap_or(Path::new("."));
    let mut file = tempfile::NamedTempFile::new_in(dir)
        .with_context(|| format!("cannot write in {}", dir.display()))?;
    file.write_all(text.as_bytes())
        .with_context(|| format!("cannot write {}", path.display()))?;
    file.persist(path)
        .with_context(|| format!("cannot write {}", path.display()))?;
    Ok(())
}
