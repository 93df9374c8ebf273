// SPDX-License-Identifier: GPL-2.0-only

//! Reports test cases: a line for each, or on a terminal a status line and the failures. Repeats all failures at the
//! end.

use std::process::ExitCode;
use std::sync::{LazyLock, Mutex, PoisonError};

use klp_host::host::progress::{self, StatusLine};

use crate::case::{Case, Tally};

/// The results so far. Parallel machines share them.
static REPORT: LazyLock<Mutex<Report>> = LazyLock::new(Mutex::default);

#[derive(Default)]
struct Report {
    tally: Tally,
    /// The printed failures.
    failures: Vec<String>,
    /// The running parts.
    parts: Vec<String>,
    /// Only on a terminal.
    status: Option<StatusLine>,
}

impl Report {
    fn with<R>(change: impl FnOnce(&mut Self) -> R) -> R {
        change(&mut REPORT.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn add(&mut self, place: &str, case: &Case) {
        self.tally.count(case);
        let text = text_of(place, case);
        match &self.status {
            None => println!("{text}"),
            Some(status) if case.failure.is_none() => {
                status.set(&self.summary(&format!("{place}: {}", case.name)));
            }
            Some(status) => status.print(&text),
        }
        if case.failure.is_some() {
            self.failures.push(text);
        }
    }

    /// The status line: the running parts, the counts, and the last passed case.
    fn summary(&self, last: &str) -> String {
        format!("{}: {} · {last}", self.parts.join(", "), self.tally)
    }
}

/// Reports a case.
pub fn add(case: &Case) {
    Report::with(|report| report.add(&case.script, case));
}

/// Reports and counts these cases.
pub fn add_all(cases: &[Case]) -> Tally {
    cases.iter().for_each(add);
    Tally::of(cases)
}

/// Reports a case with the name of its machine, because several may run.
pub fn add_on(machine: &str, case: &Case) {
    Report::with(|report| report.add(&format!("{machine}: {}", case.script), case));
}

/// On a terminal, shows a status line instead of a line for each case.
pub fn use_status_line() {
    Report::with(|report| report.status = StatusLine::start());
}

/// Starts a part, the `number`th of `all`.
pub fn begin_part(name: &str, number: usize, all: usize) {
    let label = part_label(name, number, all);
    progress::say(&format!("== {label}"));
    Report::with(|report| {
        report.parts.push(label);
        if let Some(status) = &report.status {
            status.set(&report.summary(""));
        }
    });
}

/// Ends a part.
pub fn end_part(name: &str, number: usize, all: usize, result: &str) {
    let label = part_label(name, number, all);
    Report::with(|report| report.parts.retain(|part| *part != label));
    progress::say(&format!("== {name}: {result}"));
}

fn part_label(name: &str, number: usize, all: usize) -> String {
    if all == 1 {
        name.to_owned()
    } else {
        format!("{name} ({number} of {all})")
    }
}

/// Prints all failures again, so that they are last, and the counts. Returns the exit status of the command.
pub fn finish(tally: Tally) -> ExitCode {
    let failures = Report::with(|report| {
        report.status = None;
        std::mem::take(&mut report.failures)
    });
    if !failures.is_empty() {
        println!("\nFailures:\n{}\n", failures.join("\n"));
    }
    println!("{tally}");
    if tally.failed == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

/// The line of a case, followed by its failure.
fn text_of(place: &str, case: &Case) -> String {
    let name = &case.name;
    match &case.failure {
        None => format!("ok      {place}: {name}"),
        Some(why) => {
            let why: String = why
                .lines()
                .map(|line| format!("\n        {line}"))
                .collect();
            format!("FAILED  {place}: {name}{why}")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_are_printed_below_their_lines() {
        let case = Case::failed("a.sh", "it holds", "it did not\nat all");
        assert_eq!(
            text_of("c: a.sh", &case),
            "FAILED  c: a.sh: it holds\n        it did not\n        at all"
        );
    }

    #[test]
    fn the_status_line_names_parts_and_counts() {
        let report = Report {
            tally: Tally {
                passed: 12,
                failed: 1,
            },
            parts: [
                part_label("kselftest", 9, 10),
                part_label("compare", 10, 10),
            ]
            .into(),
            ..Report::default()
        };
        assert_eq!(
            report.summary("c: a.sh: it holds"),
            "kselftest (9 of 10), compare (10 of 10): 12 passed, 1 failed · c: a.sh: it holds"
        );
    }
}
