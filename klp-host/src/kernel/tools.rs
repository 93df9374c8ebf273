// SPDX-License-Identifier: GPL-2.0-only

//! Finds the tools that build a kernel and its modules, and sets their variables for make.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Result;

use crate::arch::Arch;
use crate::build_folder::Freestanding;
use crate::cache::{Cache, Key};
use crate::host::files::write_atomic;
use crate::tools::bindgen::Bindgen;
use crate::tools::llvm::{self, Llvm};
use crate::tools::needs::Needs;
use crate::tools::packages;
use crate::tools::toolchain::{self, Toolchain};

/// The packages that builds need besides LLVM and Rust.
const PACKAGES: &[&str] = &[
    "bash",
    "bc",
    "binutils",
    "bison",
    "cpio",
    "flex",
    "gawk",
    "gcc",
    "kmod",
    "libc6-dev",
    "libelf-dev",
    "libssl-dev",
    "make",
    "pahole",
    "perl",
    "python3",
    "rsync",
    "xz-utils",
];

/// A placeholder for the caller's PATH while a makefile is written.
const CALLERS_PATH: &str = "@PATH@";

/// The compilers and other tools for one kernel.
#[derive(Clone, Debug)]
pub(super) struct Tools {
    llvm: Llvm,
    toolchain: Toolchain,
    bindgen: PathBuf,
    /// The version text of the kernel's rustc, if ours must report it instead of its own: the hashes in
    /// Rust's symbol names depend on it.
    forced_version: Option<String>,
}

/// The tools that all kernels share. [`Self::with_rust`] adds those for one kernel.
#[derive(Clone, Debug)]
pub(super) struct CommonTools {
    llvm: Llvm,
    bindgen: Bindgen,
}

/// Returns the packages that builds need.
pub(super) fn needs() -> Result<Needs> {
    Ok(Needs::of(PACKAGES).and(llvm::needs()?))
}

impl CommonTools {
    /// Finds the tools.
    pub(super) fn find() -> Result<Self> {
        packages::ensure(PACKAGES)?;
        let llvm = llvm::find()?;
        Ok(Self {
            bindgen: Bindgen::choose(&llvm),
            llvm,
        })
    }

    /// Returns the folder with bindgen, which is built first if needed.
    pub(super) fn bindgen(&self, cache: &Cache) -> Result<PathBuf> {
        self.bindgen.folder(cache)
    }

    /// Adds all tools to the key of a build.
    pub(super) fn key(&self) -> Key {
        Key::new()
            .with("llvm", &self.llvm.version)
            .with("bindgen", &self.bindgen.version)
    }

    /// Adds the Rust tools, for a kernel built by the rustc with `version_text`. `bindgen` is called after
    /// the compiler was fetched, because it may wait for a build.
    pub(super) fn with_rust(
        &self,
        version_text: &str,
        bindgen: impl FnOnce() -> Result<PathBuf>,
    ) -> Result<Tools> {
        let number = toolchain::number(version_text).unwrap_or(version_text);
        let toolchain = toolchain::ensure(number, &[toolchain::SOURCE])?;
        Ok(Tools {
            llvm: self.llvm.clone(),
            forced_version: forced_version(&toolchain.version, version_text),
            toolchain,
            bindgen: bindgen()?,
        })
    }
}

/// Returns the version text that rustc must report, if it differs from its own.
fn forced_version(ours: &str, kernels: &str) -> Option<String> {
    let text = kernels.strip_prefix("rustc ")?;
    (ours != kernels && text.contains(' ')).then(|| text.to_owned())
}

impl Tools {
    /// Returns the tools that build Rust code for a kernel without Rust.
    pub(super) fn freestanding(&self) -> Freestanding {
        Freestanding {
            toolchain: self.toolchain.clone(),
            llvm_suffix: self.llvm.suffix().to_owned(),
        }
    }

    /// Returns the environment for every make.
    pub(super) fn make_env(&self) -> Vec<(String, String)> {
        self.env(&std::env::var("PATH").unwrap_or_default())
    }

    fn env(&self, path: &str) -> Vec<(String, String)> {
        let mut env = vec![(
            "PATH".to_owned(),
            format!(
                "{}:{}:{path}:/usr/sbin:/sbin",
                self.toolchain.bin().display(),
                self.bindgen.display()
            ),
        )];
        if let Some(dir) = &self.llvm.libclang {
            env.push(("LIBCLANG_PATH".to_owned(), dir.display().to_string()));
        }
        if let Some(version) = &self.forced_version {
            env.push(("RUSTC_FORCE_RUSTC_VERSION".to_owned(), version.clone()));
        }
        env
    }

    /// Returns the variables for every make's command line.
    pub(super) fn make_vars(&self, arch: Arch) -> Vec<(String, String)> {
        let mut vars = vec![("LLVM".to_owned(), self.llvm.make_value.clone())];
        vars.extend(arch.make_vars());
        vars
    }

    /// Writes a makefile by which `make -C BUILD M=...` uses these tools.
    pub(super) fn write_makefile(&self, build: &Path, source: &Path, arch: Arch) -> Result<()> {
        let path = build.join("Makefile");
        let text = self.makefile(build, source, arch);
        if fs::read_to_string(&path).is_ok_and(|old| old == text) {
            return Ok(());
        }
        write_atomic(&path, &text)
    }

    fn makefile(&self, build: &Path, source: &Path, arch: Arch) -> String {
        let mut text = String::from(
            "# SPDX-License-Identifier: GPL-2.0-only\n\
             # Written by cargo xtask: builds modules with the tools that fit this kernel.\n",
        );
        let vars = self.env(CALLERS_PATH).into_iter();
        for (name, value) in vars.chain(self.make_vars(arch)) {
            let value = value.replace('$', "$$").replace('#', "\\#");
            let value = value.replace(CALLERS_PATH, "$(PATH)");
            text.push_str(&format!("export {name} := {value}\n"));
        }
        text.push_str(&format!(
            "export KBUILD_OUTPUT := {}\ninclude {}/Makefile\n",
            build.display(),
            source.display()
        ));
        text
    }
}

/// Returns a thread's result, and resumes its panic.
pub(super) fn join<T>(worker: std::thread::ScopedJoinHandle<'_, Result<T>>) -> Result<T> {
    worker
        .join()
        .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_makefile_sets_the_tools() {
        let tools = Tools {
            llvm: Llvm {
                make_value: "-19".to_owned(),
                version: String::new(),
                libclang: Some(PathBuf::from("/llvm/lib")),
            },
            toolchain: Toolchain {
                root: PathBuf::from("/rust$1"),
                version: String::new(),
            },
            bindgen: PathBuf::from("/bindgen/bin"),
            forced_version: Some("1.97.1 (built from #2)".to_owned()),
        };
        let text = tools.makefile(Path::new("/build"), Path::new("/source"), Arch::HOST);
        let lines: Vec<_> = text.lines().skip(2).collect();
        assert_eq!(
            lines,
            [
                "export PATH := /rust$$1/bin:/bindgen/bin:$(PATH):/usr/sbin:/sbin",
                "export LIBCLANG_PATH := /llvm/lib",
                "export RUSTC_FORCE_RUSTC_VERSION := 1.97.1 (built from \\#2)",
                "export LLVM := -19",
                "export KBUILD_OUTPUT := /build",
                "include /source/Makefile",
            ]
        );
    }

    #[test]
    fn the_version_text_is_forced_only_if_it_differs() {
        let plain = "rustc 1.97.1 (8bab26f4f 2026-07-14)";
        let debian = "rustc 1.97.1 (8bab26f4f 2026-07-14) (built from a source tarball)";
        assert_eq!(forced_version(plain, plain), None);
        assert_eq!(forced_version(debian, debian), None);
        assert_eq!(
            forced_version(plain, debian).as_deref(),
            Some("1.97.1 (8bab26f4f 2026-07-14) (built from a source tarball)")
        );
        // The small kernels need only the version number.
        assert_eq!(forced_version(plain, "1.97.1"), None);
        assert_eq!(forced_version(plain, "rustc 1.97.1"), None);
    }
}
