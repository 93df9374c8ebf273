// SPDX-License-Identifier: GPL-2.0-only

//! `cargo xtask kernel`: gets and builds kernels, and installs klp-core in source trees.

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
        /// Look for a newer point release instead of using the cached one.
        #[arg(long)]
        update: bool,
    },
    /// Install klp-core in a kernel source tree, or update it there.
    Install {
        /// The kernel source tree, of the 7.2 series.
        #[arg(long, value_name = "DIR")]
        into: PathBuf,
        /// Remove klp-core instead, which restores the tree.
        #[arg(long)]
        remove: bool,
    },
}

impl Command {
    pub(super) fn run(self) -> Result<()> {
        match self {
            Self::Build { kernel, update } => build(&kernel, update),
            Self::Install { into, remove } => {
                check_not_cached(&into)?;
                if remove {
                    uninstall(&into)
                } else {
                    install(&into)
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
        let folder = module.parent().context("the module's path has no folder")?;
        println!("KLP_CORE_MODULE={}", folder.display());
    }
    println!("KDIR={}", kernel.build.dir.display());
    println!("IMAGE={}", kernel.image.display());
    Ok(())
}

/// Refuses trees of the cache, which other kernels are built from.
fn check_not_cached(tree: &Path) -> Result<()> {
    let cache = Cache::open()?;
    ensure!(
        !tree
            .canonicalize()
            .is_ok_and(|tree| tree.starts_with(cache.root())),
        "{} is in the cache, whose sources have to stay unmodified: copy the tree, or \
         build it with klp-core by cargo xtask kernel build --core rust",
        tree.display()
    );
    Ok(())
}

fn install(tree: &Path) -> Result<()> {
    let done = match install::install(tree, &CoreFiles::read(&checkout::klp_core())?)? {
        Installed::New => "installed klp-core in",
        Installed::Updated => "updated klp-core in",
        Installed::Unchanged => "klp-core is up to date in",
    };
    println!("{done} {}", tree.join(FOLDER).display());
    println!("Next: set CONFIG_RUST=y, CONFIG_LIVEPATCH=y and CONFIG_LIVEPATCH_RUST=y, and build");
    Ok(())
}

fn uninstall(tree: &Path) -> Result<()> {
    if install::remove(tree)? {
        println!("removed klp-core from {}", tree.display());
    } else {
        println!("klp-core is not in {}: nothing to remove", tree.display());
    }
    Ok(())
}
