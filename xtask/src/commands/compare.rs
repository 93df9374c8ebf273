// SPDX-License-Identifier: GPL-2.0-only

//! `cargo xtask compare`: compares both livepatch cores.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use clap::Args;
use klp_host::arch::Arch;
use klp_host::kernel::{self, Core, Options, Origin, Profile};
use klp_host::vm;

use crate::checkout;
use crate::compare;
use crate::report;

#[derive(Args, Debug)]
pub(super) struct CompareArgs {
    /// The kernels' architecture.
    #[arg(long, value_enum, default_value_t = Arch::default())]
    arch: Arch,
    /// The kernels' configuration.
    #[arg(long, value_enum, default_value_t = Profile::Base)]
    profile: Profile,
    /// Build both from this source instead of stock's: a kernel source tree, or one of Debian's kernels.
    #[arg(long, value_name = "SOURCE")]
    source: Option<Origin>,
    /// Write the transcript of each core into this folder: c.txt and rust.txt.
    #[arg(long, value_name = "DIR")]
    keep: Option<PathBuf>,
}

impl CompareArgs {
    pub(super) fn run(self) -> Result<ExitCode> {
        let options = Options {
            arch: self.arch,
            source: self.source.unwrap_or_default(),
            ..checkout::kernel_options()
        };
        kernel::needs(Core::C, self.profile, &options)?
            .and(kernel::needs(Core::Rust, self.profile, &options)?)
            .and(vm::needs_for(self.arch))
            .get()?;
        let c = kernel::get(Core::C, self.profile, &options)?;
        let rust = kernel::get(Core::Rust, self.profile, &options)?;
        let tally = compare::run(&c, &rust, self.keep.as_deref())?;
        Ok(report::finish(tally))
    }
}
