// SPDX-License-Identifier: GPL-2.0-only

//! Everything that must pass, in parts.

mod author;
mod cases;
mod host;
mod lint;
mod modules;

use anyhow::{Context as _, Result};
use klp_host::host::progress;
use klp_host::kernel::{Core, Kernel, Profile};
use klp_host::module::Built;

use crate::case::{Case, Tally};
use crate::checkout;
use crate::compare;
use crate::kselftest;
use crate::scenarios;

/// The cores that every example has to run on.
const CORES: [Core; 3] = [Core::Stock, Core::C, Core::Rust];

/// The cores of our own kernels, which the kernel's selftests judge.
const OWN_CORES: [Core; 2] = [Core::C, Core::Rust];

/// A part of the tests.
#[derive(Clone, Copy, Debug, Eq, PartialEq, clap::ValueEnum)]
pub enum Part {
    /// Formatting, clippy, licence lines.
    Lint,
    /// Unit tests, expansions of `#[livepatch]`, and what authors are told about mistakes.
    Host,
    /// The examples' modules, for each kernel, without running them.
    Modules,
    /// The examples in a virtual machine, on each kernel.
    Vm,
    /// `cargo klp`, from its installation to a patched kernel.
    Author,
    /// The kernel's own livepatch selftests, on both of our kernels.
    Kselftest,
    /// The cores in C and in Rust, side by side, with right and wrong patches.
    Compare,
}

impl Part {
    /// All of them; quick ones first.
    pub const ALL: [Self; 7] = [
        Self::Lint,
        Self::Host,
        Self::Modules,
        Self::Vm,
        Self::Author,
        Self::Kselftest,
        Self::Compare,
    ];

    /// Runs this part. It prints its cases as it decides them.
    fn run(self) -> Result<Tally> {
        match self {
            Self::Lint => lint::run(),
            Self::Host => host::run(),
            Self::Modules => on_each_core(modules::run),
            Self::Vm => on_each_core(|kernel, built| {
                let cases = scenarios::run(kernel, &built.modules, &scenarios::all()?)?;
                Ok(Tally::of(&cases))
            }),
            Self::Author => author::run(),
            Self::Kselftest => {
                let mut total = Tally::default();
                for core in OWN_CORES {
                    progress::say(&format!("on {}", core.name()));
                    total += kselftest::run(&get(core)?)?;
                }
                Ok(total)
            }
            Self::Compare => compare::run(&get(Core::C)?, &get(Core::Rust)?, None),
        }
    }
}

/// Runs these parts, all of them even when some fail.
pub fn run(parts: &[Part]) -> Tally {
    let mut total = Tally::default();
    for part in parts {
        let name = format!("{part:?}").to_lowercase();
        progress::say(&format!("== {name}"));
        let tally = part.run().unwrap_or_else(|error| {
            // What could not be tried has not passed.
            let case = Case::failed(&name, "runs", format!("{error:#}"));
            case.print();
            Tally::of([&case])
        });
        progress::say(&format!("== {name}: {tally}"));
        total += tally;
        if klp_host::host::process::is_interrupted() {
            break;
        }
    }
    total
}

fn get(core: Core) -> Result<Kernel> {
    checkout::kernel(core, Profile::Base)
}

/// Builds our modules for each kernel and lets `test` have them.
fn on_each_core(test: impl Fn(&Kernel, &Built) -> Result<Tally>) -> Result<Tally> {
    let mut total = Tally::default();
    for core in CORES {
        let kernel = get(core)?;
        let built = checkout::build_all(&kernel)?;
        let name = format!(
            "{}-{} ({})",
            kernel.core.name(),
            kernel.profile.name(),
            kernel.build.release
        );
        progress::say(&format!("on {name}"));
        total += test(&kernel, &built).with_context(|| format!("on {name}"))?;
    }
    Ok(total)
}

/// Prints the cases and counts them.
fn report(cases: &[Case]) -> Tally {
    cases.iter().for_each(Case::print);
    Tally::of(cases)
}
