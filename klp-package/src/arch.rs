// SPDX-License-Identifier: GPL-2.0-only

//! The architecture names of package formats.

use klp_elf::Machine;

/// The architecture in Debian's packages.
pub(crate) fn deb(machine: Option<Machine>) -> &'static str {
    match machine {
        None => "all",
        Some(Machine::X86) => "amd64",
        Some(Machine::Arm64) => "arm64",
    }
}

/// The architecture in rpm packages.
pub(crate) fn rpm(machine: Option<Machine>) -> &'static str {
    match machine {
        None => "noarch",
        Some(Machine::X86) => "x86_64",
        Some(Machine::Arm64) => "aarch64",
    }
}
