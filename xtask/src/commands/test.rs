// SPDX-License-Identifier: GPL-2.0-only

//! `cargo xtask test`: everything that must pass.

use std::process::ExitCode;

use anyhow::Result;
use clap::Args;

use crate::suite::{self, Form, Part};

#[derive(Args, Debug)]
pub(super) struct TestArgs {
    /// Only this part; may be given more than once.
    #[arg(long, value_enum, value_name = "PART")]
    only: Vec<Part>,
    /// Run the long forms of parts: more of the same, for hours.
    #[arg(long)]
    long: bool,
}

impl TestArgs {
    pub(super) fn run(self) -> Result<ExitCode> {
        let form = if self.long { Form::Long } else { Form::Short };
        let parts = if self.only.is_empty() {
            Part::ALL.to_vec()
        } else {
            self.only
        };
        suite::needs(&parts)?.get()?;
        let tally = suite::run(&parts, form);
        println!("{tally}");
        Ok(tally.exit_code())
    }
}
