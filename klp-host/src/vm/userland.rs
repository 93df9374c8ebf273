// SPDX-License-Identifier: GPL-2.0-only

//! Sources of a guest's programs: the host, or Debian packages for the guest's architecture, unpacked into the cache.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail, ensure};

use super::elf_dependencies::{self, ElfDependencies};
use super::initramfs::Tree;
use super::{libraries, sysroot};
use crate::arch::Arch;
use crate::cache::Cache;
use crate::host::programs;
use crate::tools::needs::Needs;
use crate::tools::packages;

/// The Debian packages that a guest needs.
pub(super) const PACKAGES: [&str; 12] = [
    "bash",
    "busybox-static",
    "coreutils",
    "diffutils",
    "findutils",
    "gawk",
    "grep",
    "kmod",
    "libc-bin",
    "procps",
    "sed",
    "util-linux",
];

/// The folders of programs in Debian packages.
const BIN: [&str; 4] = ["usr/bin", "bin", "usr/sbin", "sbin"];

/// The programs of a guest.
#[derive(Debug)]
pub(super) enum Userland {
    /// Those of the host.
    Host,
    /// Those of another architecture, in this folder.
    Unpacked(Unpacked),
}

/// A folder with unpacked packages of another architecture.
#[derive(Debug)]
pub(super) struct Unpacked {
    arch: Arch,
    dir: PathBuf,
}

/// Returns the host packages that it needs.
pub(super) fn needs(arch: Arch) -> Needs {
    match arch {
        Arch::HOST => Needs::of(&PACKAGES),
        other => sysroot::needs(other),
    }
}

impl Userland {
    /// Returns the userland for guests of this architecture, fetched first if needed.
    pub(super) fn get(arch: Arch) -> Result<Self> {
        if arch == Arch::HOST {
            packages::ensure(&PACKAGES)?;
            return Ok(Self::Host);
        }
        let dir = sysroot::get(&Cache::open()?, arch, "programs", &PACKAGES)?;
        Ok(Self::Unpacked(Unpacked { arch, dir }))
    }

    /// Returns the path of a program.
    pub(super) fn find(&self, name: &str) -> Option<PathBuf> {
        match self {
            Self::Host => programs::find(name),
            Self::Unpacked(unpacked) => unpacked.find(name),
        }
    }

    /// Whether the programs are those of the host.
    pub(super) fn is_host(&self) -> bool {
        matches!(self, Self::Host)
    }

    /// Adds the shared libraries of these programs to the tree.
    pub(super) fn add_libraries(&self, tree: &mut Tree, programs: &[PathBuf]) -> Result<()> {
        match self {
            Self::Host => libraries::add(tree, programs),
            Self::Unpacked(unpacked) => unpacked.add_libraries(tree, programs),
        }
    }
}

impl Unpacked {
    fn find(&self, name: &str) -> Option<PathBuf> {
        let candidates = BIN.map(|folder| self.dir.join(folder).join(name));
        candidates.into_iter().find(|path| path.is_file())
    }

    fn add_libraries(&self, tree: &mut Tree, programs: &[PathBuf]) -> Result<()> {
        let mut seen = BTreeSet::new();
        let mut pending = Vec::new();
        for program in programs {
            let needed = self.read(program)?;
            if let Some(interpreter) = needed.interpreter {
                let inside = interpreter.trim_start_matches('/');
                self.add_library(tree, program, &[self.dir.join(inside)], &interpreter)?;
            }
            pending.extend(
                needed
                    .libraries
                    .into_iter()
                    .map(|name| (name, program.clone())),
            );
        }
        while let Some((name, user)) = pending.pop() {
            if !seen.insert(name.clone()) {
                continue;
            }
            let triplet = format!("{}-linux-gnu", self.arch.facts().gnu);
            let candidates =
                ["lib", "usr/lib"].map(|lib| self.dir.join(lib).join(&triplet).join(&name));
            let guest = format!("/usr/lib/{triplet}/{name}");
            let library = self.add_library(tree, &user, &candidates, &guest)?;
            let needed = self.read(&library)?;
            pending.extend(
                needed
                    .libraries
                    .into_iter()
                    .map(|name| (name, library.clone())),
            );
        }
        Ok(())
    }

    /// Adds the first candidate that exists, and returns it.
    fn add_library(
        &self,
        tree: &mut Tree,
        user: &Path,
        candidates: &[PathBuf],
        guest: &str,
    ) -> Result<PathBuf> {
        let Some(library) = candidates.iter().find(|path| path.is_file()) else {
            bail!(
                "{} needs {guest}, which the packages for {} lack: link it statically",
                user.display(),
                self.arch
            );
        };
        tree.file(Path::new(guest), library)?;
        Ok(library.clone())
    }

    fn read(&self, program: &Path) -> Result<ElfDependencies> {
        let needed = elf_dependencies::read(program)
            .with_context(|| format!("cannot read the program {}", program.display()))?;
        ensure!(
            needed.arch == Some(self.arch),
            "{} is not a program for {}, the guest's architecture",
            program.display(),
            self.arch
        );
        Ok(needed)
    }
}
