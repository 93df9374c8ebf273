// SPDX-License-Identifier: GPL-2.0-only

//! `cargo xtask package`: builds packages of klpctl.

use std::process::ExitCode;

use anyhow::Result;
use clap::Args;
use klp_package::Output;

use crate::klpctl_package::{self, Publisher};

#[derive(Args, Debug)]
pub(super) struct PackageArgs {
    #[command(flatten)]
    output: Output,
    #[command(flatten)]
    publisher: Publisher,
}

impl PackageArgs {
    pub(super) fn run(self) -> Result<ExitCode> {
        let formats: Vec<_> = self.output.formats().collect();
        for path in klpctl_package::write(&formats, self.output.dir()?, &self.publisher)? {
            println!("{}", path.display());
        }
        Ok(ExitCode::SUCCESS)
    }
}
