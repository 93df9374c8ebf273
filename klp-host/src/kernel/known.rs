// SPDX-License-Identifier: GPL-2.0-only

//! What is known of a kernel's functions, and where that stands: the checks of a patch read it.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Result;

use super::ask;
use crate::cache::{Cache, Key, write_whole};

/// Where it stands. What is missing is not checked.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Known {
    /// Type information: an ELF file with `.BTF`, or BTF itself.
    pub vmlinux: Option<PathBuf>,
    /// Text like `/proc/kallsyms`.
    pub kallsyms: Option<PathBuf>,
    /// Text like tracefs' `available_filter_functions`.
    pub traceable: Option<PathBuf>,
    /// A folder with modules that may be patched.
    pub modules: Option<PathBuf>,
}

impl Known {
    /// What lies in a build folder.
    pub fn of_folder(dir: &Path) -> Self {
        let file = |name: &str| Some(dir.join(name)).filter(|path| path.is_file());
        Self {
            vmlinux: file("vmlinux"),
            kallsyms: file(ask::KALLSYMS),
            traceable: file(ask::TRACEABLE),
            modules: None,
        }
    }

    /// What the running kernel says of itself, as far as this user may read it.
    pub(super) fn of_running(cache: &Cache, release: &str) -> Result<Self> {
        let types = Path::new("/sys/kernel/btf/vmlinux");
        let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
        let dir = cache
            .entry("running", release, &Key::new().with("boot", boot.trim()))
            .get_updated(copy_answers)?;
        let copy = |name: &str| Some(dir.join(name)).filter(|path| path.is_file());
        Ok(Self {
            vmlinux: Some(types.to_owned()).filter(|path| path.is_file()),
            kallsyms: copy(ask::KALLSYMS),
            traceable: copy(ask::TRACEABLE),
            modules: Some(Path::new("/lib/modules").join(release)).filter(|path| path.is_dir()),
        })
    }

    /// The same, with what is missing taken from `other`.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        Self {
            vmlinux: self.vmlinux.or(other.vmlinux),
            kallsyms: self.kallsyms.or(other.kallsyms),
            traceable: self.traceable.or(other.traceable),
            modules: self.modules.or(other.modules),
        }
    }

    /// As a patch's compiler sees it. What the user has set stays as it is.
    pub fn env(&self) -> Vec<(String, String)> {
        let variables = [
            ("KLP_VMLINUX", &self.vmlinux),
            ("KLP_KALLSYMS", &self.kallsyms),
            ("KLP_TRACEABLE", &self.traceable),
            ("KLP_MODULES", &self.modules),
        ];
        variables
            .into_iter()
            .filter(|(name, _)| std::env::var_os(name).is_none())
            .filter_map(|(name, path)| {
                Some((name.to_owned(), path.as_ref()?.display().to_string()))
            })
            .collect()
    }
}

/// Copies what can be read: such files have no length, and change.
fn copy_answers(dir: &Path) -> Result<()> {
    let sources = [
        ("/proc/kallsyms", ask::KALLSYMS),
        (
            "/sys/kernel/tracing/available_filter_functions",
            ask::TRACEABLE,
        ),
    ];
    for (source, name) in sources {
        let text = fs::read_to_string(source).unwrap_or_default();
        // Those who may not see addresses see zeros.
        if text.is_empty() || name == ask::KALLSYMS && !ask::has_addresses(&text) {
            continue;
        }
        let copy = dir.join(name);
        if fs::read_to_string(&copy).ok().as_ref() != Some(&text) {
            write_whole(&copy, &text)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_known_by_what_lies_in_it() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(Known::of_folder(dir.path()), Known::default());
        fs::write(dir.path().join("klp-kallsyms"), "").unwrap();
        let known = Known::of_folder(dir.path());
        assert_eq!(known.kallsyms, Some(dir.path().join("klp-kallsyms")));
        assert_eq!(known.vmlinux, None);
        let env = known.env();
        assert_eq!(env.len(), 1);
        assert_eq!(env[0].0, "KLP_KALLSYMS");
    }

    #[test]
    fn what_is_missing_comes_from_elsewhere() {
        let path = |name: &str| Some(PathBuf::from(name));
        let first = Known {
            vmlinux: path("a"),
            ..Known::default()
        };
        let second = Known {
            vmlinux: path("b"),
            kallsyms: path("c"),
            ..Known::default()
        };
        let both = first.or(second);
        assert_eq!((both.vmlinux, both.kallsyms), (path("a"), path("c")));
    }
}
