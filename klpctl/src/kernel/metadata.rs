// SPDX-License-Identifier: GPL-2.0-only

//! The running kernel's types, symbols and modules, which patches are checked against.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use anyhow::{Context as _, Result};
use klp_elf::{Kernel as Reference, Sources};
use tempfile::TempDir;

use super::{Kernel, read};

/// The kernel's files that are copied, with the names of the copies.
const COPIED: [(&str, &str); 2] = [
    ("proc/kallsyms", "kallsyms"),
    ("sys/kernel/tracing/available_filter_functions", "traceable"),
];

/// The metadata that was read last. Reading takes a second on a slow machine, and `klpctl boot` needs it for each patch.
#[derive(Clone, Default)]
pub(super) struct Cache(RefCell<Option<Rc<Metadata>>>);

impl fmt::Debug for Cache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Cache")
    }
}

/// The kernel's metadata.
pub struct Metadata {
    /// `None` without CONFIG_DEBUG_INFO_BTF.
    pub reference: Option<Reference>,
    /// The loaded modules except patches, whose symbols and types do not concern other patches.
    modules: BTreeSet<String>,
    /// The folder with the [`COPIED`] files.
    _copies: TempDir,
}

impl Kernel {
    /// Its metadata, which is read again if other modules have been loaded or unloaded since.
    ///
    /// # Errors
    ///
    /// The metadata cannot be read.
    pub fn metadata(&self) -> Result<Rc<Metadata>> {
        let modules = self.other_modules()?;
        let mut cache = self.cache.0.borrow_mut();
        if let Some(metadata) = cache.as_ref().filter(|it| it.modules == modules) {
            return Ok(metadata.clone());
        }
        let copies = tempfile::tempdir()
            .context("cannot make a temporary folder for the kernel's symbols")?;
        let sources = self.sources(copies.path())?;
        let reference = match sources.vmlinux.is_file() {
            true => Some(Reference::open(sources).map_err(|error| anyhow::anyhow!("{error}"))?),
            false => None,
        };
        let metadata = Rc::new(Metadata {
            reference,
            modules,
            _copies: copies,
        });
        *cache = Some(metadata.clone());
        Ok(metadata)
    }

    /// The names of all loaded modules except patches.
    fn other_modules(&self) -> Result<BTreeSet<String>> {
        let patches = self.patch_names().unwrap_or_default();
        let text = read(&self.path("proc/modules"))?.unwrap_or_default();
        let names = text.lines().filter_map(|line| line.split(' ').next());
        let others = names.filter(|name| !patches.iter().any(|patch| patch == name));
        Ok(others.map(str::to_owned).collect())
    }

    /// The sources of its metadata. The [`COPIED`] files have no size in procfs and tracefs, so they are copied to `dir`.
    fn sources(&self, dir: &Path) -> Result<Sources> {
        let mut copies = Vec::new();
        for (path, name) in COPIED {
            let copy = dir.join(name);
            copies.push(match fs::read(self.path(path)) {
                Ok(text) if !text.is_empty() => {
                    fs::write(&copy, text)
                        .with_context(|| format!("cannot write {}", copy.display()))?;
                    Some(copy)
                }
                _ => None,
            });
        }
        let modules = self.module_folder()?;
        let traceable = copies.pop().flatten();
        Ok(Sources {
            vmlinux: self.path("sys/kernel/btf/vmlinux"),
            kallsyms: copies.pop().flatten(),
            traceable,
            modules: Some(modules)
                .filter(|path| path.is_dir())
                .into_iter()
                .collect(),
            ..Sources::default()
        })
    }

    /// The folder of its modules.
    ///
    /// # Errors
    ///
    /// The release cannot be read.
    pub fn module_folder(&self) -> Result<PathBuf> {
        Ok(self.path("lib/modules").join(self.release()?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_module_invalidates_the_cache() {
        let dir = tempfile::tempdir().unwrap();
        let write = |path: &str, text: &str| {
            let path = dir.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        write("proc/sys/kernel/osrelease", "6.12.1\n");
        write("proc/modules", "disk 1 0 - Live 0x0\n");
        let kernel = Kernel::at(dir.path());
        let first = kernel.metadata().unwrap();
        // A patch does not invalidate it.
        write("proc/modules", "fix 1 1 - Live 0x0\ndisk 1 0 - Live 0x0\n");
        write("sys/kernel/livepatch/fix/enabled", "1\n");
        write("sys/kernel/livepatch/fix/transition", "0\n");
        assert!(Rc::ptr_eq(&first, &kernel.metadata().unwrap()));
        write("proc/modules", "net 1 0 - Live 0x0\ndisk 1 0 - Live 0x0\n");
        assert!(!Rc::ptr_eq(&first, &kernel.metadata().unwrap()));
    }
}
