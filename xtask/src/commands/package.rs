// SPDX-License-Identifier: GPL-2.0-only

//! `cargo xtask package`: packages of klpctl.

use std::process::ExitCode;

use anyhow::Result;
use clap::Args;
use klp_package::Output;

use crate::klpctl_package;

#[derive(Args, Debug)]
pub(super) struct PackageArgs {
    #[command(flatten)]
    output: Output,
    /// Who answers for the package.
    #[arg(long, value_name = "NAME <ADDRESS>")]
    maintainer: String,
}

impl PackageArgs {
    pub(super) fn run(self) -> Result<ExitCode> {
        let formats: Vec<_> = self.output.formats().collect();
        for path in klpctl_package::write(&formats, self.output.dir()?, &self.maintainer)? {
            println!("{}", path.display());
        }
        Ok(ExitCode::SUCCESS)
    }
}
