// SPDX-License-Identifier: GPL-2.0-only

//! Queries the state of klpctl's systemd units.

use std::process::Command;

use crate::kernel::Kernel;

/// The unit that ends trials at an orderly shutdown, while it is active.
pub const TRIAL: &str = "klpctl-trial.service";

/// Whether systemd runs and this unit is inactive. Without systemd, something else does the units' work.
pub fn is_inactive(kernel: &Kernel, unit: &str) -> bool {
    kernel.path("run/systemd/system").is_dir()
        && !Command::new("systemctl")
            .args(["is-active", "--quiet", unit])
            .status()
            .is_ok_and(|status| status.success())
}
