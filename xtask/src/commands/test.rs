// SPDX-License-Identifier: GPL-2.0-only

//! `cargo xtask test`: everything that must pass.

use std::process::ExitCode;

use anyhow::Result;
use clap::Args;

use crate::suite::{self, Part};

#[derive(Args, Debug)]
pub(super) struct TestArgs {
    /// Only this part; may be given more than once.
    #[arg(long, value_enum, value_name = "PART")]
    only: Vec<Part>,
}

impl TestArgs {
    pub(super) fn run(self) -> Result<ExitCode> {
        let parts = if self.only.is_empty() {
            Part::ALL.to_vec()
        } else {
            self.only
        };
        suite::needs(&parts)?.get()?;
        let tally = suite::run(&parts);
        println!("{tally}");
        Ok(tally.exit_code())
    }
}
