// SPDX-License-Identifier: GPL-2.0-only

//! Boots a kernel in QEMU with a small initramfs, runs one command,
//! and reports the result.

mod accel;
mod accel_choice;
mod boot;
mod confine;
mod console;
mod console_log;
pub mod copy;
pub mod disk;
mod elf_dependencies;
pub mod firmware;
mod init_channel;
mod initramfs;
mod installation;
mod libraries;
mod machine;
mod monitor;
mod prepared;
mod programs;
mod pvh;
mod qemu;
mod qemu_backport;
mod report;
mod spec;
pub mod sysroot;
pub mod system;
#[cfg(test)]
pub(crate) mod tests;
mod user;
mod userland;

use std::io::{self, Write as _};
use std::path::Path;

use anyhow::Result;

pub use console::Lines;
pub use monitor::CONSOLE_LIMIT;
pub use prepared::Prepared;
pub use report::{Outcome, Report};
pub use spec::{OUTPUT_LIMIT, Sink, Spec, Warnings};

use crate::arch::Arch;
use crate::tools::needs::Needs;

/// Returns the packages that a guest of the default architecture needs.
pub fn needs() -> Needs {
    needs_for(Arch::default())
}

/// Returns the packages that a guest of this architecture needs.
pub fn needs_for(arch: Arch) -> Needs {
    userland::needs(arch).and(qemu::needs(arch))
}

/// Returns the packages that a guest with this kernel image needs.
///
/// # Errors
///
/// The file is not a kernel image.
pub fn needs_of(image: &Path) -> Result<Needs> {
    Ok(needs_for(Arch::of_image(image)?))
}

/// Whether QEMU runs as root: in a container whose root cannot run programs as another user.
pub fn is_root() -> bool {
    rustix::process::geteuid().is_root() && user::for_qemu().is_none()
}

/// Runs it and prints the command's output, without a limit and without storing it.
///
/// # Errors
///
/// As [`run`].
pub fn run_shown(spec: &Spec) -> Result<Report> {
    let spec = Spec {
        output_limit: None,
        ..spec.clone()
    };
    let mut stdout = io::stdout().lock();
    run(&spec, &mut |bytes| {
        stdout.write_all(bytes)?;
        stdout.flush()
    })
}

/// Boots, runs the command, and passes its output to `sink`. An error means that
/// the guest could not be run; the report has all that happened in it.
pub fn run(spec: &Spec, sink: &mut Sink<'_>) -> Result<Report> {
    Prepared::new(spec)?.run(sink)
}
