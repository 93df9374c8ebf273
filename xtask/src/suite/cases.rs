// SPDX-License-Identifier: GPL-2.0-only

//! Runs the cases of a part one after the other.

use anyhow::Result;

use crate::case::{Case, Tally};
use crate::report;

/// Runs and counts the cases of a part.
pub(super) struct Cases {
    script: &'static str,
    tally: Tally,
}

impl Cases {
    pub(super) fn new(script: &'static str) -> Self {
        Self {
            script,
            tally: Tally::default(),
        }
    }

    /// Runs a case, reports and counts it.
    pub(super) fn check(&mut self, name: &str, test: impl FnOnce() -> Result<()>) {
        let case = Case::from_result(self.script, name, test());
        report::add(&case);
        self.tally.count(&case);
    }

    /// Counts a case that was reported elsewhere.
    pub(super) fn add(&mut self, case: &Case) {
        self.tally.count(case);
    }

    pub(super) fn tally(self) -> Tally {
        self.tally
    }
}
