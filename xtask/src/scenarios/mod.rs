// SPDX-License-Identifier: GPL-2.0-only

//! Runs the scenarios (`tests/vm/scenarios/*.sh`): bash scripts in the guest that load
//! modules and check conditions. They share one boot. A scenario fails by its checks, its exit
//! status, or leftovers.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use klp_host::arch::Arch;
use klp_host::kernel::Kernel;
use klp_host::vm::{Outcome, Report, Spec, Warnings};

use crate::case::Case;
use crate::checkout;
use crate::files::with_extension;
use crate::guest_output;
use crate::guest_program;
use crate::parallel;
use crate::report;

/// The folder in the guest, which `guest.sh` and the libraries in `tests/vm/` name too.
const GUEST: &str = "/klp/vm";

/// The host's time limits, above the limit of each scenario in the guest.
const BOOT_LIMIT: Duration = Duration::from_secs(180);
const SCENARIO_LIMIT: Duration = Duration::from_secs(240);

/// All scenarios of this checkout, by name.
pub fn all() -> Result<Vec<PathBuf>> {
    in_checkout("tests/vm/scenarios", "sh")
}

/// The scenarios that only long forms run.
pub fn long() -> Result<Vec<PathBuf>> {
    in_checkout("tests/vm/long", "sh")
}

/// The files of a folder of this checkout with this extension, sorted.
pub fn in_checkout(folder: &str, extension: &str) -> Result<Vec<PathBuf>> {
    with_extension(&checkout::top().join(folder), extension)
}

/// Builds the programs that scenarios start: those in C, and klpctl.
fn programs(arch: Arch) -> Result<Vec<PathBuf>> {
    let mut built = Vec::new();
    for source in in_checkout("tests/vm/programs", "c")? {
        if is_for(&source, "// ", arch)? {
            built.push(guest_program::build(arch, &source)?);
        }
    }
    if arch == Arch::HOST {
        built.push(guest_program::klpctl()?);
    }
    Ok(built)
}

/// Whether a script or a program is for this architecture. A comment `Only: ARCH...` limits it.
fn is_for(file: &Path, comment: &str, arch: Arch) -> Result<bool> {
    let only = comment_of(file, &format!("{comment}Only"))?;
    Ok(only.is_none_or(|names| names.split_whitespace().any(|name| name == arch.name())))
}

/// Returns those of these scenarios that are for this architecture.
pub fn only_for(arch: Arch, scripts: Vec<PathBuf>) -> Result<Vec<PathBuf>> {
    let mut kept = Vec::new();
    for script in scripts {
        if is_for(&script, "# ", arch)? {
            kept.push(script);
        }
    }
    Ok(kept)
}

/// Runs these scenarios on this kernel with these modules, and reports each check immediately.
pub fn run(kernel: &Kernel, modules: &[PathBuf], scripts: &[PathBuf]) -> Result<Vec<Case>> {
    let mut all = Vec::new();
    for (parameters, scripts) in by_parameters(scripts)? {
        let (cases, report) = boot(kernel, modules, &scripts, &parameters, true)?;
        if let Some(problem) = report.problem() {
            eprintln!("{problem}");
        }
        all.extend(cases);
    }
    Ok(all)
}

/// Does the same in that many guests at once, each with a part of the scenarios.
pub fn run_in_guests(
    guests: usize,
    kernel: &Kernel,
    modules: &[PathBuf],
    scripts: &[PathBuf],
) -> Result<Vec<Case>> {
    let mut all = Vec::new();
    let parts = deal(scripts, guests);
    for cases in parallel::map_at_once(&parts, |scripts| run(kernel, modules, scripts)) {
        all.extend(cases?);
    }
    Ok(all)
}

/// Deals scenarios to that many guests. Those with similar names, which take about as long, go to different ones.
fn deal(scripts: &[PathBuf], guests: usize) -> Vec<Vec<PathBuf>> {
    (0..guests)
        .map(|first| {
            scripts
                .iter()
                .skip(first)
                .step_by(guests)
                .cloned()
                .collect()
        })
        .filter(|part: &Vec<_>| !part.is_empty())
        .collect()
}

/// Groups scenarios by the kernel parameters that they need. Most need none.
fn by_parameters(scripts: &[PathBuf]) -> Result<BTreeMap<String, Vec<PathBuf>>> {
    let mut groups = BTreeMap::<_, Vec<_>>::new();
    for script in scripts {
        let parameters = comment_of(script, "# Boot")?.unwrap_or_default();
        groups.entry(parameters).or_default().push(script.clone());
    }
    if groups.is_empty() {
        bail!("there are no scenarios to run in tests/vm/scenarios");
    }
    Ok(groups)
}

/// Runs a scenario that has to fail, without reporting its checks. Returns the failures, with the kernel's
/// console.
pub fn failures(kernel: &Kernel, modules: &[PathBuf], script: &Path) -> Result<Vec<String>> {
    let parameters = comment_of(script, "# Boot")?.unwrap_or_default();
    let (cases, report) = boot(kernel, modules, &[script.to_owned()], &parameters, false)?;
    let failed = |case: Case| Some(format!("{}: {}", case.name, case.failure?));
    let mut failures: Vec<_> = cases.into_iter().filter_map(failed).collect();
    if !failures.is_empty() {
        failures.extend(report.console);
    }
    Ok(failures)
}

fn boot(
    kernel: &Kernel,
    modules: &[PathBuf],
    scripts: &[PathBuf],
    parameters: &str,
    reports: bool,
) -> Result<(Vec<Case>, Report)> {
    let mut copy = Vec::new();
    let mut names = Vec::new();
    let (libraries, programs) = (in_checkout("tests/vm", "sh")?, programs(kernel.build.arch)?);
    for (folder, files) in [
        ("", &libraries[..]),
        ("modules", modules),
        ("programs", &programs[..]),
        ("scenarios", scripts),
    ] {
        for file in files {
            let name = file
                .file_name()
                .with_context(|| format!("{} has no file name", file.display()))?;
            copy.push((file.clone(), Path::new(GUEST).join(folder).join(name)));
        }
    }
    names.extend(
        scripts
            .iter()
            .filter_map(|path| Some(path.file_name()?.to_string_lossy().into_owned())),
    );

    let slowness = kernel.slowness();
    let mut all = BOOT_LIMIT;
    let mut known = Vec::new();
    for script in scripts {
        all += limit_of(script)?;
        known.extend(comment_of(script, "# Known warning")?);
    }
    let limits = format!("export SLOWNESS={slowness} WAIT={}\n", 60 * slowness);
    let spec = Spec {
        copy,
        kernel_parameters: parameters.split_whitespace().map(str::to_owned).collect(),
        timeout: all * slowness,
        slowness,
        memory: 1024 * slowness.min(2),
        accepted: Warnings::In(known),
        ..kernel.spec(limits + include_str!("guest.sh"))
    };
    let mut follower = Follower::new(kernel.core.name(), names);
    follower.reports = reports;
    let (report, output) = guest_output::run_or_reuse(&spec, |line| follower.line(line))?;
    let cases = follower.finish(report.outcome.failure().as_deref());
    let passed = cases.iter().all(|case| case.failure.is_none());
    // Scenarios that are not reported have to fail.
    if passed && reports && report.outcome == Outcome::Exited(0) {
        output.keep();
    }
    Ok((cases, report))
}

/// The time limit of a scenario, which a comment may set. `guest.sh` reads the comment, too.
fn limit_of(script: &Path) -> Result<Duration> {
    let limit = comment_of(script, "# Limit")?;
    let seconds = limit.and_then(|limit| limit.strip_suffix(" s")?.parse().ok());
    Ok(seconds.map_or(SCENARIO_LIMIT, Duration::from_secs))
}

/// The value of the comment `KEY: ...` in this script, if there is one.
fn comment_of(script: &Path, key: &str) -> Result<Option<String>> {
    let text =
        fs::read_to_string(script).with_context(|| format!("cannot read {}", script.display()))?;
    let start = format!("{key}: ");
    Ok(text
        .lines()
        .find_map(|line| line.strip_prefix(&start).map(str::to_owned)))
}

/// Parses the output of the guest's script, line by line.
#[derive(Debug)]
struct Follower {
    /// The name of the machine.
    machine: String,
    /// Whether to report each case immediately.
    reports: bool,
    /// The scenarios that have not ended.
    remaining: Vec<String>,
    current: Option<Running>,
    cases: Vec<Case>,
}

/// A running scenario.
#[derive(Debug)]
struct Running {
    name: String,
    /// The index of its first case.
    first: usize,
    /// The output besides checks.
    messages: Vec<String>,
}

impl Follower {
    fn new(machine: &str, scripts: Vec<String>) -> Self {
        Self {
            machine: machine.to_owned(),
            reports: true,
            remaining: scripts,
            current: None,
            cases: Vec::new(),
        }
    }

    fn add(&mut self, case: Case) {
        if self.reports {
            report::add_on(&self.machine, &case);
        }
        self.cases.push(case);
    }

    fn line(&mut self, line: &str) {
        if let Some(name) = line.strip_prefix("@begin ") {
            self.current = Some(Running {
                name: name.to_owned(),
                first: self.cases.len(),
                messages: Vec::new(),
            });
        } else if let Some((name, status)) = line
            .strip_prefix("@end ")
            .and_then(|rest| rest.split_once(' '))
        {
            self.end(name, status);
        } else if let Some(current) = &mut self.current {
            if let Some(case) = Case::parse(&current.name, line) {
                self.add(case);
            } else if !line.is_empty() {
                current.messages.push(line.to_owned());
            }
        }
    }

    /// Handles the end of a scenario.
    fn end(&mut self, name: &str, status: &str) {
        self.remaining.retain(|remaining| remaining != name);
        let Some(current) = self.current.take() else {
            return;
        };
        let cases = &self.cases[current.first..];
        let failed = cases.iter().any(|case| case.failure.is_some());
        let what = match status {
            "0" if cases.is_empty() => "the scenario checked nothing".to_owned(),
            "0" => return,
            // `must` ends the scenario after it has reported the failure.
            "1" if failed => return,
            "124" | "137" => "the scenario took too long".to_owned(),
            status => format!("the scenario ended with status {status}"),
        };
        let why = std::iter::once(what)
            .chain(current.messages)
            .collect::<Vec<_>>()
            .join("\n");
        self.add(Case::failed(name, "runs to its end", why));
    }

    /// Handles the stop of the machine, with its problem, if any.
    fn finish(mut self, problem: Option<&str>) -> Vec<Case> {
        let why = problem.unwrap_or("the guest's script stopped before it");
        if let Some(current) = self.current.take() {
            self.remaining
                .retain(|remaining| *remaining != current.name);
            self.add(Case::failed(&current.name, "runs to its end", why));
        } else if let Some(problem) = problem.filter(|_| self.remaining.is_empty()) {
            self.add(Case::failed("kernel", "stays sound", problem));
        }
        for name in std::mem::take(&mut self.remaining) {
            self.add(Case::failed(
                &name,
                "runs",
                format!("the scenario did not run: {why}"),
            ));
        }
        self.cases
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn follow(text: &str, problem: Option<&str>) -> Vec<(String, String, bool)> {
        let mut follower = Follower::new("c", vec!["a.sh".into(), "b.sh".into()]);
        text.lines().for_each(|line| follower.line(line));
        let cases = follower.finish(problem);
        cases
            .into_iter()
            .map(|case| (case.script, case.name, case.failure.is_none()))
            .collect()
    }

    fn listed(list: &[(&str, &str, bool)]) -> Vec<(String, String, bool)> {
        list.iter()
            .map(|(script, name, ok)| ((*script).to_owned(), (*name).to_owned(), *ok))
            .collect()
    }

    #[test]
    fn each_scenario_runs_in_one_guest() {
        let scripts = ["a", "b", "c"].map(PathBuf::from);
        let parts = deal(&scripts, 2);
        assert_eq!(
            parts,
            [vec!["a".into(), "c".into()], vec![PathBuf::from("b")]]
        );
        assert_eq!(
            deal(&scripts[..1], 2).len(),
            1,
            "no guest without scenarios"
        );
    }

    #[test]
    fn checks_are_counted() {
        let text = "@begin a.sh\nok - one\ntalk\nnot ok - two: why: because\n@end a.sh 0\n@begin b.sh\nok - x\n@end b.sh 0\n";
        assert_eq!(
            follow(text, None),
            listed(&[
                ("a.sh", "one", true),
                ("a.sh", "two", false),
                ("b.sh", "x", true)
            ])
        );
    }

    #[test]
    fn a_scenario_has_to_exit_with_0_and_check_something() {
        let text = "@begin a.sh\nok - one\n@end a.sh 2\n@begin b.sh\n@end b.sh 0\n";
        assert_eq!(
            follow(text, None),
            listed(&[
                ("a.sh", "one", true),
                ("a.sh", "runs to its end", false),
                ("b.sh", "runs to its end", false)
            ])
        );
    }

    #[test]
    fn a_failed_must_is_counted_once() {
        let text = "@begin a.sh\nnot ok - one: no\n@end a.sh 1\n@begin b.sh\nok - x\n@end b.sh 1\n";
        assert_eq!(
            follow(text, None),
            listed(&[
                ("a.sh", "one", false),
                ("b.sh", "x", true),
                ("b.sh", "runs to its end", false)
            ])
        );
    }

    #[test]
    fn a_crashed_machine_fails_the_remaining_scenarios() {
        let cases = follow("@begin a.sh\nok - one\n", Some("the kernel broke"));
        assert_eq!(
            cases,
            listed(&[
                ("a.sh", "one", true),
                ("a.sh", "runs to its end", false),
                ("b.sh", "runs", false)
            ])
        );
    }

    #[test]
    fn a_warning_after_all_scenarios_fails() {
        let text = "@begin a.sh\nok - one\n@end a.sh 0\n@begin b.sh\nok - x\n@end b.sh 0\n";
        let cases = follow(text, Some("the kernel warned"));
        assert_eq!(
            cases.last(),
            listed(&[("kernel", "stays sound", false)]).last()
        );
        assert_eq!(follow(text, None).len(), 2);
    }

    #[test]
    fn scenarios_with_kernel_parameters_have_a_separate_boot() {
        let dir = tempfile::tempdir().unwrap();
        let script = |name: &str, text: &str| {
            let path = dir.path().join(name);
            fs::write(&path, text).unwrap();
            path
        };
        let one = script("one.sh", "# Limit: 7 s\n");
        let two = script("two.sh", "# Boot: nohz_full=1 quiet\n# Limit: 9 s\n");
        let three = script("three.sh", "true\n");
        assert_eq!(limit_of(&two).unwrap(), Duration::from_secs(9));
        assert_eq!(limit_of(&three).unwrap(), SCENARIO_LIMIT);
        let groups = by_parameters(&[one.clone(), two.clone(), three.clone()]).unwrap();
        assert_eq!(
            Vec::from_iter(groups),
            [
                (String::new(), vec![one, three]),
                ("nohz_full=1 quiet".to_owned(), vec![two])
            ]
        );
        assert!(by_parameters(&[]).is_err());
    }

    #[test]
    fn an_early_end_of_the_guests_script_is_noticed() {
        assert_eq!(
            follow("", None),
            listed(&[("a.sh", "runs", false), ("b.sh", "runs", false)])
        );
    }
}
