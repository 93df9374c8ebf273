// SPDX-License-Identifier: GPL-2.0-only

//! The arguments that select a kernel.

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
    /// The kernel: `c` or `rust`, the small kernels with that livepatch core; or one of Debian's, as listed by `cargo klp kernels`.
    #[arg(long, value_name = "KERNEL", default_value_t = Core::STOCK)]
    pub(super) core: Core,
    /// The kernel's architecture.
    #[arg(long, value_enum, default_value_t = Arch::default())]
    pub(super) arch: Arch,
    /// The kernel's configuration.
    #[arg(long, value_enum, default_value_t = Profile::Base)]
    pub(super) profile: Profile,
    /// Build `c` or `rust` from this source instead of stock's: a kernel source tree, or one of Debian's kernels.
    #[arg(long, value_name = "SOURCE")]
    pub(super) source: Option<Origin>,
}

impl KernelArgs {
    /// The packages needed to get the kernel.
    pub(super) fn needs(&self) -> Result<Needs> {
        klp_host::kernel::needs(self.core, self.profile, &self.options(false))
    }

    /// The packages needed to get the kernel and to run the test programs on it.
    pub(super) fn vm_needs(&self) -> Result<Needs> {
        Ok(self.needs()?.and(guest_program::needs(self.arch)?))
    }

    /// Gets the kernel, built if necessary.
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
