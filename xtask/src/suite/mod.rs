// SPDX-License-Identifier: GPL-2.0-only

//! Everything that must pass, in parts.

mod author;
mod cases;
mod checked;
mod cve;
mod debian;
mod debug;
mod flaws;
mod fleet;
mod host;
mod image;
pub mod kernels;
mod lint;
mod machine;
mod modules;
mod proof;
mod types;

use std::time::Instant;

use anyhow::{Context as _, Result, bail};
use klp_host::host::needs::Needs;
use klp_host::host::{process, progress};
use klp_host::kernel::{Core, Kernel, Profile};
use klp_host::module::Built;

use crate::case::{Case, Tally};
use crate::checkout;
use crate::compare;
use crate::guest_program;
use crate::kselftest;
use crate::scenarios;

pub use proof::Proof;

/// The cores that every example has to run on.
const CORES: [Core; 3] = [Core::STOCK, Core::C, Core::Rust];

/// The cores of our own kernels, which the kernel's selftests judge.
const OWN_CORES: [Core; 2] = [Core::C, Core::Rust];

/// How much of a part is run.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Form {
    /// What runs before each change.
    Short,
    /// More of the same where a part has that, and parts of its own, for hours.
    Long {
        /// How often a patch comes and goes in the stress test.
        cycles: u32,
    },
}

/// A part of the tests.
#[derive(Clone, Copy, Debug, Eq, PartialEq, clap::ValueEnum)]
pub enum Part {
    /// Formatting, clippy, licence lines.
    Lint,
    /// Unit tests, expansions of `#[livepatch]`, what authors are told about mistakes, and klp-core in many orders
    /// of memory accesses.
    Host,
    /// The examples' modules, for each kernel, without running them.
    Modules,
    /// What is said about patches that do not go with the kernel, and stubs of all its functions.
    Types,
    /// What the process of a virtual machine may do, and that none is left behind.
    Machine,
    /// The examples in a virtual machine, on each kernel.
    Vm,
    /// The published fixes in `examples/cve`, on the stock kernel and on modules without the fixes.
    Cve,
    /// `cargo klp`, from its installation to a patched kernel.
    Author,
    /// The examples on Debian's kernels that were built without Rust. Only with `--long`.
    Kernels,
    /// klpctl on a system with systemd and a disk, over reboots, crashes and power cuts. Only with `--long`.
    Image,
    /// What rolls patches out to many machines, by Ansible and Prometheus themselves. Only with `--long`.
    Fleet,
    /// The kernel's own livepatch selftests, on both of our kernels.
    Kselftest,
    /// The cores in C and in Rust, side by side, with right and wrong patches.
    Compare,
    /// klp-core on a kernel with the kernel's own checkers: selftests, scenarios, stress. Only with `--long`.
    Debug,
    /// Both of our kernels with what Debian's has built in: selftests, scenarios. Only with `--long`.
    Debian,
}

impl Part {
    /// Those that have a short form; quick ones first.
    const SHORT: [Self; 10] = [
        Self::Lint,
        Self::Host,
        Self::Modules,
        Self::Types,
        Self::Machine,
        Self::Vm,
        Self::Cve,
        Self::Author,
        Self::Kselftest,
        Self::Compare,
    ];

    /// All that there are in this form.
    pub fn all(form: Form) -> Vec<Self> {
        let mut parts = Self::SHORT.to_vec();
        if form != Form::Short {
            parts.extend([
                Self::Kernels,
                Self::Image,
                Self::Fleet,
                Self::Debug,
                Self::Debian,
            ]);
        }
        parts
    }

    /// Whether its machines wait for transitions more than they compute.
    fn mostly_waits(self) -> bool {
        matches!(self, Self::Kselftest | Self::Compare)
    }

    /// The packages that it takes.
    fn needs(self) -> Result<Needs> {
        let profile = match self {
            Self::Debug => Profile::Debug,
            Self::Debian => Profile::Debian,
            _ => Profile::Base,
        };
        let cores: &[Core] = match self {
            Self::Lint | Self::Host => return Ok(Needs::default()),
            Self::Fleet => return Ok(fleet::needs()),
            Self::Modules | Self::Vm => &CORES,
            Self::Types | Self::Machine => &[Core::C],
            Self::Cve => &[Core::STOCK, Core::C],
            Self::Author => &[Core::STOCK],
            Self::Image => &[image::CORE],
            Self::Kernels => &kernels::CORES,
            Self::Kselftest | Self::Compare => &OWN_CORES,
            Self::Debug | Self::Debian => &OWN_CORES,
        };
        let mut needs = Needs::default();
        for core in cores {
            needs = needs.and(checkout::needs(*core, profile)?);
        }
        Ok(match self {
            // They sign modules.
            Self::Modules => needs.and(Needs::of(&["openssl"])),
            Self::Author => needs
                .and(guest_program::needs())
                .and(Needs::of(&["openssl", "kmod"])),
            Self::Machine
            | Self::Vm
            | Self::Cve
            | Self::Kernels
            | Self::Kselftest
            | Self::Compare
            | Self::Debug
            | Self::Debian => needs.and(guest_program::needs()),
            Self::Image => needs
                .and(guest_program::needs())
                .and(klp_host::vm::system::needs()),
            _ => needs,
        })
    }

    /// Runs this part and says so.
    fn told(self, form: Form) -> Tally {
        let name = format!("{self:?}").to_lowercase();
        progress::say(&format!("== {name}"));
        let start = Instant::now();
        let tally = self.run(form).unwrap_or_else(|error| {
            // What could not be tried has not passed.
            let case = Case::failed(&name, "runs", format!("{error:#}"));
            case.print();
            Tally::of([&case])
        });
        let took = progress::duration(start.elapsed());
        progress::say(&format!("== {name}: {tally} in {took}"));
        tally
    }

    /// Runs this part. It prints its cases as it decides them.
    fn run(self, form: Form) -> Result<Tally> {
        match self {
            Self::Lint => lint::run(),
            Self::Host => host::run(form),
            Self::Modules => on_each_core(modules::run),
            Self::Types => {
                let kernel = get(Core::C)?;
                types::run(&kernel, &checkout::build_all(&kernel)?)
            }
            Self::Machine => machine::run(&get(Core::C)?),
            Self::Vm => {
                let scripts = scenarios::all()?;
                at_once(&CORES, |kernel, built| {
                    let cases = scenarios::run(kernel, &built.modules, &scripts)?;
                    Ok(Tally::of(&cases))
                })
            }
            Self::Cve => cve::run(),
            Self::Author => author::run(form),
            Self::Kernels => kernels::run(),
            Self::Image => image::run(),
            Self::Fleet => fleet::run(),
            Self::Kselftest => at_once(&OWN_CORES, |kernel, _| kselftest::run(kernel)),
            Self::Compare => compare::run(&get(Core::C)?, &get(Core::Rust)?, None),
            Self::Debug => debug::run(form),
            Self::Debian => debian::run(),
        }
    }
}

/// The packages that these parts take.
pub fn needs(parts: &[Part]) -> Result<Needs> {
    let mut needs = Needs::default();
    for part in parts {
        needs = needs.and(part.needs()?);
    }
    Ok(needs)
}

/// Runs these parts, all of them even when some fail. Those whose machines mostly wait come last,
/// at once.
pub fn run(parts: &[Part], form: Form) -> Tally {
    let mut total = Tally::default();
    let (waiting, busy): (Vec<Part>, Vec<Part>) =
        parts.iter().partition(|part| part.mostly_waits());
    for part in busy {
        total += part.told(form);
        if process::is_interrupted() {
            return total;
        }
    }
    std::thread::scope(|scope| {
        let running: Vec<_> = waiting
            .into_iter()
            .map(|part| scope.spawn(move || part.told(form)))
            .collect();
        for part in running {
            match part.join() {
                Ok(tally) => total += tally,
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
    });
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

/// Builds our modules for these kernels, one after the other, and then lets `test` run a machine of
/// each, all at once: a machine has a processor of its own to wait for.
fn at_once(
    cores: &[Core],
    test: impl Fn(&Kernel, &Built) -> Result<Tally> + Sync,
) -> Result<Tally> {
    let mut machines = Vec::new();
    for core in cores {
        let kernel = get(*core)?;
        let built = checkout::build_all(&kernel)?;
        machines.push((kernel, built));
    }
    std::thread::scope(|scope| {
        let running: Vec<_> = machines
            .iter()
            .map(|(kernel, built)| (kernel, scope.spawn(|| test(kernel, built))))
            .collect();
        let mut total = Tally::default();
        for (kernel, machine) in running {
            let panicked = |_| bail!("the thread that ran the machine panicked");
            let tally = machine.join().unwrap_or_else(panicked);
            total += tally.with_context(|| format!("on {}", kernel.core.name()))?;
        }
        Ok(total)
    })
}

/// Prints the cases and counts them.
fn report(cases: &[Case]) -> Tally {
    cases.iter().for_each(Case::print);
    Tally::of(cases)
}
