// SPDX-License-Identifier: GPL-2.0-only

//! `cargo klp package`: from a patch's folder to packages for distributions.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context as _, Result};
use clap::Args;
use klp_host::tools::needs::Needs;
use klp_package::{LivePatch, Output, time};

use super::build::PatchFolder;
use crate::inlined::DebugInfo;
use crate::kernel::Choice;
use crate::signing::Signing;

#[derive(Args, Debug)]
pub(super) struct PackageArgs {
    /// The patch's folder.
    #[arg(default_value = ".")]
    dir: PathBuf,
    /// The kernel, as `cargo klp build` takes it.
    #[arg(long, value_name = "KERNEL", default_value = "stock", value_parser = Choice::parse)]
    kernel: Choice,
    #[command(flatten)]
    output: Output,
    /// How often this version of the patch was packaged. Of a cumulative patch it is in the module's name, from 2 on: what
    /// is in the package may have changed.
    #[arg(long, value_name = "NUMBER", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    revision: u32,
    /// Who answers for the package, such as `Jane Doe <jane@example.org>`; otherwise the patch's first author.
    #[arg(long, value_name = "NAME <ADDRESS>")]
    maintainer: Option<String>,
    /// The package of the kernel that the patch fits; otherwise that of the distribution's own kernels,
    /// `linux-image-RELEASE` or `kernel-uname-r = RELEASE`.
    #[arg(long, value_name = "PACKAGE")]
    kernel_package: Option<String>,
    /// A patch whose package goes when this one is installed, by the name of its module. May stand several times.
    #[arg(long, value_name = "MODULE")]
    supersedes: Vec<String>,
    #[command(flatten)]
    debug_info: DebugInfo,
    #[command(flatten)]
    signing: Signing,
}

impl PackageArgs {
    pub(super) fn run(self) -> Result<()> {
        let time = time()?;
        let dir = self.output.dir()?;
        let folder = PatchFolder {
            dir: &self.dir,
            kernel: &self.kernel,
            debug_info: &self.debug_info,
            versioned: Some(self.revision),
            signing: &self.signing,
        };
        for module in folder.build(Needs::default())?.patches {
            let patch = LivePatch {
                module: fs::read(&module)
                    .with_context(|| format!("cannot read {}", module.display()))?,
                maintainer: self.maintainer.clone(),
                revision: self.revision,
                kernel_package: self.kernel_package.clone(),
                supersedes: self.supersedes.clone(),
                time,
            };
            for format in self.output.formats() {
                let package = patch.package(format)?;
                println!("{}", package.write(format, dir)?.display());
            }
        }
        Ok(())
    }
}
