// SPDX-License-Identifier: GPL-2.0-only

//! `cargo xtask kselftest`: runs the kernel's livepatch selftests.

use std::process::ExitCode;

use anyhow::Result;
use clap::Args;

use super::kernel_args::KernelArgs;
use crate::kselftest;
use crate::report;

#[derive(Args, Debug)]
pub(super) struct KselftestArgs {
    #[command(flatten)]
    kernel: KernelArgs,
}

impl KselftestArgs {
    pub(super) fn run(self) -> Result<ExitCode> {
        self.kernel.vm_needs()?.get()?;
        let tally = kselftest::run(&self.kernel.get()?)?;
        Ok(report::finish(tally))
    }
}
