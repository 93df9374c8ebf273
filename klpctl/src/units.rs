// SPDX-License-Identifier: GPL-2.0-only

//! What systemd says of klpctl's units.

use std::process::Command;

use crate::kernel::Kernel;

/// While it is active, an orderly shutdown ends trials.
pub const TRIAL: &str = "klpctl-trial.service";

/// Does systemd run without this unit? Where it does not run, somebody else does what units do.
pub fn is_inactive(kernel: &Kernel, unit: &str) -> bool {
    kernel.path("run/systemd/system").is_dir()
        && !Command::new("systemctl")
            .args(["is-active", "--quiet", unit])
            .status()
            .is_ok_and(|status| status.success())
}
