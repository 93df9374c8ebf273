// SPDX-License-Identifier: GPL-2.0-only

//! What package formats call machines.

use klp_elf::Machine;

/// Debian's name.
pub(crate) fn deb(machine: Option<Machine>) -> &'static str {
    match machine {
        None => "all",
        Some(Machine::X86) => "amd64",
        Some(Machine::Arm64) => "arm64",
    }
}

/// rpm's name.
pub(crate) fn rpm(machine: Option<Machine>) -> &'static str {
    match machine {
        None => "noarch",
        Some(Machine::X86) => "x86_64",
        Some(Machine::Arm64) => "aarch64",
    }
}
