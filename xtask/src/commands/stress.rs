// SPDX-License-Identifier: GPL-2.0-only

//! `cargo xtask stress`: loads and unloads a live patch while programs are started.

use std::process::ExitCode;

use anyhow::Result;
use clap::Args;

use super::kernel_args::KernelArgs;
use crate::bench;

#[derive(Args, Debug)]
pub(super) struct StressArgs {
    #[command(flatten)]
    kernel: KernelArgs,
    /// Load, disable and unload the patch this many times.
    #[arg(long, value_name = "N", default_value_t = 200,
          value_parser = clap::value_parser!(u32).range(1..))]
    cycles: u32,
}

impl StressArgs {
    pub(super) fn run(self) -> Result<ExitCode> {
        self.kernel.vm_needs()?.get()?;
        for figure in bench::stress(&self.kernel.get()?, self.cycles)? {
            println!("{figure}");
        }
        println!("{} cycles passed", self.cycles);
        Ok(ExitCode::SUCCESS)
    }
}
