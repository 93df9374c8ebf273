// SPDX-License-Identifier: GPL-2.0-only

//! The running kernel.

pub mod identity;
mod known;
pub mod log;
pub mod modules;
pub mod mok;
pub mod patches;
pub mod security;
pub mod tasks;
pub mod tracing;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

/// On the kernel's command line: no installed patch is loaded at boot.
pub const DISABLED: &str = "klp.enable=0";

/// Where the running kernel is seen. Tests look at a folder instead.
#[derive(Clone, Debug)]
pub struct Kernel {
    root: PathBuf,
    cache: known::Cache,
}

impl Kernel {
    /// The running kernel.
    pub fn running() -> Self {
        Self::at(Path::new("/"))
    }

    /// A kernel whose file systems are mounted below `root`.
    pub fn at(root: &Path) -> Self {
        Self {
            root: root.to_owned(),
            cache: known::Cache::default(),
        }
    }

    /// A path of the file system, such as `sys/kernel/livepatch`.
    pub fn path(&self, path: &str) -> PathBuf {
        self.root.join(path)
    }

    /// The release, as `uname -r` prints it.
    ///
    /// # Errors
    ///
    /// It cannot be read from procfs.
    pub fn release(&self) -> Result<String> {
        let path = self.path("proc/sys/kernel/osrelease");
        let release = fs::read_to_string(&path)
            .with_context(|| format!("cannot read {}: is procfs mounted?", path.display()))?;
        Ok(release.trim().to_owned())
    }

    /// The id of this boot.
    ///
    /// # Errors
    ///
    /// It cannot be read from procfs.
    pub fn boot_id(&self) -> Result<String> {
        let path = self.path("proc/sys/kernel/random/boot_id");
        let id = fs::read_to_string(&path)
            .with_context(|| format!("cannot read {}: is procfs mounted?", path.display()))?;
        Ok(id.trim().to_owned())
    }

    /// Does its command line forbid to load installed patches?
    pub fn forbids_patches(&self) -> bool {
        let line = fs::read_to_string(self.path("proc/cmdline")).unwrap_or_default();
        line.split_whitespace().any(|word| word == DISABLED)
    }

    /// Does it have live patching?
    pub fn has_livepatch(&self) -> bool {
        self.path("sys/kernel/livepatch").is_dir()
    }
}

/// A file's text without the line end, or `None` where there is no such file.
///
/// # Errors
///
/// When it is there and cannot be read.
fn read(path: &Path) -> Result<Option<String>> {
    match fs::read_to_string(path) {
        Ok(text) => Ok(Some(text.trim_end().to_owned())),
        Err(error) if is_gone(&error) => Ok(None),
        Err(error) => Err(error).with_context(|| format!("cannot read {}", path.display())),
    }
}

/// What belongs to a patch, a module or a task can go while it is looked at.
fn is_gone(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::NotFound
        || matches!(error.raw_os_error(), Some(libc::ENODEV | libc::ESRCH))
}
