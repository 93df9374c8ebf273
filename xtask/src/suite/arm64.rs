// SPDX-License-Identifier: GPL-2.0-only

//! The part `arm64`: module checks, scenarios and the kernel's selftests on arm64 with both livepatch cores, published
//! fixes, and the comparison of the cores, in emulated machines. It needs separate kernels, so it runs only on request.

use anyhow::Result;
use klp_host::arch::Arch;
use klp_host::host::needs::Needs;
use klp_host::kernel::{self, Core, Options, Profile};

use super::{at_once, cve, modules};
use crate::case::Tally;
use crate::checkout;
use crate::compare;
use crate::guest_program;
use crate::kselftest;
use crate::scenarios;

const ARCH: Arch = Arch::Arm64;

/// How its kernels are built.
fn options() -> Options {
    Options {
        arch: ARCH,
        ..checkout::kernel_options()
    }
}

/// The packages that it takes.
pub(super) fn needs() -> Result<Needs> {
    let of = |core| kernel::needs(core, Profile::Base, &options());
    let kernels = of(Core::C)?.and(of(Core::Rust)?);
    Ok(kernels.and(guest_program::needs(ARCH)?))
}

/// Runs it.
pub(super) fn run() -> Result<Tally> {
    let get = |core| kernel::get(core, Profile::Base, &options());
    let kernels = [get(Core::C)?, get(Core::Rust)?];
    let scripts = scenarios::only_for(ARCH, scenarios::all()?)?;
    let mut total = at_once(&kernels, |kernel, built| {
        let mut tally = modules::run_foreign(built);
        tally += Tally::of(&scenarios::run(kernel, &built.modules, &scripts)?);
        tally += kselftest::run(kernel)?;
        Ok(tally)
    })?;
    let [c, rust] = &kernels;
    total += cve::on_small(rust)?;
    total += compare::run(c, rust, None)?;
    Ok(total)
}
