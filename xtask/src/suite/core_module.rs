// SPDX-License-Identifier: GPL-2.0-only

//! The part `core-module`: klp-core as a module, on Debian's unmodified kernel.

use std::path::{Path, PathBuf};

use anyhow::Result;
use klp_host::arch::Arch;
use klp_host::kernel::{Core, Kernel, Profile};

use super::form::Form;
use super::stress::stress;
use crate::case::Tally;
use crate::checkout;
use crate::kselftest;
use crate::scenarios;

/// The prefix of the scenarios about the module itself.
const PREFIX: &str = "core-module";

/// The example that these scenarios use, and its own scenario.
const SAMPLE: &str = "livepatch-sample";

/// The folder of the modules that they use.
const MODULES: &str = "tests/modules/";

/// The cycles of the stress test.
const CYCLES: u32 = 100;

/// Runs the scenarios about the module and the sample's; in the long form all scenarios, the kernel's selftests, and
/// the stress test.
pub(super) fn run(form: Form) -> Result<Tally> {
    let kernel = checkout::kernel(Core::StockRust, Profile::Base)?;
    if form == Form::Short {
        let sample = format!("examples/{SAMPLE}/");
        let built = checkout::build_folders(&kernel, &[&sample, MODULES])?;
        let mut scripts = scenarios::all()?;
        scripts
            .retain(|script| is_own(script) || script.file_stem().is_some_and(|it| it == SAMPLE));
        return run_scenarios(&kernel, &built.modules, &scripts);
    }
    let built = checkout::build_all(&kernel)?;
    let mut tally = kselftest::run(&kernel)?;
    let mut scripts = scenarios::all()?;
    let long = scenarios::long()?.into_iter();
    scripts.extend(long.filter(|script| is_own(script)));
    tally += run_scenarios(&kernel, &built.modules, &scripts)?;
    tally.count(&stress(&kernel, CYCLES));
    Ok(tally)
}

/// The scenarios for kernels of this architecture without klp-core as a module.
pub(super) fn scripts_without(arch: Arch) -> Result<Vec<PathBuf>> {
    let mut scripts = scenarios::only_for(arch, scenarios::all()?)?;
    scripts.retain(|script| !is_own(script));
    Ok(scripts)
}

/// Whether a scenario is about the module itself. Without it there is nothing to check.
fn is_own(script: &Path) -> bool {
    let name = script.file_stem().unwrap_or_default();
    name.to_string_lossy().starts_with(PREFIX)
}

fn run_scenarios(kernel: &Kernel, modules: &[PathBuf], scripts: &[PathBuf]) -> Result<Tally> {
    Ok(Tally::of(&scenarios::run(kernel, modules, scripts)?))
}
