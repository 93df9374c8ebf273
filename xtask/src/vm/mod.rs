// SPDX-License-Identifier: GPL-2.0-only

//! Boots a kernel in QEMU with a small initramfs, runs one command in it,
//! and tells how it ended.

use std::path::PathBuf;
use std::time::Duration;

/// What to boot and what to run in it.
#[derive(Clone, Debug)]
pub struct Spec {
    /// The kernel image for QEMU's `-kernel`.
    pub image: PathBuf,
    /// Number of CPUs.
    pub smp: u32,
    /// Memory in MiB.
    pub memory: u32,
    /// Count instructions: one virtual nanosecond each, one CPU, repeatable.
    pub icount: bool,
    /// The longest the whole run may take.
    pub timeout: Duration,
    /// Host files and folders to put into the guest: source, absolute guest path.
    pub copy: Vec<(PathBuf, PathBuf)>,
    /// Command line for bash in the guest.
    pub command: String,
}

/// How a run ended.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Outcome {
    /// The command ran to its end with this exit status, and the kernel stayed sound.
    Exited(i32),
    /// The kernel went wrong, or the guest went silent: what, with the console's line if any.
    Broken(String),
}
