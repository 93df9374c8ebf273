// SPDX-License-Identifier: GPL-2.0-only

//! `cargo xtask image`: tests klpctl on a system with a disk.

use std::process::ExitCode;

use anyhow::Result;
use clap::Args;

use crate::report;
use crate::suite::image;

#[derive(Args, Debug)]
pub(super) struct ImageArgs {
    /// Run only these tests [default: all]. Each has a separate machine.
    #[arg(value_name = "NAME", value_parser = image::names())]
    names: Vec<String>,
}

impl ImageArgs {
    pub(super) fn run(self) -> Result<ExitCode> {
        image::needs()?.get()?;
        let tally = image::run(&self.names)?;
        Ok(report::finish(tally))
    }
}
