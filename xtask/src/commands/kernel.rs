// SPDX-License-Identifier: GPL-2.0-only

//! `cargo xtask kernel`: gets and builds kernels.

use anyhow::Result;
use clap::Subcommand;

use super::KernelArgs;

const HELP: &str = "\
`make -C KDIR M=FOLDER` builds modules for the kernel with the right tools, from any shell.

Environment:
  KLP_CACHE          where kernels and tools are kept [default: klp in the user's cache folder]
  KLP_DEBIAN_MIRROR  address of a mirror of Debian's archive, where this system's package
                     sources name none
  KLP_ALLOW_CONFIG   with --core stock: options, separated by commas, that may differ from
                     the kernel's own configuration";

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Build a kernel, or reuse it; the last two lines name its build folder and image.
    #[command(after_help = HELP)]
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
