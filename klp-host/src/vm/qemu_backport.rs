// SPDX-License-Identifier: GPL-2.0-only

//! Fetches a newer QEMU from Debian 12's backports, for parallel emulation of several CPUs. It is unpacked into the
//! cache and uses the libraries of the system's QEMU.

use std::fs;
use std::path::PathBuf;

use anyhow::{Result, bail};

use crate::arch::Arch;
use crate::cache::Cache;
use crate::unpacked::Unpacked;

/// The line of `/etc/os-release` that identifies Debian 12.
const SYSTEM: &str = "VERSION_CODENAME=bookworm";

/// Returns its program, fetched first if the cache does not have it.
pub(super) fn program(arch: Arch, cache: &Cache) -> Result<PathBuf> {
    let system = fs::read_to_string("/etc/os-release").unwrap_or_default();
    if !system.lines().any(|line| line == SYSTEM) {
        bail!("packages are known for Debian 12 only: install QEMU 10 or newer, or set KLP_QEMU");
    }
    let machine = &arch.facts().machine;
    let name = format!("qemu{}", arch.suffix());
    let program = format!("usr/bin/{}", machine.program);
    let qemu = Unpacked {
        name: &name,
        suite: "bookworm-backports",
        packages: machine.newer,
        program: &program,
        recipe: "2",
    };
    qemu.get(cache)
}
