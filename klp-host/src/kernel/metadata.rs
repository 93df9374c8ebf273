// SPDX-License-Identifier: GPL-2.0-only

//! The files with a kernel's types, symbols and modules, against which patches are checked.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use klp_elf::Sources;

use super::release;
use crate::cache::{Cache, Key};
use crate::host::files::write_atomic;
use crate::host::paths;

/// A copy of `/proc/kallsyms`, in a build folder and in the cache.
pub const KALLSYMS: &str = "klp-kallsyms";

/// A copy of tracefs' `available_filter_functions`, in the same places.
pub const TRACEABLE: &str = "klp-traceable";

/// A copy of tracefs' `available_filter_functions_addrs`, in the same places. Empty if the kernel has
/// no such file.
pub const SITES: &str = "klp-sites";

/// An environment variable with files for the compiler of a patch.
#[derive(Clone, Copy, Debug)]
pub struct Variable {
    /// The variable's name.
    pub name: &'static str,
    /// Its value, for the documentation.
    pub names: &'static str,
    /// The effect if it is not set.
    pub without: &'static str,
}

/// The variables, in the order of the fields of [`KernelMetadata`].
pub const VARIABLES: [Variable; 6] = [
    Variable {
        name: "KLP_VMLINUX",
        names: "a `vmlinux` with BTF, or BTF alone (`/sys/kernel/btf/vmlinux`)",
        without: "nothing is checked, with a warning; views do not compile",
    },
    Variable {
        name: "KLP_KALLSYMS",
        names: "text like `/proc/kallsyms`, read by root",
        without: "the symbols of `KLP_VMLINUX`, if any",
    },
    Variable {
        name: "KLP_TRACEABLE",
        names: "text like `/sys/kernel/tracing/available_filter_functions`",
        without: "what `KLP_VMLINUX` has",
    },
    Variable {
        name: "KLP_SITES",
        names: "text like `/sys/kernel/tracing/available_filter_functions_addrs`, of the same boot as `KLP_KALLSYMS`",
        without: "patch sites are measured on loading, and a call of the original costs two instructions more",
    },
    Variable {
        name: "KLP_SYMVERS",
        names: "the kernel's `Module.symvers`",
        without: "exported symbols are found by livepatch too",
    },
    Variable {
        name: "KLP_MODULES",
        names: "folders, separated by colons, with `MODULE.ko` (or `.ko.xz`, `.ko.zst`, `.ko.gz`)",
        without: "patches and views of that module do not compile; a patch does with `unsafe`",
    },
];

/// The variable with indices of debug information, which are not part of [`KernelMetadata`].
pub const INLINED: Variable = Variable {
    name: klp_elf::inlined::VARIABLE,
    names: "folders, separated by colons, with indices that `cargo klp build` makes of debug information",
    without: "[inlined copies](#inlined-copies) are unknown",
};

/// The files with a kernel's types, symbols and modules. Checks that need a missing file are skipped.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct KernelMetadata {
    /// Type information: an ELF file with `.BTF`, or BTF itself.
    pub vmlinux: Option<PathBuf>,
    /// Text like `/proc/kallsyms`.
    pub kallsyms: Option<PathBuf>,
    /// Text like tracefs' `available_filter_functions`.
    pub traceable: Option<PathBuf>,
    /// Text like tracefs' `available_filter_functions_addrs`, of the same boot as `kallsyms`.
    pub sites: Option<PathBuf>,
    /// The exported symbols: `Module.symvers` of the kernel's build.
    pub symvers: Option<PathBuf>,
    /// Folders with modules that may be patched, separated by colons.
    pub modules: Option<PathBuf>,
}

impl KernelMetadata {
    /// Returns the files in a build folder.
    pub fn of_folder(dir: &Path) -> Self {
        let file = |name: &str| Some(dir.join(name)).filter(|path| path.is_file());
        Self {
            vmlinux: file("vmlinux"),
            kallsyms: file(KALLSYMS),
            traceable: file(TRACEABLE),
            sites: file(SITES),
            symvers: file("Module.symvers"),
            // Only a complete build has `modules.order`.
            modules: file("modules.order").map(|_| dir.to_owned()),
        }
    }

    /// Returns this vmlinux or BTF file, with the other files in its folder.
    pub fn of_vmlinux(file: &Path) -> Self {
        let beside = file.parent().map(Self::of_folder).unwrap_or_default();
        Self {
            vmlinux: Some(file.to_owned()),
            ..beside
        }
    }

    /// Returns the files of the running kernel that this user can read, as copies in `cache`.
    pub fn of_running(cache: &Cache) -> Result<Self> {
        let release = release::of_running()?;
        let types = Path::new("/sys/kernel/btf/vmlinux");
        let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
        let dir = cache
            .entry("running", &release, &Key::new().with("boot", boot.trim()))
            .get_updated(copy_symbols)?;
        let copy = |name: &str| Some(dir.join(name)).filter(|path| path.is_file());
        Ok(Self {
            vmlinux: Some(types.to_owned()).filter(|path| path.is_file()),
            kallsyms: copy(KALLSYMS),
            traceable: copy(TRACEABLE),
            sites: copy(SITES),
            symvers: None,
            modules: Some(Path::new("/lib/modules").join(&release)).filter(|path| path.is_dir()),
        })
    }

    /// Takes missing files from `other`.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        // Addresses in `sites` and `kallsyms` must be of the same boot.
        let others_sites = other.sites.filter(|_| self.kallsyms.is_none());
        Self {
            vmlinux: self.vmlinux.or(other.vmlinux),
            kallsyms: self.kallsyms.or(other.kallsyms),
            traceable: self.traceable.or(other.traceable),
            sites: self.sites.or(others_sites),
            symvers: self.symvers.or(other.symvers),
            modules: self.modules.or(other.modules),
        }
    }

    /// Applies the user's variables, which take precedence. An empty one removes the file.
    #[must_use]
    pub fn or_users(self) -> Self {
        self.or_set(&|variable| std::env::var_os(variable))
    }

    fn or_set(self, set: &dyn Fn(&str) -> Option<OsString>) -> Self {
        let users = |variable: &str, known: Option<PathBuf>| match set(variable) {
            Some(paths) if paths.is_empty() => None,
            Some(paths) => Some(absolute(&paths)),
            None => known,
        };
        let [vmlinux, kallsyms, traceable, sites, symvers, modules] = VARIABLES.map(|it| it.name);
        let own_sites = self.sites.filter(|_| set(kallsyms).is_none());
        Self {
            vmlinux: users(vmlinux, self.vmlinux),
            kallsyms: users(kallsyms, self.kallsyms),
            traceable: users(traceable, self.traceable),
            sites: users(sites, own_sites),
            symvers: users(symvers, self.symvers),
            modules: users(modules, self.modules),
        }
    }

    /// Adds a folder with modules.
    #[must_use]
    pub fn with_modules(self, dir: &Path) -> Self {
        let mut dirs = dir.as_os_str().to_owned();
        if let Some(others) = &self.modules {
            dirs.push(":");
            dirs.push(others);
        }
        Self {
            modules: Some(PathBuf::from(dirs)),
            ..self
        }
    }

    /// Refuses paths that the kernel's makefiles do not support.
    ///
    /// # Errors
    ///
    /// A path has an unsupported character.
    pub fn check_for_make(&self) -> Result<()> {
        let files = [
            &self.vmlinux,
            &self.kallsyms,
            &self.traceable,
            &self.symvers,
        ];
        for path in files.into_iter().flatten() {
            paths::check_for_make(path)?;
        }
        self.module_folders()
            .iter()
            .try_for_each(|dir| paths::check_for_make(dir))
    }

    /// Returns the folders with modules.
    pub(super) fn module_folders(&self) -> Vec<PathBuf> {
        let modules = self.modules.clone().unwrap_or_default();
        std::env::split_paths(&modules)
            .filter(|path| !path.as_os_str().is_empty())
            .collect()
    }

    /// Converts the metadata for klp-elf.
    ///
    /// # Errors
    ///
    /// There is no type information.
    pub fn sources(self) -> Result<Sources> {
        let modules = self.module_folders();
        let vmlinux = self.vmlinux.context(
            "the kernel has no type information: build it with CONFIG_DEBUG_INFO_BTF=y, or pass a \
             vmlinux with BTF as --vmlinux",
        )?;
        Ok(Sources {
            vmlinux,
            kallsyms: self.kallsyms,
            traceable: self.traceable,
            sites: self.sites,
            symvers: self.symvers,
            modules,
        })
    }

    /// Returns the environment for the compiler of a patch. Variables of missing files are empty.
    pub fn env(&self) -> Vec<(String, String)> {
        let paths = [
            &self.vmlinux,
            &self.kallsyms,
            &self.traceable,
            &self.sites,
            &self.symvers,
            &self.modules,
        ];
        let text = |path: &Option<PathBuf>| path.as_ref().map(|path| path.display().to_string());
        VARIABLES
            .into_iter()
            .zip(paths)
            .map(|(variable, path)| (variable.name.to_owned(), text(path).unwrap_or_default()))
            .collect()
    }
}

/// Makes paths that are separated by colons absolute, because make runs in other folders.
fn absolute(paths: &OsStr) -> PathBuf {
    let all = std::env::split_paths(paths)
        .filter(|path| !path.as_os_str().is_empty())
        .map(|path| std::path::absolute(&path).unwrap_or(path));
    std::env::join_paths(all).map_or_else(|_| PathBuf::from(paths), PathBuf::from)
}

/// Whether kallsyms has nonzero addresses: unprivileged users see zeros.
pub(super) fn has_addresses(kallsyms: &str) -> bool {
    let address = |line: &str| u64::from_str_radix(line.split(' ').next()?, 16).ok();
    kallsyms
        .lines()
        .filter_map(address)
        .any(|address| address != 0)
}

/// Copies the readable files of procfs and tracefs, which have no length and may change.
fn copy_symbols(dir: &Path) -> Result<()> {
    let sources = [
        ("/proc/kallsyms", KALLSYMS),
        ("/sys/kernel/tracing/available_filter_functions", TRACEABLE),
        (
            "/sys/kernel/tracing/available_filter_functions_addrs",
            SITES,
        ),
    ];
    for (source, name) in sources {
        let text = fs::read_to_string(source).unwrap_or_default();
        if text.is_empty() || name == KALLSYMS && !has_addresses(&text) {
            continue;
        }
        let copy = dir.join(name);
        if fs::read_to_string(&copy).ok().as_ref() != Some(&text) {
            write_atomic(&copy, &text)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn module_folders_are_split() {
        let known = KernelMetadata {
            vmlinux: Some("v".into()),
            modules: Some("/a:/b".into()),
            ..KernelMetadata::default()
        };
        let modules = known.sources().unwrap().modules;
        assert_eq!(modules, [PathBuf::from("/a"), PathBuf::from("/b")]);
        let text = KernelMetadata::default().sources().unwrap_err().to_string();
        assert!(text.contains("--vmlinux"), "{text}");
    }

    #[test]
    fn build_folders_provide_their_files() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(
            KernelMetadata::of_folder(dir.path()),
            KernelMetadata::default()
        );
        fs::write(dir.path().join("klp-kallsyms"), "").unwrap();
        let known = KernelMetadata::of_folder(dir.path());
        assert_eq!(known.kallsyms, Some(dir.path().join("klp-kallsyms")));
        assert_eq!(known.vmlinux, None);
        let env = known.env();
        assert_eq!(env[0], ("KLP_VMLINUX".to_owned(), String::new()));
        assert_eq!(env[1].0, "KLP_KALLSYMS");
        assert!(env[1].1.ends_with("/klp-kallsyms"));
        assert_eq!(known.modules, None, "no kernel was built here");
        fs::write(dir.path().join("modules.order"), "").unwrap();
        let whole = KernelMetadata::of_folder(dir.path());
        assert_eq!(whole.modules, Some(dir.path().to_owned()));
        let vmlinux = dir.path().join("vmlinux-7.2");
        let beside = KernelMetadata::of_vmlinux(&vmlinux);
        assert_eq!(beside.vmlinux, Some(vmlinux));
        assert_eq!(beside.kallsyms, known.kallsyms);
    }

    #[test]
    fn the_users_variables_take_precedence() {
        let path = |name: &str| Some(PathBuf::from(name));
        let known = KernelMetadata {
            vmlinux: path("/v"),
            kallsyms: path("/k"),
            traceable: path("/t"),
            sites: path("/s"),
            symvers: None,
            modules: None,
        };
        let set = |variable: &str| match variable {
            "KLP_VMLINUX" => Some(OsString::from("mine")),
            "KLP_KALLSYMS" => Some(OsString::new()),
            "KLP_MODULES" => Some(OsString::from("/a:b:")),
            _ => None,
        };
        let here = std::env::current_dir().unwrap();
        let modules = format!("/a:{}/b", here.display());
        let wanted = KernelMetadata {
            vmlinux: Some(here.join("mine")),
            kallsyms: None,
            traceable: path("/t"),
            // They belong to the replaced kallsyms.
            sites: None,
            symvers: None,
            modules: path(&modules),
        };
        assert_eq!(known.or_set(&set), wanted);
    }

    #[test]
    fn paths_that_make_does_not_support_are_refused() {
        let known = |file: &str, modules: &str| KernelMetadata {
            vmlinux: Some(PathBuf::from(file)),
            modules: Some(PathBuf::from(modules)),
            ..KernelMetadata::default()
        };
        known("/v", "/a:/b").check_for_make().unwrap();
        for (file, modules) in [("/v'", "/a:/b"), ("/v", "/a:/b'")] {
            let text = known(file, modules).check_for_make().unwrap_err();
            assert!(text.to_string().contains("the character '"), "{text}");
        }
    }

    #[test]
    fn or_takes_missing_files_from_the_other() {
        let path = |name: &str| Some(PathBuf::from(name));
        let first = KernelMetadata {
            vmlinux: path("a"),
            ..KernelMetadata::default()
        };
        let second = KernelMetadata {
            vmlinux: path("b"),
            kallsyms: path("c"),
            sites: path("d"),
            ..KernelMetadata::default()
        };
        let modules = |known: &KernelMetadata| known.modules.clone();
        let one = first.clone().with_modules(Path::new("/m"));
        assert_eq!(modules(&one), path("/m"));
        assert_eq!(modules(&one.with_modules(Path::new("/n"))), path("/n:/m"));
        let third = KernelMetadata {
            kallsyms: path("e"),
            ..KernelMetadata::default()
        };
        assert_eq!(third.or(second.clone()).sites, None);
        let both = first.or(second);
        assert_eq!((both.vmlinux, both.kallsyms), (path("a"), path("c")));
        assert_eq!(both.sites, path("d"));
    }
}
