// SPDX-License-Identifier: GPL-2.0-only

//! `cargo xtask test`: runs everything that must pass.

use std::process::ExitCode;

use anyhow::{Result, bail};
use clap::Args;

use crate::checkout;
use crate::passed_guests::{self, Mode};
use crate::report;
use crate::suite::{self, Form, Part};

#[derive(Args, Debug)]
pub(super) struct TestArgs {
    /// Run only this part; may be given more than once.
    #[arg(long, value_enum, value_name = "PART")]
    only: Vec<Part>,
    /// Skip this part; may be given more than once.
    #[arg(long, value_enum, value_name = "PART", conflicts_with = "only")]
    skip: Vec<Part>,
    /// Boot all virtual machines, also those in which all tests passed before in this checkout with the same kernel,
    /// files and programs. `--only` and `--long` do that anyway.
    #[arg(long)]
    again: bool,
    /// Run the long forms of parts: more of the same, for hours.
    #[arg(long)]
    long: bool,
    /// Load and unload the patch of the long stress test this many times.
    #[arg(long, value_name = "N", default_value_t = 1000, requires = "long",
          value_parser = clap::value_parser!(u32).range(1..))]
    cycles: u32,
}

impl TestArgs {
    pub(super) fn run(self) -> Result<ExitCode> {
        let form = if self.long {
            let cycles = self.cycles;
            Form::Long { cycles }
        } else {
            Form::Short
        };
        let mut all = Part::all(form);
        if let Some(part) = self.only.iter().find(|part| !all.contains(part)) {
            let name = format!("{part:?}").to_lowercase();
            bail!("the part {name} has only a long form: add --long");
        }
        all.retain(|part| !self.skip.contains(part));
        let boots_all = self.again || self.long || !self.only.is_empty();
        let mode = if boots_all { Mode::Keep } else { Mode::Reuse };
        let parts = if self.only.is_empty() { all } else { self.only };
        suite::needs(&parts)?.get()?;
        // Before anything compiles: rustup replaces files of a toolchain when it adds components.
        checkout::toolchain()?;
        passed_guests::set_mode(mode);
        let tally = suite::run(&parts, form);
        passed_guests::say_reused();
        Ok(report::finish(tally))
    }
}
