// SPDX-License-Identifier: GPL-2.0-only

//! Test cases and their results.

/// A test case and its result.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Case {
    /// The script or part of the tests that the case belongs to.
    pub script: String,
    pub name: String,
    /// The reason of the failure; `None` if the case passed.
    pub failure: Option<String>,
}

/// The numbers of passed and failed cases.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Tally {
    pub passed: usize,
    pub failed: usize,
}

impl Case {
    /// Creates a case that failed.
    pub fn failed(script: &str, name: &str, why: impl Into<String>) -> Self {
        Self {
            script: script.to_owned(),
            name: name.to_owned(),
            failure: Some(why.into()),
        }
    }

    /// Creates a case that passed, or that failed with this error.
    pub fn from_result(script: &str, name: &str, result: anyhow::Result<()>) -> Self {
        Self {
            script: script.to_owned(),
            name: name.to_owned(),
            failure: result.err().map(|error| format!("{error:#}")),
        }
    }

    /// Parses a script's line `ok - NAME` or `not ok - NAME: WHY`; `None` for other lines.
    pub fn parse(script: &str, line: &str) -> Option<Self> {
        if let Some(name) = line.strip_prefix("ok - ") {
            return Some(Self {
                script: script.to_owned(),
                name: name.to_owned(),
                failure: None,
            });
        }
        let rest = line.strip_prefix("not ok - ")?;
        let (name, why) = rest.split_once(": ").unwrap_or((rest, "the check failed"));
        Some(Self::failed(script, name, why))
    }
}

impl Tally {
    /// Counts a case.
    pub fn count(&mut self, case: &Case) {
        match case.failure {
            None => self.passed += 1,
            Some(_) => self.failed += 1,
        }
    }

    /// Counts these cases.
    pub fn of<'a>(cases: impl IntoIterator<Item = &'a Case>) -> Self {
        let mut tally = Self::default();
        cases.into_iter().for_each(|case| tally.count(case));
        tally
    }
}

impl std::ops::AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
    }
}

impl std::iter::Sum for Tally {
    fn sum<I: Iterator<Item = Self>>(all: I) -> Self {
        all.fold(Self::default(), |mut total, one| {
            total += one;
            total
        })
    }
}

impl std::fmt::Display for Tally {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} passed, {} failed", self.passed, self.failed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passed_and_failed_are_counted() {
        let ok = Case {
            script: "a".into(),
            name: "x".into(),
            failure: None,
        };
        let bad = Case::failed("a", "y", "why");
        assert_eq!(
            Tally::of([&ok, &bad, &ok]).to_string(),
            "2 passed, 1 failed"
        );
    }
}
