// SPDX-License-Identifier: GPL-2.0-only

//! What package formats call machines.

use klp_elf::Machine;

/// Debian's name.
pub(crate) fn deb(machine: Machine) -> &'static str {
    match machine {
        Machine::X86 => "amd64",
        Machine::Arm64 => "arm64",
    }
}

/// rpm's name.
pub(crate) fn rpm(machine: Machine) -> &'static str {
    match machine {
        Machine::X86 => "x86_64",
        Machine::Arm64 => "aarch64",
    }
}
