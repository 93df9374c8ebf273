// SPDX-License-Identifier: GPL-2.0-only

//! Cases that are tried one after the other.

use anyhow::Result;

use crate::case::{Case, Tally};
use crate::report;

/// The cases of a part.
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

    /// Tries something, and prints how it went.
    pub(super) fn check(&mut self, name: &str, test: impl FnOnce() -> Result<()>) {
        let case = Case::from_result(self.script, name, test());
        report::add(&case);
        self.tally.count(&case);
    }

    /// Counts a case that was printed.
    pub(super) fn add(&mut self, case: &Case) {
        self.tally.count(case);
    }

    pub(super) fn tally(self) -> Tally {
        self.tally
    }
}
