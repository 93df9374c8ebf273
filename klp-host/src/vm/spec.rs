// SPDX-License-Identifier: GPL-2.0-only

//! The specification of a run: what to boot, and the command.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::disk::Disk;
use super::firmware::Firmware;

/// The maximal output of a command that a caller can keep in memory, in bytes.
pub const OUTPUT_LIMIT: u64 = 64 << 20;

/// The kernel, the guest's resources and the command of a run.
#[derive(Clone, Debug)]
pub struct Spec {
    /// The kernel image for QEMU's `-kernel`.
    pub image: PathBuf,
    /// Boots an emulated guest without the image's decompressor if possible: faster, but without KASLR.
    pub decompressed: bool,
    /// Additional kernel parameters.
    pub kernel_parameters: Vec<String>,
    /// The number of CPUs.
    pub smp: u32,
    /// The memory in MiB.
    pub memory: u32,
    /// Whether to add memory if the copied files need it, instead of failing.
    pub grow: bool,
    /// Whether virtual time counts instructions: one nanosecond each, on one CPU, reproducible.
    pub icount: bool,
    /// Whether the CPUs run in parallel, even if another QEMU has to be fetched for that.
    pub parallel: bool,
    /// The time limit of the run.
    pub timeout: Duration,
    /// The factor for the time limits of booting, heartbeats and stopping.
    pub slowness: u32,
    /// Host files and folders to put into the guest: source, absolute guest path.
    pub copy: Vec<(PathBuf, PathBuf)>,
    /// A disk with a system that the guest boots to run the command. Without one, the guest has only the copied
    /// files and the programs of its userland.
    pub disk: Option<Disk>,
    /// UEFI firmware; without it, QEMU's BIOS.
    pub firmware: Option<Firmware>,
    /// klp-core's module, loaded before the command runs.
    pub core_module: Option<PathBuf>,
    /// The command line for bash in the guest.
    pub command: String,
    /// The accepted warnings of the kernel. Oopses and hangs always fail the run.
    pub accepted: Warnings,
    /// Whether to print the console on standard error.
    pub show_console: bool,
    /// The maximal output of the command, in bytes; more fails the run.
    pub output_limit: Option<u64>,
}

/// Warnings of the kernel (`WARNING: ...`).
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Warnings {
    /// Those in functions of these names.
    In(Vec<String>),
    /// All of them.
    All,
}

impl Warnings {
    /// All of them, or none.
    pub fn all_if(all: bool) -> Self {
        match all {
            true => Self::All,
            false => Self::default(),
        }
    }

    /// Whether this console line is one of them.
    pub(super) fn has(&self, line: &str) -> bool {
        match self {
            Self::In(functions) => functions
                .iter()
                .any(|it| line.contains(&format!(" {it}+0x"))),
            Self::All => true,
        }
    }
}

/// No warnings.
impl Default for Warnings {
    fn default() -> Self {
        Self::In(Vec::new())
    }
}

impl Spec {
    /// Returns the defaults: two CPUs, 1 GiB, ten minutes, [`OUTPUT_LIMIT`].
    pub fn new(image: &Path, command: impl Into<String>) -> Self {
        Self {
            image: image.to_owned(),
            decompressed: false,
            kernel_parameters: Vec::new(),
            smp: 2,
            memory: 1024,
            grow: false,
            icount: false,
            parallel: false,
            timeout: Duration::from_secs(600),
            slowness: 1,
            copy: Vec::new(),
            disk: None,
            firmware: None,
            core_module: None,
            command: command.into(),
            accepted: Warnings::default(),
            show_console: false,
            output_limit: Some(OUTPUT_LIMIT),
        }
    }
}

/// Receives the command's output: standard output and error, in the order of arrival.
pub type Sink<'a> = dyn FnMut(&[u8]) -> io::Result<()> + 'a;
