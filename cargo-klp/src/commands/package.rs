// SPDX-License-Identifier: GPL-2.0-only

//! `cargo klp package`: builds a patch, and writes distribution packages of it.

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
    /// Folder of the patch.
    #[arg(default_value = ".")]
    dir: PathBuf,
    /// Target kernel, as for `cargo klp build`.
    #[arg(long, value_name = "KERNEL", default_value = "stock", value_parser = Choice::parse)]
    kernel: Choice,
    #[command(flatten)]
    output: Output,
    /// Package revision of this version of the patch. From 2 on, it is appended to the module name of a cumulative patch,
    /// because its contents may have changed.
    #[arg(long, value_name = "NUMBER", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    revision: u32,
    /// Maintainer of the package, such as `Jane Doe <jane@example.org>`; the default is the patch's first author.
    #[arg(long, value_name = "NAME <ADDRESS>")]
    maintainer: Option<String>,
    /// Package of the target kernel; the default is that of the distribution's kernels, `linux-image-RELEASE` or
    /// `kernel-uname-r = RELEASE`.
    #[arg(long, value_name = "PACKAGE")]
    kernel_package: Option<String>,
    /// Module name of a patch whose package is removed when this one is installed; may be given several times.
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
