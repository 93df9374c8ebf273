// SPDX-License-Identifier: GPL-2.0-only

//! `cargo xtask module`: builds external module folders.

use std::path::PathBuf;

use anyhow::Result;
use clap::Subcommand;

use super::kernel_args::KernelArgs;
use crate::checkout;

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Build a folder of external modules (C or Rust) against a kernel, and print their paths.
    Build {
        /// The folder with the Kbuild file or Makefile.
        dir: PathBuf,
        #[command(flatten)]
        kernel: KernelArgs,
    },
}

impl Command {
    pub(super) fn run(self) -> Result<()> {
        let Self::Build { dir, kernel } = self;
        kernel.needs()?.get()?;
        let kernel = kernel.get()?;
        let built = checkout::build(&kernel, &dir)?;
        for module in &built.modules {
            println!("{}", module.display());
        }
        Ok(())
    }
}
