// SPDX-License-Identifier: GPL-2.0-only

//! `cargo xtask package`: packages of klpctl.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Result, ensure};
use clap::Args;
use klp_package::Format;

use crate::klpctl_package;

#[derive(Args, Debug)]
pub(super) struct PackageArgs {
    /// Write a package for Debian and its relatives.
    #[arg(long, required_unless_present = "rpm")]
    deb: bool,
    /// Write a package for Fedora, SUSE and their relatives.
    #[arg(long)]
    rpm: bool,
    /// Where to write it.
    #[arg(long, value_name = "DIR", default_value = ".")]
    output: PathBuf,
    /// Who answers for the package.
    #[arg(long, value_name = "NAME <ADDRESS>")]
    maintainer: String,
}

impl PackageArgs {
    pub(super) fn run(self) -> Result<ExitCode> {
        ensure!(
            self.output.is_dir(),
            "there is no folder {} for the packages",
            self.output.display()
        );
        let wanted = [(self.deb, Format::Deb), (self.rpm, Format::Rpm)];
        let formats: Vec<_> = wanted
            .iter()
            .filter(|(is_wanted, _)| *is_wanted)
            .map(|(_, format)| *format)
            .collect();
        for path in klpctl_package::write(&formats, &self.output, &self.maintainer)? {
            println!("{}", path.display());
        }
        Ok(ExitCode::SUCCESS)
    }
}
