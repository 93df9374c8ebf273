// SPDX-License-Identifier: GPL-2.0-only

//! A guest that is ready to start, with its QEMU, accelerator and initramfs.

use std::fmt;
use std::fs::{self, File};
use std::io::{self, Read as _};
use std::os::fd::{AsRawFd as _, OwnedFd};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use sha2::{Digest as _, Sha256};

use super::accel::{self, Accel};
use super::accel_choice::{self, Choice};
use super::boot;
use super::console_log;
use super::qemu::{self, Qemu};
use super::qemu_backport;
use super::report::{Outcome, Report};
use super::spec::{Sink, Spec};
use crate::arch::Arch;
use crate::cache::{Cache, Key};
use crate::host::process::check_interrupted;
use crate::host::progress::say;

/// A guest that is ready to start.
#[derive(Debug)]
pub struct Prepared {
    qemu: Qemu,
    choice: Choice,
    /// With the memory that the initramfs needs.
    spec: Spec,
    initramfs: OwnedFd,
    /// The folder for the consoles of failed runs.
    logs: PathBuf,
}

impl Prepared {
    /// Finds QEMU, chooses its accelerator, and builds the initramfs.
    ///
    /// # Errors
    ///
    /// The image is not a kernel, QEMU is missing, a file to copy cannot be read, or the copied files need more memory
    /// than the guest has.
    pub fn new(spec: &Spec) -> Result<Self> {
        let arch = Arch::of_image(&spec.image)?;
        let cache = Cache::open()?;
        let qemu = find_qemu(arch, spec, &cache)?;
        let choice = accel_choice::choose(&qemu, spec, &cache)?;
        let (spec, initramfs) = boot::prepare(arch, spec)?;
        Ok(Self {
            qemu,
            choice,
            spec,
            initramfs,
            logs: cache.root().join("vm/logs"),
        })
    }

    /// Boots it, runs the command, and passes its output to `sink`.
    ///
    /// # Errors
    ///
    /// The guest could not be run; the report has all that happened in it.
    pub fn run(self, sink: &mut Sink<'_>) -> Result<Report> {
        let Self { qemu, choice, .. } = &self;
        say(&format!(
            "booting {} ({}, QEMU {})",
            self.spec.image.display(),
            choice.accel.describe(),
            qemu.version.split(' ').next().unwrap_or_default()
        ));
        let mut report = boot::run_with(qemu, choice.accel, &self.spec, &self.initramfs, sink)?;
        choice.came_up(report.ready.is_some())?;
        if !matches!(report.outcome, Outcome::Exited(_)) {
            report.log = console_log::keep(&report.console, &self.logs);
        }
        Ok(report)
    }

    /// Hashes what the guest's behaviour depends on besides time and chance: the contents of the kernel image, of the
    /// initramfs and of QEMU's program, its version and arguments, with KVM also the processor and kernel of the host,
    /// and the limits and accepted warnings. `None` if the guest has a disk or firmware, which are not hashed.
    ///
    /// # Errors
    ///
    /// A file cannot be read.
    pub fn inputs(&self) -> Result<Option<Key>> {
        // All fields, so that a new one is not forgotten here.
        let Spec {
            image,
            decompressed,
            disk: None,
            firmware: None,
            timeout,
            slowness,
            accepted,
            output_limit,
            show_console: _,
            // In the arguments.
            kernel_parameters: _,
            smp: _,
            memory: _,
            grow: _,
            icount: _,
            parallel: _,
            // In the initramfs.
            copy: _,
            core_module: _,
            command: _,
        } = &self.spec
        else {
            return Ok(None);
        };
        // Opened anew, because the descriptor's position is at the end.
        let initramfs = format!("/proc/self/fd/{}", self.initramfs.as_raw_fd());
        let arguments = qemu::arguments(self.qemu.arch, &self.spec, self.choice.accel);
        let text = |value: &dyn fmt::Debug| format!("{value:?}");
        let host = match self.choice.accel {
            Accel::Kvm => host_of_guests(),
            _ => String::new(),
        };
        Ok(Some(
            Key::new()
                .with("image", hash_of(image)?)
                .with("initramfs", hash_of(Path::new(&initramfs))?)
                .with("qemu", &self.qemu.version)
                .with("program", hash_of(&self.qemu.program)?)
                .with("host", host)
                .with("arguments", text(&arguments))
                .with("decompressed", text(decompressed))
                .with("timeout", text(timeout))
                .with("slowness", text(slowness))
                .with("accepted", text(accepted))
                .with("output limit", text(output_limit)),
        ))
    }
}

/// Finds the system's QEMU, or a newer one if needed.
fn find_qemu(arch: Arch, spec: &Spec, cache: &Cache) -> Result<Qemu> {
    let qemu = Qemu::find(arch)?;
    if !spec.parallel || qemu.major >= accel::THREADS_FROM {
        return Ok(qemu);
    }
    let newer = qemu_backport::program(arch, cache).and_then(|program| Qemu::at(arch, program));
    newer.or_else(|err| {
        check_interrupted()?;
        say(&format!(
            "note: emulated CPUs do not run in parallel, because no newer QEMU is available: {err:#}"
        ));
        Ok(qemu)
    })
}

/// The processor and the kernel of this machine, which a guest sees with KVM.
fn host_of_guests() -> String {
    let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
    let processors = read("/proc/cpuinfo");
    let first = processors.split("\n\n").next().unwrap_or_default();
    let fixed = first.lines().filter(|line| !line.starts_with("cpu MHz"));
    fixed
        .chain([&*read("/proc/version")])
        .collect::<Vec<_>>()
        .join("\n")
}

/// The hash of a file's contents.
fn hash_of(path: &Path) -> Result<Vec<u8>> {
    let mut hash = Sha256::new();
    let mut read = || {
        let mut file = File::open(path)?;
        let mut chunk = vec![0; 1 << 16];
        loop {
            match file.read(&mut chunk)? {
                0 => return io::Result::Ok(()),
                length => hash.update(&chunk[..length]),
            }
        }
    };
    read().with_context(|| format!("cannot read {}", path.display()))?;
    Ok(hash.finalize().to_vec())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::disk::Disk;
    use super::super::spec::Warnings;
    use super::*;

    /// The inputs of a guest with these files.
    fn inputs_on(
        accel: Accel,
        qemu: &str,
        image: &str,
        initramfs: &str,
        change: impl FnOnce(&mut Spec),
    ) -> Option<String> {
        let dir = tempfile::tempdir().unwrap();
        let file = |name: &str, text: &str| {
            let path = dir.path().join(name);
            fs::write(&path, text).unwrap();
            path
        };
        let mut spec = Spec::new(&file("image", image), "true");
        change(&mut spec);
        let prepared = Prepared {
            qemu: Qemu {
                arch: Arch::default(),
                program: file("qemu", qemu),
                version: "0".into(),
                major: 0,
                has_sandbox: false,
                user: None,
            },
            choice: accel.into(),
            spec,
            initramfs: File::open(file("initramfs", initramfs)).unwrap().into(),
            logs: PathBuf::new(),
        };
        Some(prepared.inputs().unwrap()?.short())
    }

    fn inputs(image: &str, initramfs: &str, change: impl FnOnce(&mut Spec)) -> Option<String> {
        inputs_on(Accel::TcgSingle, "qemu", image, initramfs, change)
    }

    #[test]
    fn inputs_are_contents_and_not_paths() {
        let usual = inputs("kernel", "files", |_| {});
        assert!(usual.is_some());
        assert_eq!(usual, inputs("kernel", "files", |_| {}));
        let others = [
            inputs("Kernel", "files", |_| {}),
            inputs("kernel", "Files", |_| {}),
            inputs_on(Accel::TcgSingle, "rebuilt", "kernel", "files", |_| {}),
            inputs_on(Accel::Kvm, "qemu", "kernel", "files", |_| {}),
            inputs("kernel", "files", |spec| {
                spec.kernel_parameters.push("nosmp".into());
            }),
            inputs("kernel", "files", |spec| {
                spec.timeout += Duration::from_secs(1);
            }),
            inputs("kernel", "files", |spec| spec.accepted = Warnings::All),
        ];
        for other in others {
            assert!(other.is_some());
            assert_ne!(other, usual);
        }
    }

    #[test]
    fn disks_have_no_hash() {
        let disk = Disk {
            image: "/disk".into(),
            modules: Vec::new(),
        };
        assert_eq!(
            inputs("kernel", "files", |spec| spec.disk = Some(disk)),
            None
        );
    }
}
