// SPDX-License-Identifier: GPL-2.0-only

//! Benchmarks: what live patches cost, measured in virtual machines with the modules and scripts
//! of `tests/bench/`.
//!
//! Costs are counted in instructions, on one CPU and with one virtual nanosecond each, so they are the same
//! on every machine and under any load. Only the latency of transitions is measured in real time, on two
//! CPUs.

pub mod docs;
pub mod figures;
mod host;
pub mod plan;
pub mod plots;
mod sizes;
pub mod table;

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use klp_host::host::progress::say;
use klp_host::kernel::Kernel;
use klp_host::module::Built;
use klp_host::vm::{Outcome, Spec};

use crate::checkout;
use crate::files::with_extension;
use crate::guest_output;
use crate::guest_program;
use crate::parallel;
use figures::{Column, Figure};
use plan::{ATTEMPT_FUNCTIONS, ATTEMPT_TASKS, Job, Plan, TIMEOUT};

/// The folder in the guest, which the scripts name too.
const GUEST: &str = "/klp/bench";

/// The program that the scripts start.
pub const PROGRAM: &str = "tests/bench/guest/klp-bench.c";

/// The number of parallel machines with counted instructions. Each also needs memory.
const PARALLEL_COUNTED: usize = 2;

/// The time limit of a cycle of the stress test.
const STRESS_CYCLE: Duration = Duration::from_secs(30);

/// The C counterpart of the Rust sample.
const C_SAMPLE: &str = "klp_bench_cmdline";
const RUST_SAMPLE: &str = "livepatch-sample";

/// The folder of patches in Rust.
const RUST_PATCHES: &str = "tests/bench/rust/";

/// The default file for results.
pub fn default_json() -> PathBuf {
    checkout::top().join("target/bench.json")
}

/// Measures these kernels.
pub fn run(kernels: &[Kernel], plan: &Plan) -> Result<Vec<Column>> {
    let benches: Vec<_> = kernels.iter().map(Bench::prepare).collect::<Result<_>>()?;
    // Parallel runs disturb latencies, but not counted instructions.
    let jobs = plan.counted();
    let all: Vec<_> = benches
        .iter()
        .flat_map(|bench| jobs.iter().map(move |job| (bench, job)))
        .collect();
    let counted = parallel::try_map(&all, PARALLEL_COUNTED, |(bench, job)| bench.measure(job))?;
    let mut counted = counted.into_iter();
    let mut columns = Vec::new();
    for bench in &benches {
        let mut figures: Vec<_> = counted.by_ref().take(jobs.len()).flatten().collect();
        figures.extend(attempts(&figures));
        host::warn_if_busy();
        figures.extend(bench.measure(&plan.timed())?);
        figures.extend(bench.sizes.iter().cloned());
        columns.push(Column {
            core: bench.kernel.core.name().to_owned(),
            release: bench.kernel.build.release.clone(),
            figures,
        });
    }
    Ok(columns)
}

/// Loads, disables and unloads a patch many times while programs are started on two CPUs. Fails
/// if the kernel logs a warning, or memory is leaked.
pub fn stress(kernel: &Kernel, cycles: u32) -> Result<Vec<Figure>> {
    let bench = Bench::prepare(kernel)?;
    let timeout = TIMEOUT + STRESS_CYCLE * cycles;
    bench.measure(&Job::parallel(format!("stress.sh {cycles}"), timeout))
}

/// Computes the cost of an attempt to complete a transition, per task and per function.
fn attempts(figures: &[Figure]) -> Vec<Figure> {
    let [fewer, more] = ATTEMPT_TASKS;
    let [one, many] = ATTEMPT_FUNCTIONS;
    let value = |tasks, functions| {
        let name = format!("attempt-{tasks}-{functions}");
        Some(figures.iter().find(|figure| figure.name == name)?.value)
    };
    let per_task = |functions| {
        let difference = value(more, functions)? - value(fewer, functions)?;
        Some(difference / f64::from(more - fewer))
    };
    let (Some(with_one), Some(with_many)) = (per_task(one), per_task(many)) else {
        return Vec::new();
    };
    let per_function = (with_many - with_one) / f64::from(many - one);
    let figure =
        |what: String, value| Figure::new(format!("attempt-{what}"), "instructions", value);
    vec![
        figure(format!("task-{one}"), with_one),
        figure(format!("task-{many}"), with_many),
        figure("task-function".to_owned(), per_function),
    ]
}

/// The common environment of a kernel's measurements.
struct Bench<'a> {
    kernel: &'a Kernel,
    copy: Vec<(PathBuf, PathBuf)>,
    /// The sizes of the core and of modules for this kernel.
    sizes: Vec<Figure>,
}

impl<'a> Bench<'a> {
    /// Builds the modules and the program.
    fn prepare(kernel: &'a Kernel) -> Result<Self> {
        let dir = checkout::top().join("tests/bench");
        let built = checkout::build(kernel, &dir)?;
        let sizes = sizes(kernel, &built)?;
        let mut files = built.modules;
        files.extend(checkout::build_folders(kernel, &[RUST_PATCHES])?.modules);
        files.push(guest_program::build(
            kernel.build.arch,
            &checkout::top().join(PROGRAM),
        )?);
        files.extend(with_extension(&dir.join("guest"), "sh")?);
        let copy = files
            .into_iter()
            .filter_map(|file| {
                let guest = Path::new(GUEST).join(file.file_name()?);
                Some((file, guest))
            })
            .collect();
        Ok(Self {
            kernel,
            copy,
            sizes,
        })
    }

    /// Runs a script in a separate boot. Returns its figures.
    fn measure(&self, job: &Job) -> Result<Vec<Figure>> {
        let command = &job.command;
        say(&format!("{}: {command}", self.kernel.core.name()));
        let spec = Spec {
            copy: self.copy.clone(),
            slowness: self.kernel.slowness(),
            ..job.spec(self.kernel, GUEST)
        };
        let mut output = Output::default();
        let report = guest_output::run(&spec, |line| output.line(line))?;
        if let Some(problem) = report.problem() {
            bail!("{command} failed: {problem}");
        }
        if report.outcome != Outcome::Exited(0) {
            bail!("{command} failed: {}", output.messages.join(" | "));
        }
        Ok(output.figures)
    }
}

/// Measures the sizes of the core and of modules for this kernel.
fn sizes(kernel: &Kernel, bench: &Built) -> Result<Vec<Figure>> {
    let examples = checkout::build_example(kernel, RUST_SAMPLE)?;
    let mut figures = Vec::new();
    match sizes::core(kernel) {
        Ok(size) => figures.extend(size),
        // Earlier versions kept the object files of the newest kernel only.
        Err(err) => say(&format!("cannot determine the size of the core: {err:#}")),
    }
    for (language, built, name) in [("c", bench, C_SAMPLE), ("rust", &examples, RUST_SAMPLE)] {
        let module = built
            .module(name)
            .with_context(|| format!("the build produced no module {name}"))?;
        figures.extend(sizes::module(language, module)?);
    }
    Ok(figures)
}

/// The output of a script.
#[derive(Debug, Default)]
struct Output {
    figures: Vec<Figure>,
    /// All other lines, for error messages.
    messages: Vec<String>,
}

impl Output {
    fn line(&mut self, line: &str) {
        if let Some(figure) = Figure::parse(line) {
            self.figures.push(figure);
        } else if let Some(progress) = line.strip_prefix("@progress ") {
            say(progress);
        } else {
            self.messages.push(line.to_owned());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn output_is_split_into_figures_and_messages() {
        let mut output = Output::default();
        for line in ["@figure a ns 5", "insmod: no", "@progress half"] {
            output.line(line);
        }
        assert_eq!(output.figures.len(), 1);
        assert_eq!(output.messages, ["insmod: no"]);
    }

    #[test]
    fn cost_of_attempts_per_task_and_per_function() {
        let figures = [
            (10, 1, 60.0),
            (210, 1, 1060.0),
            (10, 1000, 200.0),
            (210, 1000, 200_200.0),
        ]
        .map(|(tasks, functions, value)| {
            Figure::new(
                format!("attempt-{tasks}-{functions}"),
                "instructions",
                value,
            )
        });
        let found: Vec<_> = attempts(&figures)
            .into_iter()
            .map(|figure| (figure.name, figure.value))
            .collect();
        assert_eq!(found[0], ("attempt-task-1".to_owned(), 5.0));
        assert_eq!(found[1], ("attempt-task-1000".to_owned(), 1000.0));
        assert_eq!(
            found[2],
            ("attempt-task-function".to_owned(), 995.0 / 999.0)
        );
        assert_eq!(attempts(&figures[1..]), []);
    }
}
