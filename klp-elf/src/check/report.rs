// SPDX-License-Identifier: GPL-2.0-only

//! The report of a check, for programs and people.

use super::{Place, Problem, Severity};
use crate::limits::{FINDINGS_MAX, REPLACED_MAX};
use crate::text::Name;
use std::fmt;

/// A problem of a module.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Finding {
    /// Its position.
    pub place: Place,
    /// The problem.
    pub problem: Problem,
}

impl Finding {
    /// The severity.
    pub fn severity(&self) -> Severity {
        self.problem.severity()
    }
}

/// Prints two lines: the problem with its position, and the help text.
impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { place, problem } = self;
        write!(
            f,
            "{}[{}]: {place}: {problem}",
            self.severity(),
            problem.id()
        )?;
        write!(f, "\n  = {}", problem.help())
    }
}

/// A function that the module replaces.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Replaced {
    /// The object that has it.
    pub object: Name,
    /// Its name.
    pub function: Name,
    /// Its sympos: the position among symbols of its name, from 1; 0 for the only one.
    pub sympos: u64,
    /// The replacement.
    pub by: Name,
}

/// The report of a check.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Report {
    /// The replaced functions, as far as the tables could be read: the first [`REPLACED_MAX`].
    pub replaced: Vec<Replaced>,
    /// The findings: the first [`FINDINGS_MAX`] of each severity.
    pub findings: Vec<Finding>,
    /// The number of further replaced functions.
    pub more_replaced: usize,
    /// The number of notes, warnings and errors in `findings`.
    kept: [usize; 3],
    /// The number of further findings of each severity.
    more: [usize; 3],
}

impl Report {
    /// Whether there are no errors.
    pub fn is_good(&self) -> bool {
        self.count(Severity::Error) == 0
    }

    /// The number of findings of that severity.
    pub fn count(&self, severity: Severity) -> usize {
        let findings = self.findings.iter();
        let kept = findings.filter(|finding| finding.severity() == severity);
        kept.count() + self.more(severity)
    }

    /// The number of findings of that severity that are only counted.
    pub fn more(&self, severity: Severity) -> usize {
        self.more[severity as usize]
    }

    pub(super) fn add(&mut self, place: Place, problem: Problem) {
        match place {
            // There are few of these, and the others depend on them, so the limit does not apply.
            Place::Module | Place::Modinfo(_) => self.findings.push(Finding { place, problem }),
            place => self.add_at(|| place, problem),
        }
    }

    /// Adds a finding whose position is expensive to name: `place` is only called if the finding is kept.
    pub(super) fn add_at(&mut self, place: impl FnOnce() -> Place, problem: Problem) {
        let severity = problem.severity();
        if self.kept[severity as usize] < FINDINGS_MAX {
            self.kept[severity as usize] += 1;
            let place = place();
            self.findings.push(Finding { place, problem });
        } else {
            self.more[severity as usize] += 1;
        }
    }

    /// Adds findings that were not collected in the order of the module.
    pub(super) fn add_sorted(&mut self, mut found: Collected, place: impl Fn(usize) -> Place) {
        found.problems.sort_by_key(|(number, _)| *number);
        for (number, problem) in found.problems {
            self.add_at(|| place(number), problem);
        }
        for (all, more) in self.more.iter_mut().zip(found.more) {
            *all += more;
        }
    }

    pub(super) fn replaces(&mut self, replaced: impl FnOnce() -> Replaced) {
        match self.replaced.len() < REPLACED_MAX {
            true => self.replaced.push(replaced()),
            false => self.more_replaced += 1,
        }
    }

    pub(super) fn has(&self, problem: &Problem) -> bool {
        self.findings
            .iter()
            .any(|finding| finding.problem == *problem)
    }

    /// Sorts by severity, the worst first.
    pub(super) fn sort(&mut self) {
        self.findings
            .sort_by_key(|finding| std::cmp::Reverse(finding.severity()));
    }
}

/// Findings by entry number; those above the limit are only counted.
#[derive(Default)]
pub(super) struct Collected {
    problems: Vec<(usize, Problem)>,
    more: [usize; 3],
}

impl Collected {
    pub(super) fn add(&mut self, number: usize, problem: Problem) {
        match self.problems.len() < 3 * FINDINGS_MAX {
            true => self.problems.push((number, problem)),
            false => self.more[problem.severity() as usize] += 1,
        }
    }
}

/// Prints the replaced functions, the findings, and their numbers.
impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for replaced in &self.replaced {
            let Replaced {
                object,
                function,
                sympos,
                by,
            } = replaced;
            match sympos {
                0 => writeln!(f, "replaces `{function}` of {object} by `{by}`")?,
                _ => writeln!(f, "replaces `{function},{sympos}` of {object} by `{by}`")?,
            }
        }
        if self.more_replaced > 0 {
            writeln!(f, "replaces {} more", self.more_replaced)?;
        }
        for finding in &self.findings {
            writeln!(f, "{finding}")?;
        }
        for severity in Severity::ALL.into_iter().filter(|it| self.more(*it) > 0) {
            writeln!(f, "{severity}: {} more", self.more(severity))?;
        }
        let counts: Vec<String> = Severity::ALL
            .into_iter()
            .map(|severity| (severity, self.count(severity)))
            .filter(|(_, count)| *count > 0)
            .map(|(severity, count)| match count {
                1 => format!("1 {severity}"),
                _ => format!("{count} {severity}s"),
            })
            .collect();
        let verdict = if self.is_good() { "good" } else { "bad" };
        match counts.is_empty() {
            true => f.write_str(verdict),
            false => write!(f, "{verdict}: {}", counts.join(", ")),
        }
    }
}
