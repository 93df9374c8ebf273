// SPDX-License-Identifier: GPL-2.0-only

//! Starts the QEMU process with its files and ports, and reports its errors.

use std::fs::File;
use std::io::{self, Read as _, Seek as _};
use std::os::fd::{AsRawFd as _, OwnedFd, RawFd};
use std::os::unix::net::UnixStream;
use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::process::{Command, ExitStatus, Stdio};

use anyhow::{Context as _, Result};

use super::accel::Accel;
use super::confine;
use super::console_log;
use super::disk::{Disk, OpenDisk};
use super::installation::Installation;
use super::pvh;
use super::qemu::{self, Qemu};
use super::spec::Spec;
use super::user::{self, User};
use crate::host::process::{self, Group};

/// The maximal number of QEMU's message lines in an error.
const SHOWN: usize = 20;

/// The host's ends of the guest's serial ports.
#[derive(Debug)]
pub(super) struct Ports {
    /// The kernel's console.
    pub(super) console: UnixStream,
    /// The output of the command.
    pub(super) output: UnixStream,
    /// The messages of the guest's init.
    pub(super) verdict: UnixStream,
}

/// A running QEMU. Dropping it kills the process.
#[derive(Debug)]
pub(super) struct Machine {
    group: Group,
    stderr: File,
}

impl Machine {
    /// Starts QEMU.
    pub(super) fn start(
        qemu: &Qemu,
        spec: &Spec,
        accel: Accel,
        initramfs: &OwnedFd,
    ) -> Result<(Self, Ports)> {
        let user = match accel {
            Accel::Kvm => user::for_kvm(qemu.user)?,
            _ => qemu.user,
        };
        let installation = match user {
            Some(_) => Installation::for_others(&qemu.program)?,
            None => Installation::plain(&qemu.program),
        };
        // Firmware cannot boot a decompressed kernel.
        let kernel = match spec.decompressed && accel.emulates() && spec.firmware.is_none() {
            true => pvh::decompressed_kernel(&spec.image)?,
            false => None,
        };
        // A copy in memory: QEMU's user may not be able to read the file.
        let kernel = kernel.map_or_else(|| in_memory(&spec.image), Ok)?;
        let mut launch = Launch::new(&installation);
        if qemu.has_sandbox {
            launch.command.args(["-sandbox", qemu::SANDBOX]);
        }
        launch.command.args(qemu::arguments(qemu.arch, spec, accel));
        launch.file("-kernel", &kernel);
        launch.file("-initrd", initramfs);
        // Kept open until QEMU has reopened it.
        let disk = spec.disk.as_ref().map(Disk::open).transpose()?;
        if let Some(disk) = &disk {
            launch.disk(disk);
        }
        let firmware = spec
            .firmware
            .as_ref()
            .map(|it| anyhow::Ok([in_memory(&it.code)?, in_memory(&it.variables)?]));
        let firmware = firmware.transpose()?;
        if let Some([code, variables]) = &firmware {
            launch.firmware(code, variables)?;
        }
        let ports = Ports {
            console: launch.port("console")?,
            output: launch.port("output")?,
            verdict: launch.port("verdict")?,
        };
        launch.command.args(qemu.arch.facts().machine.ports);
        Ok((launch.start(qemu, user)?, ports))
    }

    /// Kills QEMU and its children: `$KLP_QEMU` can be a script.
    pub(super) fn kill(&self) {
        self.group.kill();
    }

    /// Waits until QEMU has ended.
    pub(super) fn wait(&mut self) -> Result<ExitStatus> {
        self.group.wait()
    }

    /// Returns the reason of a failure, with QEMU's messages.
    pub(super) fn explain(&mut self, status: ExitStatus) -> String {
        let messages = self.messages();
        if status.signal() == Some(libc::SIGXFSZ) {
            let limit = confine::FILE_LIMIT >> 20;
            return format!("QEMU wrote more than {limit} MiB of messages: {messages}");
        }
        format!("QEMU failed ({status}): {messages}")
    }

    /// Returns the first lines of its standard error.
    fn messages(&mut self) -> String {
        let mut text = Vec::new();
        let read = self.stderr.rewind().and_then(|()| {
            let mut some = (&self.stderr).take(confine::FILE_LIMIT);
            some.read_to_end(&mut text)
        });
        if let Err(err) = read {
            return format!("(its messages cannot be read: {err})");
        }
        let text = String::from_utf8_lossy(&text);
        let mut lines: Vec<_> = text.trim().lines().map(console_log::printable).collect();
        if lines.len() > SHOWN {
            lines.truncate(SHOWN);
            lines.push("...".to_owned());
        }
        lines.join("\n")
    }
}

/// The command of a QEMU that is not yet started.
struct Launch {
    command: Command,
    /// The inherited descriptors.
    inherited: Vec<RawFd>,
    /// QEMU's ends of the serial ports.
    theirs: Vec<UnixStream>,
    /// The maximal size of files that it writes, in bytes.
    file_limit: u64,
}

impl Launch {
    fn new(installation: &Installation) -> Self {
        let mut command = process::isolated(&installation.program);
        command
            .args(&installation.arguments)
            .envs(installation.env.iter().map(|(name, value)| (name, value)))
            // QEMU's user may have no access to the current folder.
            .current_dir("/");
        Self {
            command,
            inherited: installation.inherited().into_iter().collect(),
            theirs: Vec::new(),
            file_limit: confine::FILE_LIMIT,
        }
    }

    /// Passes an open file as this option's value.
    fn file(&mut self, option: &str, file: &OwnedFd) {
        let fd = file.as_raw_fd();
        self.inherited.push(fd);
        self.command.args([option, &format!("/proc/self/fd/{fd}")]);
    }

    /// Adds a disk.
    fn disk(&mut self, disk: &OpenDisk) {
        let fd = disk.file.as_raw_fd();
        self.inherited.push(fd);
        self.file_limit = self.file_limit.max(disk.size);
        let drive = format!("file=/proc/self/fd/{fd},format=raw,if=none,id=disk");
        self.command
            .args(["-drive", &drive, "-device", "virtio-blk-pci,drive=disk"]);
    }

    /// Adds UEFI firmware.
    fn firmware(&mut self, code: &OwnedFd, variables: &OwnedFd) -> Result<()> {
        let parts = [(code, "on"), (variables, "off")];
        for (unit, (file, read_only)) in parts.into_iter().enumerate() {
            let fd = file.as_raw_fd();
            self.inherited.push(fd);
            let size = rustix::fs::fstat(file).context("cannot get the size of the firmware")?;
            let size = u64::try_from(size.st_size).unwrap_or_default();
            self.file_limit = self.file_limit.max(size);
            let drive = format!(
                "if=pflash,format=raw,unit={unit},readonly={read_only},file=/proc/self/fd/{fd}"
            );
            self.command.args(["-drive", &drive]);
        }
        Ok(())
    }

    /// Connects a serial port; returns the host's end.
    fn port(&mut self, name: &str) -> Result<UnixStream> {
        let (ours, theirs) =
            UnixStream::pair().context("cannot make a socket for the guest's serial port")?;
        ours.set_nonblocking(true)
            .context("cannot make the socket for the guest's serial port nonblocking")?;
        let fd = theirs.as_raw_fd();
        self.command
            .args(["-chardev", &format!("socket,id={name},fd={fd}")]);
        self.inherited.push(fd);
        self.theirs.push(theirs);
        Ok(ours)
    }

    /// Starts QEMU. Its ends of the ports are closed here, so that the streams end when QEMU does.
    fn start(mut self, qemu: &Qemu, user: Option<User>) -> Result<Machine> {
        let stderr =
            tempfile::tempfile().context("cannot make a temporary file for QEMU's messages")?;
        let theirs = stderr
            .try_clone()
            .context("cannot share a temporary file with QEMU")?;
        self.command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(theirs);
        if let Some(user) = user {
            user.apply(&mut self.command);
        }
        confine::confine(&mut self.command, self.inherited, self.file_limit);
        let group = Group::spawn(&mut self.command).with_context(|| match user {
            Some(user) => format!(
                "cannot start QEMU as user {}, who must be able to read and execute {}",
                user.uid,
                qemu.program.display()
            ),
            None => format!("cannot start {}", qemu.program.display()),
        })?;
        Ok(Machine { group, stderr })
    }
}

/// Copies a file into memory, readable for all users.
fn in_memory(path: &Path) -> Result<OwnedFd> {
    let memory = rustix::fs::memfd_create("image", rustix::fs::MemfdFlags::CLOEXEC)
        .context("cannot get memory for the kernel image")?;
    let mut copy = File::from(memory);
    File::open(path)
        .and_then(|mut file| io::copy(&mut file, &mut copy))
        .with_context(|| format!("cannot read {}", path.display()))?;
    Ok(copy.into())
}
