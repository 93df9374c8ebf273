// SPDX-License-Identifier: GPL-2.0-only

//! Boots a guest: builds its initramfs, starts QEMU, and monitors it until it ends.

use std::io::{self, BufWriter};
use std::os::fd::OwnedFd;
use std::path::Path;
use std::time::Instant;

use anyhow::{Context as _, Result, ensure};

use super::accel::Accel;
use super::initramfs::Tree;
use super::machine::Machine;
use super::qemu::Qemu;
use super::report::Report;
use super::spec::{Sink, Spec};
use super::userland::Userland;
use super::{monitor, programs};
use crate::arch::Arch;

/// The interval of the guest's heartbeat, in seconds.
const BEAT: u32 = 2;

/// The path of klp-core's module in the guest.
const CORE_MODULE: &str = "/klp/klp-core.ko";

/// The script that loads it.
const CORE_SCRIPT: &str = include_str!("core.sh");

/// The memory in MiB that a kernel needs in addition to its initramfs, which needs twice its size while it
/// is unpacked.
const KERNEL_MEMORY: u64 = 160;

/// Runs a specification with this QEMU and accelerator.
pub(super) fn run_on(
    qemu: &Qemu,
    accel: Accel,
    spec: &Spec,
    sink: &mut Sink<'_>,
) -> Result<Report> {
    let (spec, initramfs) = prepare(qemu.arch, spec)?;
    run_with(qemu, accel, &spec, &initramfs, sink)
}

/// Builds the initramfs. Returns it with the specification, which has the memory that it needs.
pub(super) fn prepare(arch: Arch, spec: &Spec) -> Result<(Spec, OwnedFd)> {
    let (initramfs, needed) = initramfs(arch, spec)?;
    let mut spec = spec.clone();
    if needed > spec.memory {
        ensure!(
            spec.grow,
            "{} MiB of memory are too little for the copied files: give the guest --memory {needed} or more",
            spec.memory
        );
        spec.memory = needed;
    }
    Ok((spec, initramfs))
}

/// As [`run_on`], with this initramfs.
pub(super) fn run_with(
    qemu: &Qemu,
    accel: Accel,
    spec: &Spec,
    initramfs: &OwnedFd,
    sink: &mut Sink<'_>,
) -> Result<Report> {
    let start = Instant::now();
    let (mut machine, ports) = Machine::start(qemu, spec, accel, initramfs)?;
    let seen = monitor::watch(&mut machine, ports, spec, sink)?;
    Ok(Report {
        outcome: seen.outcome,
        console: seen.console,
        ready: seen.ready,
        took: start.elapsed(),
        log: None,
    })
}

/// Builds the initramfs in memory, which needs no cleanup. Also returns the memory that the guest needs,
/// in MiB.
fn initramfs(arch: Arch, spec: &Spec) -> Result<(OwnedFd, u32)> {
    let mut tree = Tree::new();
    let userland = Userland::get(arch)?;
    programs::add(&mut tree, &userland)?;
    tree.text("/init", include_str!("init.sh"), 0o755)?;
    tree.text(
        "/etc/passwd",
        "root:x:0:0:root:/root:/usr/bin/bash\n",
        0o644,
    )?;
    tree.text("/etc/group", "root:x:0:\n", 0o644)?;
    let before = spec.core_module.as_ref().map_or("", |_| CORE_SCRIPT);
    let command = format!("{before}{}\n", spec.command);
    tree.text("/klp/command", command, 0o644)?;
    // A guest with instruction counting has no heartbeat, which would execute instructions.
    let beat = if spec.icount { 0 } else { BEAT };
    let [output, verdict] = arch.facts().machine.names;
    let settings = format!("BEAT={beat}\nOUTPUT=/dev/{output}\nVERDICT=/dev/{verdict}\n");
    tree.text("/klp/settings", settings, 0o644)?;
    if let Some(disk) = &spec.disk {
        disk.add(&mut tree)?;
    }
    let mut copied = Vec::new();
    if let Some(module) = &spec.core_module {
        tree.copy(Path::new(CORE_MODULE), module)?;
    }
    for (source, guest) in &spec.copy {
        copied.extend(tree.copy(guest, source)?);
    }
    userland.add_libraries(&mut tree, &copied)?;

    let memory = rustix::fs::memfd_create("initramfs", rustix::fs::MemfdFlags::CLOEXEC)
        .context("cannot get memory for the initramfs")?;
    let mut out = BufWriter::new(std::fs::File::from(memory));
    let size = tree.write(&mut out)?;
    let needed = KERNEL_MEMORY + ((2 * size) >> 20);
    let needed = u32::try_from(needed).context("the copied files are too large")?;
    let file = out
        .into_inner()
        .map_err(io::IntoInnerError::into_error)
        .context("cannot write the initramfs")?;
    Ok((file.into(), needed))
}
