// SPDX-License-Identifier: GPL-2.0-only

//! Benchmarks: what live patches cost, measured in virtual machines with the modules and scripts
//! of `tests/bench/`.
//!
//! Costs are counted in instructions, one CPU and one virtual nanosecond each, so that they are the same on
//! every machine. Only the latency of transitions is taken in real time, on two CPUs.

pub mod figures;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use klp_host::host::progress::say;
use klp_host::kernel::Kernel;
use klp_host::vm::{self, Lines, Outcome, Spec};

use crate::checkout;
use crate::guest_program;
use figures::Figure;

/// Where things are in the guest (the scripts know it too).
const GUEST: &str = "/klp/bench";

/// The program that the scripts start.
const PROGRAM: &str = "guest/klp-bench.c";

/// Processes that sleep while a patch of many functions is enabled.
const SLEEPERS: u32 = 1000;

/// Cycles for the latency of transitions.
const CYCLES: u32 = 20;

/// Seconds for which a transition is held up.
const BLOCKED: u32 = 60;

/// The longest that one measurement may take, on a slow and busy machine.
const TIMEOUT: Duration = Duration::from_secs(1200);

/// The longest that a cycle of the stress test may take.
const STRESS_CYCLE: Duration = Duration::from_secs(30);

/// How large the patches are.
#[derive(Clone, Debug)]
pub struct Sizes {
    /// Numbers of functions to replace.
    pub functions: Vec<u32>,
    /// Patches of more functions than these are not disabled again.
    pub disable_up_to: u32,
}

/// Where the results go when nobody says.
pub fn default_json() -> PathBuf {
    checkout::top().join("target/bench.json")
}

/// Takes all figures of this kernel.
pub fn run(kernel: &Kernel, sizes: &Sizes) -> Result<Vec<Figure>> {
    let bench = Bench::prepare(kernel)?;
    let mut figures = Vec::new();
    for command in counted(sizes) {
        figures.extend(bench.measure(&command, counting())?);
    }
    let timed = Spec {
        timeout: TIMEOUT,
        ..plain()
    };
    figures.extend(bench.measure(&format!("latency.sh {CYCLES}"), timed)?);
    Ok(figures)
}

/// The scripts to run under counted instructions, each in a boot of its own.
fn counted(sizes: &Sizes) -> Vec<String> {
    let patch = |functions: u32, sleepers: u32| {
        let disable = if functions <= sizes.disable_up_to {
            "yes"
        } else {
            "no"
        };
        format!("patch.sh {functions} {sleepers} {disable}")
    };
    let mut commands = vec!["calls.sh".to_owned()];
    commands.extend(sizes.functions.iter().map(|&count| patch(count, 0)));
    let most = sizes.functions.iter().max();
    commands.extend(most.map(|&count| patch(count, SLEEPERS)));
    commands.push(format!("blocked.sh {BLOCKED} {SLEEPERS}"));
    commands
}

/// Loads, disables and unloads a patch many times while programs are started on two CPUs. An
/// error tells what the kernel complained about, or that memory was lost.
pub fn stress(kernel: &Kernel, cycles: u32) -> Result<Vec<Figure>> {
    let bench = Bench::prepare(kernel)?;
    let spec = Spec {
        parallel: true,
        timeout: TIMEOUT + STRESS_CYCLE * cycles,
        ..plain()
    };
    bench.measure(&format!("stress.sh {cycles}"), spec)
}

/// A machine, with nothing in it yet.
fn plain() -> Spec {
    Spec::new(Path::new(""), "")
}

/// One whose time counts instructions.
fn counting() -> Spec {
    Spec {
        icount: true,
        timeout: TIMEOUT,
        ..plain()
    }
}

/// What a kernel's measurements have in common.
struct Bench<'a> {
    kernel: &'a Kernel,
    copy: Vec<(PathBuf, PathBuf)>,
}

impl<'a> Bench<'a> {
    /// Builds the modules and the program.
    fn prepare(kernel: &'a Kernel) -> Result<Self> {
        let dir = checkout::top().join("tests/bench");
        let built = checkout::build(kernel, &dir)?;
        let mut files = built.modules;
        files.push(guest_program::build(&dir.join(PROGRAM))?);
        files.extend(scripts(&dir.join("guest"))?);
        let copy = files
            .into_iter()
            .filter_map(|file| {
                let guest = Path::new(GUEST).join(file.file_name()?);
                Some((file, guest))
            })
            .collect();
        Ok(Self { kernel, copy })
    }

    /// Runs a script in a boot of its own; gives the figures it found.
    fn measure(&self, command: &str, machine: Spec) -> Result<Vec<Figure>> {
        say(&format!("{}: {command}", self.kernel.core.name()));
        let spec = Spec {
            image: self.kernel.image.clone(),
            command: format!("bash {GUEST}/{command}"),
            copy: self.copy.clone(),
            ..machine
        };
        let mut output = Output::default();
        let mut lines = Lines::default();
        let report = vm::run(&spec, &mut |bytes| {
            lines.push(bytes).iter().for_each(|line| output.line(line));
            Ok(())
        })?;
        lines.rest().iter().for_each(|line| output.line(line));
        if let Some(problem) = report.problem() {
            bail!("{command} failed: {problem}");
        }
        if report.outcome != Outcome::Exited(0) {
            bail!("{command} failed: {}", output.talk.join(" | "));
        }
        Ok(output.figures)
    }
}

/// What a script printed.
#[derive(Debug, Default)]
struct Output {
    figures: Vec<Figure>,
    talk: Vec<String>,
}

impl Output {
    fn line(&mut self, line: &str) {
        if let Some(figure) = Figure::parse(line) {
            self.figures.push(figure);
        } else if let Some(progress) = line.strip_prefix("@progress ") {
            say(progress);
        } else {
            self.talk.push(line.to_owned());
        }
    }
}

/// The guest's scripts.
fn scripts(dir: &Path) -> Result<Vec<PathBuf>> {
    let listing = || format!("cannot list the scripts in {}", dir.display());
    let mut scripts = Vec::new();
    for entry in fs::read_dir(dir).with_context(listing)? {
        let path = entry.with_context(listing)?.path();
        if path.extension().is_some_and(|extension| extension == "sh") {
            scripts.push(path);
        }
    }
    Ok(scripts)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn large_patches_stay_enabled_where_disabling_takes_long() {
        let sizes = Sizes {
            functions: vec![10, 1000],
            disable_up_to: 100,
        };
        assert_eq!(
            counted(&sizes),
            [
                "calls.sh",
                "patch.sh 10 0 yes",
                "patch.sh 1000 0 no",
                "patch.sh 1000 1000 no",
                "blocked.sh 60 1000",
            ]
        );
    }

    #[test]
    fn output_is_figures_and_talk() {
        let mut output = Output::default();
        for line in ["@figure a ns 5", "insmod: no", "@progress half"] {
            output.line(line);
        }
        assert_eq!(output.figures.len(), 1);
        assert_eq!(output.talk, ["insmod: no"]);
    }
}
