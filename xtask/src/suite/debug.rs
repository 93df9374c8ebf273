// SPDX-License-Identifier: GPL-2.0-only

//! The part `debug`: klp-core on a kernel with debug checkers (KASAN, lockdep, kmemleak and more). Their reports
//! on the console fail the run.

use std::path::PathBuf;

use anyhow::Result;
use klp_host::arch::Arch;
use klp_host::kernel::{Core, Profile};

use super::core_module;
use super::flaws;
use super::form::Form;
use super::stress::stress;
use crate::case::Tally;
use crate::checkout;
use crate::kselftest;
use crate::scenarios;

/// The scenario of failing allocations. It makes a thousand system calls with checks, so it runs on a faster
/// kernel.
const FAULTS: &str = "failing-allocations";

/// Runs the selftests, all scenarios, the stress test, and the bugs of the C core.
pub(super) fn run(form: Form) -> Result<Tally> {
    let kernel = checkout::kernel(Core::Rust, Profile::Debug)?;
    let built = checkout::build_all(&kernel)?;
    let mut tally = kselftest::run(&kernel)?;
    let mut scripts = core_module::scripts_without(Arch::default())?;
    let (faults, long): (Vec<_>, Vec<_>) = scenarios::long()?
        .into_iter()
        .partition(|path| path.file_stem().is_some_and(|stem| stem == FAULTS));
    scripts.extend(long);
    tally += Tally::of(&scenarios::run(&kernel, &built.modules, &scripts)?);
    if let Form::Long { cycles } = form {
        tally.count(&stress(&kernel, cycles));
    }
    tally += failing_allocations(&faults)?;
    tally += flaws::run()?;
    Ok(tally)
}

/// Runs the scenario in which each allocation fails once.
fn failing_allocations(scripts: &[PathBuf]) -> Result<Tally> {
    let kernel = checkout::kernel(Core::Rust, Profile::Faults)?;
    let built = checkout::build_all(&kernel)?;
    Ok(Tally::of(&scenarios::run(
        &kernel,
        &built.modules,
        scripts,
    )?))
}
