// SPDX-License-Identifier: GPL-2.0-only

//! What the kernel tells of its types, symbols and modules: patches are compared with that.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use anyhow::{Context as _, Result};
use klp_elf::{Kernel as Known, Sources};
use tempfile::TempDir;

use super::{Kernel, read};

/// What the kernel tells of itself: where it stands, and under which name the checks read it.
const ANSWERS: [(&str, &str); 2] = [
    ("proc/kallsyms", "kallsyms"),
    ("sys/kernel/tracing/available_filter_functions", "traceable"),
];

/// What was read last. To read it takes a second on a slow machine, and `klpctl boot` needs it for each patch.
#[derive(Clone, Default)]
pub(super) struct Cache(RefCell<Option<Rc<Answers>>>);

impl fmt::Debug for Cache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Cache")
    }
}

/// The kernel's answers.
pub struct Answers {
    /// `None` without CONFIG_DEBUG_INFO_BTF: the kernel tells nothing then.
    pub known: Option<Known>,
    /// The modules that were loaded, other than patches: what they add to the answers does not concern other patches.
    modules: BTreeSet<String>,
    /// The copies of what has no size in procfs.
    _copies: TempDir,
}

impl Kernel {
    /// What it tells of itself. Read again when other modules have been loaded since.
    ///
    /// # Errors
    ///
    /// When it cannot be read.
    pub fn answers(&self) -> Result<Rc<Answers>> {
        let modules = self.other_modules()?;
        let mut cache = self.cache.0.borrow_mut();
        if let Some(answers) = cache.as_ref().filter(|it| it.modules == modules) {
            return Ok(answers.clone());
        }
        let copies =
            tempfile::tempdir().context("there is no room for a copy of the kernel's symbols")?;
        let sources = self.sources(copies.path())?;
        let known = match sources.vmlinux.is_file() {
            true => Some(Known::open(sources).map_err(|error| anyhow::anyhow!("{error}"))?),
            false => None,
        };
        let answers = Rc::new(Answers {
            known,
            modules,
            _copies: copies,
        });
        *cache = Some(answers.clone());
        Ok(answers)
    }

    /// The names of all loaded modules but patches.
    fn other_modules(&self) -> Result<BTreeSet<String>> {
        let patches = self.patch_names().unwrap_or_default();
        let text = read(&self.path("proc/modules"))?.unwrap_or_default();
        let names = text.lines().filter_map(|line| line.split(' ').next());
        let others = names.filter(|name| !patches.iter().any(|patch| patch == name));
        Ok(others.map(str::to_owned).collect())
    }

    /// Where its types, symbols and modules are. Its answers in procfs have no size, so they are copied.
    fn sources(&self, dir: &Path) -> Result<Sources> {
        let mut copies = Vec::new();
        for (path, name) in ANSWERS {
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

    /// Where the files of its modules are.
    ///
    /// # Errors
    ///
    /// When procfs does not tell the release.
    pub fn module_folder(&self) -> Result<PathBuf> {
        Ok(self.path("lib/modules").join(self.release()?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_read_again_when_a_module_has_come() {
        let dir = tempfile::tempdir().unwrap();
        let write = |path: &str, text: &str| {
            let path = dir.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        write("proc/sys/kernel/osrelease", "6.12.1\n");
        write("proc/modules", "disk 1 0 - Live 0x0\n");
        let kernel = Kernel::at(dir.path());
        let first = kernel.answers().unwrap();
        // A patch has.
        write("proc/modules", "fix 1 1 - Live 0x0\ndisk 1 0 - Live 0x0\n");
        write("sys/kernel/livepatch/fix/enabled", "1\n");
        write("sys/kernel/livepatch/fix/transition", "0\n");
        assert!(Rc::ptr_eq(&first, &kernel.answers().unwrap()));
        write("proc/modules", "net 1 0 - Live 0x0\ndisk 1 0 - Live 0x0\n");
        assert!(!Rc::ptr_eq(&first, &kernel.answers().unwrap()));
    }
}
