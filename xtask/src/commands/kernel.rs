// SPDX-License-Identifier: GPL-2.0-only

//! `cargo xtask kernel`: gets and builds kernels, and puts klp-core into source trees.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};
use clap::Subcommand;
use klp_host::cache::Cache;
use klp_host::kernel::core_files::CoreFiles;
use klp_host::kernel::install::{self, FOLDER, Installed};

use super::kernel_args::KernelArgs;
use crate::checkout;

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
    /// Put klp-core into a kernel source tree, or bring it up to date there.
    Install {
        /// The kernel source tree, of the 7.2 series.
        #[arg(long, value_name = "DIR")]
        into: PathBuf,
        /// Take it out again instead: the tree is then as it was.
        #[arg(long)]
        remove: bool,
    },
}

impl Command {
    pub(super) fn run(self) -> Result<()> {
        match self {
            Self::Build { kernel, update } => build(&kernel, update),
            Self::Install { into, remove } => {
                check_not_ours(&into)?;
                if remove {
                    take_out(&into)
                } else {
                    put_in(&into)
                }
            }
        }
    }
}

fn build(kernel: &KernelArgs, update: bool) -> Result<()> {
    kernel.needs()?.get()?;
    let kernel = kernel.get_with(update)?;
    if let Some(module) = &kernel.core_module {
        println!("MODULE={}", module.display());
        let folder = module.parent().context("the module is in no folder")?;
        println!("KLP_CORE_MODULE={}", folder.display());
    }
    println!("KDIR={}", kernel.build.dir.display());
    println!("IMAGE={}", kernel.image.display());
    Ok(())
}

/// The cache's trees are what others are built from.
fn check_not_ours(tree: &Path) -> Result<()> {
    let cache = Cache::open()?;
    ensure!(
        !tree
            .canonicalize()
            .is_ok_and(|tree| tree.starts_with(cache.root())),
        "{} is in the cache, where kernels are built from pristine sources: copy the tree, or \
         build it with klp-core by cargo xtask kernel build --core rust",
        tree.display()
    );
    Ok(())
}

fn put_in(tree: &Path) -> Result<()> {
    let done = match install::install(tree, &CoreFiles::read(&checkout::klp_core())?)? {
        Installed::New => "klp-core is in",
        Installed::Updated => "klp-core was brought up to date in",
        Installed::Unchanged => "this klp-core is already in",
    };
    println!("{done} {}", tree.join(FOLDER).display());
    println!("Next: set CONFIG_RUST=y, CONFIG_LIVEPATCH=y and CONFIG_LIVEPATCH_RUST=y, and build");
    Ok(())
}

fn take_out(tree: &Path) -> Result<()> {
    if install::remove(tree)? {
        println!("klp-core is out of {}", tree.display());
    } else {
        println!("klp-core is not in {}: nothing to remove", tree.display());
    }
    Ok(())
}
