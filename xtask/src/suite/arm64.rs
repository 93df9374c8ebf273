// SPDX-License-Identifier: GPL-2.0-only

//! The part `arm64`: module checks, scenarios and the kernel's selftests on arm64 with both livepatch cores, published
//! fixes, and the comparison of the cores, in emulated machines. It needs separate kernels, so it runs only on request.

use anyhow::Result;
use klp_host::arch::Arch;
use klp_host::host::needs::Needs;
use klp_host::kernel::{self, Core, Kernel, Options, Profile};

use super::{cve, modules};
use crate::case::Tally;
use crate::checkout;
use crate::compare;
use crate::guest_program;
use crate::kselftest;
use crate::scenarios;

const ARCH: Arch = Arch::Arm64;
const CORES: [Core; 2] = [Core::C, Core::Rust];

/// How its kernels are built.
fn options() -> Options {
    Options {
        arch: ARCH,
        ..checkout::kernel_options()
    }
}

/// The packages that it takes.
pub(super) fn needs() -> Result<Needs> {
    let [c, rust] = CORES.map(|core| kernel::needs(core, Profile::Base, &options()));
    Ok(c?.and(rust?).and(guest_program::needs(ARCH)?))
}

/// Runs it.
pub(super) fn run() -> Result<Tally> {
    let [c, rust] = CORES.map(|core| kernel::get(core, Profile::Base, &options()));
    let (c, rust) = (c?, rust?);
    let mut total = Tally::default();
    for kernel in [&c, &rust] {
        let built = checkout::build_all(kernel)?;
        total += modules::run_foreign(&built);
        total += run_scenarios(kernel, &built.modules)?;
        total += kselftest::run(kernel)?;
    }
    total += cve::on_small(&rust)?;
    total += compare::run(&c, &rust, None)?;
    Ok(total)
}

fn run_scenarios(kernel: &Kernel, modules: &[std::path::PathBuf]) -> Result<Tally> {
    let scripts = scenarios::only_for(ARCH, scenarios::all()?)?;
    Ok(Tally::of(&scenarios::run(kernel, modules, &scripts)?))
}
