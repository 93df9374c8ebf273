// SPDX-License-Identifier: GPL-2.0-only

//! The files with information about the kernel that a patch is built for.

use crate::Error;
use crate::compressed::ENDINGS;
use crate::livepatch::is_module_name;
use std::collections::HashMap;
use std::env;
use std::fs::{self, DirEntry};
use std::path::{Path, PathBuf};

/// The deepest level of module folders that is searched; a kernel's build folder is not deeper.
const DEPTH: u32 = 16;

/// The files with information about one kernel. Missing ones are not checked.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Sources {
    /// A `vmlinux` with BTF, or bare BTF such as `/sys/kernel/btf/vmlinux`.
    pub vmlinux: PathBuf,
    /// A copy of `/proc/kallsyms` that shows addresses.
    pub kallsyms: Option<PathBuf>,
    /// A copy of `available_filter_functions` of the tracing file system.
    pub traceable: Option<PathBuf>,
    /// A copy of `available_filter_functions_addrs` of the tracing file system, from the same boot
    /// as `kallsyms`.
    pub sites: Option<PathBuf>,
    /// The `Module.symvers` of the kernel's build, with its exports.
    pub symvers: Option<PathBuf>,
    /// Folders with modules (`.ko`, also compressed), searched with all below them.
    pub modules: Vec<PathBuf>,
}

impl Sources {
    /// The files named by the environment: `KLP_VMLINUX`, `KLP_KALLSYMS`, `KLP_TRACEABLE`,
    /// `KLP_SITES`, `KLP_SYMVERS`, and `KLP_MODULES` with colons between folders. `None` without the first.
    pub fn from_env() -> Option<Self> {
        let path = |name| {
            let value = env::var_os(name).filter(|value| !value.is_empty());
            value.map(PathBuf::from)
        };
        let modules = env::var_os("KLP_MODULES").unwrap_or_default();
        Some(Self {
            vmlinux: path("KLP_VMLINUX")?,
            kallsyms: path("KLP_KALLSYMS"),
            traceable: path("KLP_TRACEABLE"),
            sites: path("KLP_SITES"),
            symvers: path("KLP_SYMVERS"),
            modules: env::split_paths(&modules)
                .filter(|folder| !folder.as_os_str().is_empty())
                .collect(),
        })
    }
}

/// The files of modules, by the names that `lsmod` shows.
#[derive(Debug, Default)]
pub struct Modules(HashMap<String, PathBuf>);

impl Modules {
    /// Finds the modules in these folders, recursively. Of several of one name the first is used.
    ///
    /// # Errors
    ///
    /// When a folder is missing.
    pub fn find(folders: &[PathBuf]) -> Result<Self, Error> {
        Self::check(folders)?;
        Ok(Self::in_folders(folders))
    }

    /// Checks that the folders exist.
    pub(crate) fn check(folders: &[PathBuf]) -> Result<(), Error> {
        match folders.iter().find(|folder| !folder.is_dir()) {
            Some(folder) => Err(Error::NoModules {
                path: folder.clone(),
            }),
            None => Ok(()),
        }
    }

    pub(crate) fn in_folders(folders: &[PathBuf]) -> Self {
        let mut modules = Self::default();
        for folder in folders {
            modules.search(folder, DEPTH);
        }
        modules
    }

    /// The file of the module that `lsmod` calls `name`.
    pub fn get(&self, name: &str) -> Option<PathBuf> {
        self.0.get(&key(name)).cloned()
    }

    /// Searches a folder, its files first, sorted by name.
    fn search(&mut self, folder: &Path, depth: u32) {
        let Ok(entries) = fs::read_dir(folder) else {
            return;
        };
        let mut entries: Vec<DirEntry> = entries.flatten().collect();
        entries.sort_by_key(DirEntry::path);
        for entry in &entries {
            let path = entry.path();
            if let Some(name) = module(&path).filter(|name| !self.0.contains_key(name)) {
                self.0.insert(name, path);
            }
        }
        let Some(depth) = depth.checked_sub(1) else {
            return;
        };
        // Symbolic links are not followed: they can form a cycle.
        let is_folder = |entry: &&DirEntry| entry.file_type().is_ok_and(|kind| kind.is_dir());
        for entry in entries.iter().filter(is_folder) {
            self.search(&entry.path(), depth);
        }
    }
}

/// The name of the module in that file.
fn module(path: &Path) -> Option<String> {
    let name = path.file_name()?.to_str()?;
    let name = ENDINGS
        .iter()
        .find_map(|ending| name.strip_suffix(ending))?;
    path.is_file().then(|| key(name))
}

/// Replaces dashes by underscores: file names may have either.
fn key(name: &str) -> String {
    name.replace('-', "_")
}

/// Whether a module can have that name, apart from dashes in place of underscores.
pub(crate) fn is_module(name: &str) -> bool {
    is_module_name(key(name))
}
