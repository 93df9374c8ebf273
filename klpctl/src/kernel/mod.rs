// SPDX-License-Identifier: GPL-2.0-only

//! The running kernel, through its file systems.

pub mod identity;
pub mod log;
mod metadata;
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

/// The kernel command line parameter that keeps installed patches from being loaded at boot.
pub const DISABLED: &str = "klp.enable=0";

/// Access to the running kernel. In tests, its file systems are a folder.
#[derive(Clone, Debug)]
pub struct Kernel {
    root: PathBuf,
    cache: metadata::Cache,
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
            cache: metadata::Cache::default(),
        }
    }

    /// The path of a file such as `sys/kernel/livepatch`.
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

    /// The boot ID.
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

    /// Whether its command line has [`DISABLED`].
    pub fn forbids_patches(&self) -> bool {
        let line = fs::read_to_string(self.path("proc/cmdline")).unwrap_or_default();
        line.split_whitespace().any(|word| word == DISABLED)
    }

    /// Whether it has live patching.
    pub fn has_livepatch(&self) -> bool {
        self.path("sys/kernel/livepatch").is_dir()
    }
}

/// Reads a file's text without trailing white space; `None` if the file does not exist.
///
/// # Errors
///
/// The file exists and cannot be read.
fn read(path: &Path) -> Result<Option<String>> {
    match fs::read_to_string(path) {
        Ok(text) => Ok(Some(text.trim_end().to_owned())),
        Err(error) if is_gone(&error) => Ok(None),
        Err(error) => Err(error).with_context(|| format!("cannot read {}", path.display())),
    }
}

/// Whether an error means that the patch, module or task was removed while its files were read.
fn is_gone(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::NotFound
        || matches!(error.raw_os_error(), Some(libc::ENODEV | libc::ESRCH))
}
