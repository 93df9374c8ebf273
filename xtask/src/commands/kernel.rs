// SPDX-License-Identifier: GPL-2.0-only

//! `cargo xtask kernel`: gets and builds kernels.

use anyhow::Result;
use clap::Subcommand;

use super::KernelArgs;

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Build a kernel, or reuse it; the last two lines name its build folder and image.
    Build {
        #[command(flatten)]
        kernel: KernelArgs,
        /// Look for a newer point release instead of using what this machine has.
        #[arg(long)]
        update: bool,
    },
}

impl Command {
    pub(super) fn run(self) -> Result<()> {
        let Self::Build { kernel, update } = self;
        let kernel = kernel.get_with(update)?;
        println!("KDIR={}", kernel.kdir.display());
        println!("IMAGE={}", kernel.image.display());
        Ok(())
    }
}
