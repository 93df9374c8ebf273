// SPDX-License-Identifier: GPL-2.0-only

//! Which files tell about the kernel that a patch is built for.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};

/// How deep module folders are searched; a kernel's build folder is not deeper.
const DEPTH: u32 = 16;

/// The files that tell about one kernel. What is missing is not checked.
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
    /// The `Module.symvers` of the kernel's build: what it exports to modules.
    pub symvers: Option<PathBuf>,
    /// Folders with modules (`.ko`), searched with all below them.
    pub modules: Vec<PathBuf>,
}

impl Sources {
    /// What the environment names: `KLP_VMLINUX`, `KLP_KALLSYMS`, `KLP_TRACEABLE`,
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

    /// The file of the module that `lsmod` calls `name`.
    pub(crate) fn module(&self, name: &str) -> Option<PathBuf> {
        self.modules
            .iter()
            .find_map(|folder| search(folder, name, DEPTH))
    }
}

/// Searches a folder, its own files first, in the order of their names.
fn search(folder: &Path, module: &str, depth: u32) -> Option<PathBuf> {
    let entries = fs::read_dir(folder).ok()?;
    let mut paths: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    paths.sort();
    let found = paths.iter().find(|path| is_module(path, module));
    if let Some(path) = found {
        return Some(path.clone());
    }
    let depth = depth.checked_sub(1)?;
    // A link may lead back up.
    let folders = paths
        .iter()
        .filter(|path| path.is_dir() && !path.is_symlink());
    folders
        .into_iter()
        .find_map(|folder| search(folder, module, depth))
}

/// Is `path` the file of that module? In files' names a dash may stand for an underscore.
fn is_module(path: &Path, module: &str) -> bool {
    let Some(stem) = path.file_stem().and_then(|stem| stem.to_str()) else {
        return false;
    };
    path.extension().is_some_and(|ending| ending == "ko")
        && stem.replace('-', "_") == module.replace('-', "_")
        && path.is_file()
}
