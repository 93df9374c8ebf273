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
use qemu::Qemu;
pub use report::{Outcome, Report};
pub use spec::{OUTPUT_LIMIT, Sink, Spec, Warnings};

use crate::arch::Arch;
use crate::cache::Cache;
use crate::host::progress::say;
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
    let arch = Arch::of_image(&spec.image)?;
    let cache = Cache::open()?;
    let qemu = find_qemu(arch, spec, &cache)?;
    let choice = accel_choice::choose(&qemu, spec, &cache)?;
    say(&format!(
        "booting {} ({}, QEMU {})",
        spec.image.display(),
        choice.accel.describe(),
        qemu.version.split(' ').next().unwrap_or_default()
    ));
    let mut report = boot::run_on(&qemu, choice.accel, spec, sink)?;
    choice.came_up(report.ready.is_some())?;
    if !matches!(report.outcome, Outcome::Exited(_)) {
        report.log = console_log::keep(&report.console, &cache.root().join("vm/logs"));
    }
    Ok(report)
}

/// Finds the system's QEMU, or a newer one if needed.
fn find_qemu(arch: Arch, spec: &Spec, cache: &Cache) -> Result<Qemu> {
    let qemu = Qemu::find(arch)?;
    if !spec.parallel || qemu.major >= accel::THREADS_FROM {
        return Ok(qemu);
    }
    let newer = qemu_backport::program(arch, cache).and_then(|program| Qemu::at(arch, program));
    newer.or_else(|err| {
        crate::host::process::check_interrupted()?;
        say(&format!(
            "note: emulated CPUs do not run in parallel, because no newer QEMU is available: {err:#}"
        ));
        Ok(qemu)
    })
}
