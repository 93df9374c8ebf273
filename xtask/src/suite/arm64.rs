// SPDX-License-Identifier: GPL-2.0-only

//! The part `arm64`: module checks, scenarios and the kernel's selftests on arm64, in an emulated
//! machine. It needs a separate kernel, so it runs only on request.

use anyhow::Result;
use klp_host::arch::Arch;
use klp_host::host::needs::Needs;
use klp_host::kernel::{self, Core, Kernel, Options, Profile};

use super::modules;
use crate::case::Tally;
use crate::checkout;
use crate::guest_program;
use crate::kselftest;
use crate::scenarios;

const ARCH: Arch = Arch::Arm64;

/// How its kernel is built.
fn options() -> Options {
    Options {
        arch: ARCH,
        ..checkout::kernel_options()
    }
}

/// The packages that it takes.
pub(super) fn needs() -> Result<Needs> {
    let kernel = kernel::needs(Core::C, Profile::Base, &options())?;
    Ok(kernel.and(guest_program::needs(ARCH)?))
}

/// Runs it.
pub(super) fn run() -> Result<Tally> {
    let kernel = kernel::get(Core::C, Profile::Base, &options())?;
    let built = checkout::build_all(&kernel)?;
    let mut total = modules::run_foreign(&built);
    total += run_scenarios(&kernel, &built.modules)?;
    total += kselftest::run(&kernel)?;
    Ok(total)
}

fn run_scenarios(kernel: &Kernel, modules: &[std::path::PathBuf]) -> Result<Tally> {
    let scripts = scenarios::only_for(ARCH, scenarios::all()?)?;
    Ok(Tally::of(&scenarios::run(kernel, modules, &scripts)?))
}
