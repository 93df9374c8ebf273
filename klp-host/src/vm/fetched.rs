// SPDX-License-Identifier: GPL-2.0-only

//! A QEMU that emulates several CPUs at once, for systems whose own cannot be trusted with it:
//! Debian 12 has a newer one in its backports. It is unpacked into the cache; the
//! system does not change, and the libraries are those of the system's own QEMU.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};

use crate::cache::{Cache, Key, inherit_locks};
use crate::host::process;
use crate::host::progress::Step;
use crate::kernel::apt::{Archive, Package};

/// The system that it is for, as `/etc/os-release` has it, and where the packages are.
const SYSTEM: &str = "VERSION_CODENAME=bookworm";
const SUITE: &str = "bookworm-backports";

/// All of QEMU that the suite has in a newer version.
const PACKAGES: [&str; 4] = [
    "qemu-system-x86",
    "qemu-system-common",
    "qemu-system-data",
    "seabios",
];

/// Its program, fetched first when the cache does not have it.
pub(super) fn program(cache: &Cache) -> Result<PathBuf> {
    let system = fs::read_to_string("/etc/os-release").unwrap_or_default();
    if !system.lines().any(|line| line == SYSTEM) {
        bail!("packages are known for Debian 12 only: install QEMU 10 or newer, or set KLP_QEMU");
    }
    let dir = cache
        .entry("qemu", SUITE, &Key::new().with("recipe", "2"))
        .get_or_create(|dir| fetch(cache, dir))?;
    Ok(dir.join("usr/bin").join(super::qemu::PROGRAM))
}

fn fetch(cache: &Cache, dir: &Path) -> Result<()> {
    let step = Step::start("getting QEMU from Debian's backports", "a few seconds");
    let archive = Archive::new(cache);
    let suite = archive.suite(SUITE, &step)?;
    let offered = suite.packages(&PACKAGES.map(str::to_owned))?;
    for name in PACKAGES {
        let package = newest(&offered, name)
            .with_context(|| format!("Debian's suite {SUITE} no longer has {name}"))?;
        let deb = suite.download(package, &step)?.verify(cache)?;
        let mut unpack = process::command("dpkg-deb");
        unpack.arg("-x").arg(deb.path()).arg(dir);
        inherit_locks(&mut unpack);
        process::run(&mut unpack)?;
        deb.record(dir)?;
    }
    step.done();
    Ok(())
}

/// apt lists the newest version of a package first.
fn newest<'a>(offered: &'a [Package], name: &str) -> Option<&'a Package> {
    offered.iter().find(|package| package.name == name)
}
