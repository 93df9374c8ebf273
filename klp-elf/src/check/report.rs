// SPDX-License-Identifier: GPL-2.0-only

//! What came out of a check, for programs and for people.

use super::{Place, Problem};
use std::fmt;

/// How bad it is.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Severity {
    /// Something that could not be checked.
    Note,
    /// It works, but something may surprise.
    Warning,
    /// The kernel refuses it, or it does harm.
    Error,
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Note => "note",
            Self::Warning => "warning",
            Self::Error => "error",
        })
    }
}

/// Something wrong with a module.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Finding {
    /// Where.
    pub place: Place,
    /// What.
    pub problem: Problem,
}

impl Finding {
    /// How bad it is.
    pub fn severity(&self) -> Severity {
        self.problem.severity()
    }
}

/// Two lines: what is wrong and where, and what to do.
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
    pub object: String,
    /// Its name.
    pub function: String,
    /// Which of that name, from 1; 0 when there is only one.
    pub sympos: u64,
    /// The function that takes its place.
    pub by: String,
}

/// What came out of a check.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Report {
    /// What the module replaces, as far as its tables could be read.
    pub replaced: Vec<Replaced>,
    /// What is wrong with it.
    pub findings: Vec<Finding>,
}

impl Report {
    /// Is there nothing that makes the module unfit for use?
    pub fn is_good(&self) -> bool {
        self.count(Severity::Error) == 0
    }

    /// How many findings are of that severity?
    pub fn count(&self, severity: Severity) -> usize {
        let findings = self.findings.iter();
        findings
            .filter(|finding| finding.severity() == severity)
            .count()
    }

    pub(super) fn add(&mut self, place: Place, problem: Problem) {
        self.findings.push(Finding { place, problem });
    }

    /// Puts the worst first.
    pub(super) fn sort(&mut self) {
        self.findings
            .sort_by_key(|finding| std::cmp::Reverse(finding.severity()));
    }
}

/// What is replaced, what was found, and the sum of it.
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
        for finding in &self.findings {
            writeln!(f, "{finding}")?;
        }
        let counts: Vec<String> = [Severity::Error, Severity::Warning, Severity::Note]
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
