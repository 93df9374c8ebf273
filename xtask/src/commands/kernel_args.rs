// SPDX-License-Identifier: GPL-2.0-only

//! The arguments that name a kernel.

use anyhow::Result;
use clap::Args;
use klp_host::arch::Arch;
use klp_host::kernel::{Core, Kernel, Options, Origin, Profile};
use klp_host::tools::needs::Needs;

use crate::checkout;
use crate::guest_program;

/// Which kernel a command works with.
#[derive(Args, Clone, Debug)]
pub(super) struct KernelArgs {
    /// The kernel: `c` or `rust`, our small ones, by their livepatch core; or one of Debian's, as `cargo klp kernels` lists them.
    #[arg(long, value_name = "KERNEL", default_value_t = Core::STOCK)]
    pub(super) core: Core,
    /// What it is for.
    #[arg(long, value_enum, default_value_t = Arch::default())]
    pub(super) arch: Arch,
    /// How it is configured.
    #[arg(long, value_enum, default_value_t = Profile::Base)]
    pub(super) profile: Profile,
    /// What `c` or `rust` is built from, instead of stock's source: a kernel source tree, or one of Debian's kernels.
    #[arg(long, value_name = "SOURCE")]
    pub(super) source: Option<Origin>,
}

impl KernelArgs {
    /// The packages that getting it takes.
    pub(super) fn needs(&self) -> Result<Needs> {
        klp_host::kernel::needs(self.core, self.profile, &self.options(false))
    }

    /// The packages that getting it, and running our programs on it, takes.
    pub(super) fn vm_needs(&self) -> Result<Needs> {
        Ok(self.needs()?.and(guest_program::needs(self.arch)?))
    }

    /// The kernel, built first when necessary.
    pub(super) fn get(&self) -> Result<Kernel> {
        self.get_with(false)
    }

    pub(super) fn get_with(&self, update: bool) -> Result<Kernel> {
        klp_host::kernel::get(self.core, self.profile, &self.options(update))
    }

    pub(super) fn options(&self, update: bool) -> Options {
        Options {
            arch: self.arch,
            source: self.source.clone().unwrap_or_default(),
            update,
            ..checkout::kernel_options()
        }
    }
}
