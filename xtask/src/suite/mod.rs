// SPDX-License-Identifier: GPL-2.0-only

//! Everything that must pass, in parts.

mod arm64;
mod author;
mod author_build;
mod cases;
mod checked;
mod core_module;
mod cve;
mod debian;
mod debug;
mod flaws;
mod fleet;
mod form;
mod host;
pub mod image;
pub mod kernels;
mod libtest;
mod lint;
mod machine;
mod modules;
mod proof;
mod stress;
mod types;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::time::Instant;

use anyhow::{Context as _, Result};
use klp_host::arch::Arch;
use klp_host::host::{process, progress};
use klp_host::kernel::{Core, Kernel, Profile};
use klp_host::module::Built;
use klp_host::tools::needs::Needs;

use crate::case::{Case, Tally};
use crate::checkout;
use crate::compare;
use crate::guest_program;
use crate::kselftest;
use crate::parallel;
use crate::report;
use crate::scenarios;

pub use form::Form;
use form::OWN_CORES;
pub use proof::Proof;

/// The cores that every example has to run on.
const CORES: [Core; 3] = [Core::STOCK, Core::C, Core::Rust];

/// How nice builds in the background are: parts in the foreground have most of the time of the CPUs.
const BACKGROUND_NICE: i32 = 10;

/// A part of the tests.
#[derive(Clone, Copy, Debug, Eq, PartialEq, clap::ValueEnum)]
pub enum Part {
    /// Formatting, clippy, licence lines.
    Lint,
    /// Unit tests, expansions of `#[livepatch]`, compiler messages, and klp-core under a model checker for memory
    /// orders.
    Host,
    /// The examples' modules, for each kernel, without running them.
    Modules,
    /// Compiler messages about patches that do not match the kernel, and stubs of all its functions.
    Types,
    /// The privileges of a virtual machine's process, and that none is left.
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
    /// klp-core as a module, on the stock kernel.
    CoreModule,
    /// The kernel's livepatch selftests, on both of our kernels.
    Kselftest,
    /// Both livepatch cores side by side, with valid and invalid patches.
    Compare,
    /// klp-core on a kernel with debug checkers: selftests, scenarios, stress. Only with `--long`.
    Debug,
    /// Both of our kernels with what Debian's has built in: selftests, scenarios. Only with `--long`.
    Debian,
    /// The examples, their scenarios and the kernel's selftests on arm64, emulated.
    Arm64,
}

impl Part {
    /// The parts with a short form: those of each lane in turn, quick ones first.
    const SHORT: [Self; 12] = [
        Self::Lint,
        Self::Host,
        Self::Machine,
        Self::Modules,
        Self::Types,
        Self::CoreModule,
        Self::Author,
        Self::Cve,
        Self::Kselftest,
        Self::Compare,
        Self::Vm,
        Self::Arm64,
    ];

    /// The others.
    const LONG: [Self; 5] = [
        Self::Kernels,
        Self::Image,
        Self::Fleet,
        Self::Debug,
        Self::Debian,
    ];

    /// All that there are in this form.
    pub fn all(form: Form) -> Vec<Self> {
        let mut parts = Self::SHORT.to_vec();
        if form != Form::Short {
            parts.extend(Self::LONG);
        }
        parts
    }

    /// How long it takes on two cores, with kernels and modules in the cache.
    fn usual(self, form: Form) -> &'static str {
        match (self, form) {
            (Self::Host, Form::Long { .. }) => "hours",
            (Self::CoreModule, Form::Long { .. }) => "30 min",
            (Self::Debug, _) => "3 h",
            (Self::Debian, _) => "2 h",
            (Self::Kernels | Self::Image, _) => "45 min",
            (Self::Fleet, _) => "5 min",
            (Self::Machine, _) => "10 s",
            (Self::Lint, _) => "30 s",
            (Self::Modules | Self::CoreModule, _) => "2 min",
            (Self::Host | Self::Types | Self::Kselftest, _) => "3 min",
            (Self::Cve | Self::Compare, _) => "5 min",
            (Self::Author, _) => "6 min",
            (Self::Arm64, _) => "8 min",
            (Self::Vm, _) => "9 min",
        }
    }

    /// Its name on the command line.
    fn name(self) -> String {
        let value = clap::ValueEnum::to_possible_value(&self);
        value.map_or_else(String::new, |value| value.get_name().to_owned())
    }

    /// Whether it runs several machines for most of its time, while the others compile or have one machine.
    fn runs_machines(self) -> bool {
        matches!(
            self,
            Self::Kselftest | Self::Compare | Self::Vm | Self::Arm64
        )
    }

    /// Whether it looks at what a build of our modules makes anew, so that no other part may build them for the same
    /// kernels.
    fn needs_quiet_builds(self) -> bool {
        self == Self::Modules
    }

    /// Whether it builds our modules for kernels for which a part that needs quiet builds does.
    fn builds_modules(self) -> bool {
        self != Self::Kselftest
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
            Self::Image => return image::needs(),
            Self::Kernels => &kernels::CORES,
            Self::CoreModule => &[Core::StockRust],
            Self::Kselftest | Self::Compare => &OWN_CORES,
            Self::Debug | Self::Debian => &OWN_CORES,
            Self::Arm64 => return arm64::needs(),
        };
        let mut needs = Needs::default();
        for core in cores {
            needs = needs.and(checkout::needs(*core, profile)?);
        }
        let programs = || guest_program::needs(Arch::default());
        Ok(match self {
            // They sign modules.
            Self::Modules => needs.and(Needs::of(&["openssl"])),
            Self::Author => needs.and(programs()?).and(Needs::of(&["openssl", "kmod"])),
            Self::Machine
            | Self::Vm
            | Self::Cve
            | Self::Kernels
            | Self::CoreModule
            | Self::Kselftest
            | Self::Compare
            | Self::Debug
            | Self::Debian => needs.and(programs()?),
            _ => needs,
        })
    }

    /// Runs this part, the `number`th of `all`, and reports how it went.
    fn run_reported(self, form: Form, number: usize, all: usize) -> Tally {
        let name = self.name();
        report::begin_part(&name, number, all);
        let start = Instant::now();
        let tally = self.run(form).unwrap_or_else(|error| {
            // What could not be tried has not passed.
            let case = Case::failed(&name, "runs", format!("{error:#}"));
            report::add(&case);
            Tally::of([&case])
        });
        let took = progress::duration(start.elapsed());
        report::end_part(&name, number, all, &format!("{tally} in {took}"));
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
                types::run(&kernel, &checkout::build_all(&kernel)?, form)
            }
            Self::Machine => machine::run(&get(Core::C)?),
            Self::Vm => {
                let scripts = core_module::scripts_without(Arch::default())?;
                at_once(&all_of(&CORES)?, |kernel, built| {
                    // Scenarios mostly wait for transitions. They take longer on the stock kernel, which has many more
                    // functions and symbols.
                    let guests = if kernel.core == Core::STOCK { 3 } else { 2 };
                    let cases = scenarios::run_in_guests(guests, kernel, &built.modules, &scripts)?;
                    Ok(Tally::of(&cases))
                })
            }
            Self::Cve => cve::run(),
            Self::Author => author::run(form),
            Self::CoreModule => core_module::run(form),
            Self::Kernels => kernels::run(),
            Self::Image => image::run(&[]),
            Self::Fleet => fleet::run(),
            Self::Kselftest => {
                let kernels = all_of(&OWN_CORES)?;
                total_of(&kernels, parallel::map_at_once(&kernels, kselftest::run))
            }
            Self::Compare => compare::run(&get(Core::C)?, &get(Core::Rust)?, None),
            Self::Debug => debug::run(form),
            Self::Debian => debian::run(),
            Self::Arm64 => arm64::run(),
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

/// Runs all these parts, also after failures.
pub fn run(parts: &[Part], form: Form) -> Tally {
    print_plan(parts, form);
    report::use_status_line();
    let numbers = AtomicUsize::new(1);
    let run_one = |part: Part| {
        if process::is_interrupted() {
            return Tally::default();
        }
        let number = numbers.fetch_add(1, Ordering::Relaxed);
        part.run_reported(form, number, parts.len())
    };
    let (long, short): (Vec<Part>, Vec<Part>) =
        parts.iter().partition(|part| Part::LONG.contains(part));
    let mut total = run_in_two_lanes(&short, &run_one);
    for part in long {
        total += run_one(part);
    }
    total
}

/// Runs those of these parts that mostly run machines, and beside them the others.
fn run_in_two_lanes(parts: &[Part], run: &(impl Fn(Part) -> Tally + Sync)) -> Tally {
    let (machines, others): (Vec<Part>, Vec<Part>) =
        parts.iter().partition(|part| part.runs_machines());
    let last_quiet = others.iter().rposition(|part| part.needs_quiet_builds());
    let (quiet, rest) = others.split_at(last_quiet.map_or(0, |last| last + 1));
    std::thread::scope(|scope| {
        if parts.len() > 1 && machines.contains(&Part::Arm64) {
            scope.spawn(|| in_background(arm64::prepare));
        }
        // Disconnected when builds need no longer be quiet.
        let (until_then, builds_allowed) = mpsc::channel::<()>();
        let machines = scope.spawn(move || {
            let mut total = Tally::default();
            for part in machines {
                if part.builds_modules() {
                    let _ = builds_allowed.recv();
                }
                total += run(part);
            }
            total
        });
        let mut total: Tally = quiet.iter().map(|part| run(*part)).sum();
        drop(until_then);
        total += rest.iter().map(|part| run(*part)).sum();
        match machines.join() {
            Ok(tally) => total += tally,
            Err(panic) => std::panic::resume_unwind(panic),
        }
        total
    })
}

/// Builds what a later part needs, with what the parts before it leave of the CPUs. That part reports errors.
fn in_background(build: impl FnOnce() -> Result<()>) {
    // Linux has a priority for each thread, and processes begin with that of the thread that starts them.
    let _ = rustix::process::setpriority_process(None, BACKGROUND_NICE);
    let _ = build();
}

/// Says what will be run, and how long that takes.
fn print_plan(parts: &[Part], form: Form) {
    if parts.len() == 1 {
        return;
    }
    let mut plan = format!(
        "{} parts, up to two at once. On two cores, when the cache has kernels and modules (without them, 45 minutes \
         more), they take what is listed; all together, half an hour, or 12 minutes if all machines passed before with \
         the same inputs:",
        parts.len()
    );
    for part in parts {
        plan.push_str(&format!("\n  {:<10} {}", part.name(), part.usual(form)));
    }
    progress::say(&plan);
}

fn get(core: Core) -> Result<Kernel> {
    checkout::kernel(core, Profile::Base)
}

fn all_of(cores: &[Core]) -> Result<Vec<Kernel>> {
    cores.iter().copied().map(get).collect()
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

/// Builds our modules for these kernels, one after the other, and then runs `test` with a machine of
/// each in parallel.
fn at_once(
    kernels: &[Kernel],
    test: impl Fn(&Kernel, &Built) -> Result<Tally> + Sync,
) -> Result<Tally> {
    let mut machines = Vec::new();
    for kernel in kernels {
        machines.push((kernel, checkout::build_all(kernel)?));
    }
    let tallies = parallel::map_at_once(&machines, |(kernel, built)| test(kernel, built));
    total_of(kernels, tallies)
}

/// Adds up the results of these kernels, and names the kernel of an error.
fn total_of(kernels: &[Kernel], tallies: Vec<Result<Tally>>) -> Result<Tally> {
    let on = |(kernel, tally): (&Kernel, Result<Tally>)| {
        tally.with_context(|| format!("on {}", kernel.core.name()))
    };
    kernels.iter().zip(tallies).map(on).sum()
}

#[cfg(test)]
mod tests {
    use std::sync::{Barrier, Mutex};
    use std::time::Duration;

    use super::*;

    fn passed(part: Part) -> Tally {
        Tally::of([&Case {
            script: part.name(),
            name: "runs".to_owned(),
            failure: None,
        }])
    }

    #[test]
    fn machines_run_beside_other_parts() {
        // Passed by two at a time.
        let meeting = Barrier::new(2);
        let tally = run_in_two_lanes(&[Part::Modules, Part::Kselftest], &|part| {
            meeting.wait();
            passed(part)
        });
        assert_eq!(tally.to_string(), "2 passed, 0 failed");
    }

    #[test]
    fn no_other_part_builds_modules_beside_the_one_that_looks_at_builds() {
        let ended = Mutex::new(Vec::new());
        let parts = [
            Part::Lint,
            Part::Modules,
            Part::Types,
            Part::Compare,
            Part::Vm,
        ];
        let tally = run_in_two_lanes(&parts, &|part| {
            if part.runs_machines() {
                assert!(
                    ended.lock().expect("lock").contains(&Part::Modules),
                    "{part:?}"
                );
            } else {
                std::thread::sleep(Duration::from_millis(10));
            }
            ended.lock().expect("lock").push(part);
            passed(part)
        });
        assert_eq!(tally.to_string(), "5 passed, 0 failed");
    }
}
