// SPDX-License-Identifier: GPL-2.0-only

//! Unpacks Debian packages of another architecture into the cache: the programs of guests, and a sysroot for
//! building programs for them.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result};

use crate::apt::Archive;
use crate::arch::Arch;
use crate::cache::{Cache, Key, inherit_locks};
use crate::host::consent::check_online;
use crate::host::process;
use crate::host::progress::Step;
use crate::tools::llvm;
use crate::tools::needs::Needs;
use crate::tools::packages;

/// The suite of the packages.
const SUITE: &str = "bookworm";

/// Changed when the contents change.
const RECIPE: &str = "1";

/// The packages for building C programs for the host's architecture.
const HOST_C: [&str; 2] = ["gcc", "libc6-dev"];

/// The packages in a sysroot for building C programs.
const C: [&str; 2] = ["libc6-dev", "libgcc-12-dev"];

/// Returns the host packages for fetching them.
pub(super) fn needs(_arch: Arch) -> Needs {
    Needs::of(&["debian-archive-keyring"])
}

/// Returns the host packages for building C programs for guests of this architecture.
///
/// # Errors
///
/// The search for LLVM fails.
pub fn compiler_needs(arch: Arch) -> Result<Needs> {
    match arch {
        Arch::HOST => Ok(Needs::of(&HOST_C)),
        other => Ok(needs(other).and(llvm::needs()?)),
    }
}

/// Returns a C compiler for guests of this architecture.
///
/// # Errors
///
/// It is missing and cannot be fetched.
pub fn compiler(arch: Arch) -> Result<Command> {
    if arch == Arch::HOST {
        packages::ensure(&HOST_C)?;
        return Ok(process::command("gcc"));
    }
    let llvm = llvm::find()?;
    let root = get(&Cache::open()?, arch, "c", &C)?;
    let mut command = process::command(format!("clang{}", llvm.suffix()));
    command
        .arg(format!("--target={}-linux-gnu", arch.facts().gnu))
        .arg(format!("--sysroot={}", root.display()))
        .arg("-fuse-ld=lld");
    Ok(command)
}

/// Returns a folder with these packages and their dependencies, fetched first if needed.
pub(super) fn get(cache: &Cache, arch: Arch, name: &str, packages: &[&str]) -> Result<PathBuf> {
    let key = packages
        .iter()
        .fold(Key::new().with("recipe", RECIPE), |key, package| {
            key.with("package", package)
        });
    let name = format!("{SUITE}-{}-{name}", arch.facts().debian);
    let entry = cache.entry("sysroot", &name, &key);
    let dir = entry.get_or_create(|dir| fetch(cache, arch, packages, dir))?;
    Ok(dir.join(ROOT))
}

/// The root folder in the cache entry.
const ROOT: &str = "root";

fn fetch(cache: &Cache, arch: Arch, packages: &[&str], dir: &Path) -> Result<()> {
    check_online(&format!("the cache has no programs for {arch}"))?;
    let step = Step::start(
        &format!("getting programs for {arch} from Debian's {SUITE}"),
        "half a minute",
    );
    let archive = Archive::new(cache);
    let suite = archive.suite_for(arch, SUITE, &step)?;
    let root = dir.join(ROOT);
    for package in suite.with_dependencies(packages)? {
        step.note(&package.name);
        let deb = suite.download(&package, &step)?.verify(cache)?;
        let mut unpack = process::command("dpkg-deb");
        unpack.arg("-x").arg(deb.path()).arg(&root);
        inherit_locks(&mut unpack);
        process::run(&mut unpack)
            .with_context(|| format!("cannot unpack {}", deb.path().display()))?;
        deb.record(dir)?;
    }
    step.done();
    Ok(())
}
