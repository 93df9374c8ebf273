// SPDX-License-Identifier: GPL-2.0-only

//! The part `arm64`: module checks, scenarios and the kernel's selftests on arm64 with both livepatch cores, published
//! fixes, and the comparison of the cores, in emulated machines. It needs separate kernels.

use std::path::PathBuf;

use anyhow::Result;
use klp_host::arch::Arch;
use klp_host::kernel::{self, Core, Kernel, Options, Profile};
use klp_host::tools::needs::Needs;

use super::{at_once, core_module, cve, modules};
use crate::case::Tally;
use crate::checkout;
use crate::compare;
use crate::guest_program;
use crate::kselftest;
use crate::parallel;
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

fn kernels() -> Result<[Kernel; 2]> {
    let get = |core| kernel::get(core, Profile::Base, &options());
    Ok([get(Core::C)?, get(Core::Rust)?])
}

/// Builds its kernels and modules, which takes most of its time when they are not in the cache.
pub(super) fn prepare() -> Result<()> {
    for kernel in kernels()? {
        checkout::build_all(&kernel)?;
    }
    Ok(())
}

/// Runs it.
pub(super) fn run() -> Result<Tally> {
    let kernels = kernels()?;
    let scripts = core_module::scripts_without(ARCH)?;
    // The comparison mostly waits for transitions.
    let [c, rust] = &kernels;
    let [on_both, compared] = parallel::both(
        || on_both(&kernels, &scripts),
        || compare::run(c, rust, None),
    );
    let mut total = on_both?;
    total += compared?;
    Ok(total)
}

/// The checks of modules, scenarios and selftests with both cores, and the published fixes with klp-core.
fn on_both(kernels: &[Kernel], scripts: &[PathBuf]) -> Result<Tally> {
    at_once(kernels, |kernel, built| {
        let mut tally = modules::run_foreign(built);
        tally += Tally::of(&scenarios::run_in_guests(
            2,
            kernel,
            &built.modules,
            scripts,
        )?);
        tally += kselftest::run(kernel)?;
        if kernel.core == Core::Rust {
            tally += cve::on_small(kernel)?;
        }
        Ok(tally)
    })
}
