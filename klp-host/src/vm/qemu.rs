// SPDX-License-Identifier: GPL-2.0-only

//! QEMU: which one, its command line, and its process.

use std::fs::File;
use std::io::{Read as _, Seek as _};
use std::os::fd::{AsRawFd as _, OwnedFd};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};

use anyhow::{Context as _, Result, bail};

use super::Spec;
use super::accel::Accel;
use super::child;
use crate::host::needs::Needs;
use crate::host::packages;
use crate::host::process::{self, Group};

/// The program's usual name.
pub(super) const PROGRAM: &str = "qemu-system-x86_64";

/// The Debian package that has it.
const PACKAGE: &str = "qemu-system-x86";

/// Names another QEMU.
const VARIABLE: &str = "KLP_QEMU";

/// The package that it needs.
pub(super) fn needs() -> Needs {
    match users() {
        Some(_) => Needs::default(),
        None => Needs::of(&[PACKAGE]),
    }
}

/// The one that the user names.
fn users() -> Option<PathBuf> {
    let path = std::env::var_os(VARIABLE).filter(|path| !path.is_empty());
    path.map(PathBuf::from)
}

/// A QEMU of the host.
#[derive(Clone, Debug)]
pub(super) struct Qemu {
    pub(super) program: PathBuf,
    /// Its version as it prints it: `7.2.22 (Debian 1:7.2+dfsg-7+deb12u18)`.
    pub(super) version: String,
    pub(super) major: u32,
}

impl Qemu {
    /// Finds it: `$KLP_QEMU`, else the one in the PATH.
    pub(super) fn find() -> Result<Self> {
        match users() {
            Some(path) => Self::at(path),
            None => {
                packages::ensure(&[PACKAGE])?;
                let program = packages::find(PROGRAM)
                    .with_context(|| format!("{PROGRAM} is missing: set {VARIABLE} to it"))?;
                Self::at(program)
            }
        }
    }

    /// This program.
    pub(super) fn at(program: PathBuf) -> Result<Self> {
        let text = process::output(process::command(&program).arg("--version"))?;
        let (version, major) = parse_version(&text).with_context(|| {
            format!(
                "{} does not say its version, but: {}",
                program.display(),
                text.trim()
            )
        })?;
        Ok(Self {
            program,
            version,
            major,
        })
    }
}

/// The version's text, and its first number.
fn parse_version(text: &str) -> Option<(String, u32)> {
    let line = text.lines().next()?;
    let version = line.strip_prefix("QEMU emulator version ")?.trim();
    let major = version
        .split(|c: char| !c.is_ascii_digit())
        .next()?
        .parse()
        .ok()?;
    Some((version.to_owned(), major))
}

/// The command line of the kernel.
fn kernel_parameters(spec: &Spec) -> String {
    let mut words = vec![
        "console=ttyS0",
        "8250.nr_uarts=4",
        "loglevel=7",
        // A broken kernel stops, at once, and QEMU with it.
        "panic=-1",
        "oops=panic",
        "softlockup_panic=1",
        // A quarter of the boot of Debian's kernel, when emulated.
        "cryptomgr.notests=1",
        // Restarts without help from firmware or ACPI.
        "reboot=t",
    ];
    words.extend(spec.kernel_parameters.iter().map(String::as_str));
    words.join(" ")
}

/// QEMU's arguments, except for what is passed as descriptors.
fn arguments(spec: &Spec, accel: Accel) -> Vec<String> {
    let smp = if spec.icount { 1 } else { spec.smp };
    let mut words: Vec<String> = [
        "-nodefaults",
        "-no-user-config",
        "-display",
        "none",
        "-monitor",
        "none",
        "-nic",
        "none",
        "-no-reboot",
        "-machine",
        "q35",
        "-cpu",
        accel.cpu(),
        "-smp",
    ]
    .map(str::to_owned)
    .into();
    words.push(smp.to_string());
    words.extend(["-m".into(), spec.memory.to_string()]);
    words.extend(accel.arguments().iter().map(|&word| word.to_owned()));
    words.extend(["-kernel".into(), spec.image.display().to_string()]);
    words.extend(["-append".into(), kernel_parameters(spec)]);
    words
}

/// Our ends of the guest's serial ports.
#[derive(Debug)]
pub(super) struct Ports {
    /// ttyS0: the kernel's console.
    pub(super) console: UnixStream,
    /// ttyS1: what the command prints.
    pub(super) output: UnixStream,
    /// ttyS2: what the guest's init says.
    pub(super) verdict: UnixStream,
}

/// A running QEMU. Dropping it ends the process.
#[derive(Debug)]
pub(super) struct Machine {
    group: Group,
    stderr: File,
}

impl Machine {
    /// Starts it.
    pub(super) fn start(
        qemu: &Qemu,
        spec: &Spec,
        accel: Accel,
        initramfs: &OwnedFd,
    ) -> Result<(Self, Ports)> {
        let mut command = process::command(&qemu.program);
        command.args(arguments(spec, accel));

        let mut inherited = vec![initramfs.as_raw_fd()];
        command.args([
            "-initrd",
            &format!("/proc/self/fd/{}", initramfs.as_raw_fd()),
        ]);
        let mut theirs = Vec::new();
        let mut port = |name: &str| -> Result<UnixStream> {
            let (ours, other) =
                UnixStream::pair().context("cannot make a socket for the guest's serial port")?;
            ours.set_nonblocking(true)
                .context("cannot read from the guest without waiting")?;
            let fd = other.as_raw_fd();
            command.args(["-chardev", &format!("socket,id={name},fd={fd}")]);
            command.args(["-serial", &format!("chardev:{name}")]);
            inherited.push(fd);
            theirs.push(other);
            Ok(ours)
        };
        let ports = Ports {
            console: port("console")?,
            output: port("output")?,
            verdict: port("verdict")?,
        };

        let stderr =
            tempfile::tempfile().context("cannot make a temporary file for QEMU's messages")?;
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(
            stderr
                .try_clone()
                .context("cannot share a temporary file with QEMU")?,
        );
        child::tie(&mut command, inherited);
        let group = Group::spawn(&mut command)?;
        // Only QEMU holds the other ends now, so that its end ends the streams.
        drop(theirs);
        Ok((Self { group, stderr }, ports))
    }

    /// Ends it now.
    pub(super) fn kill(&mut self) {
        // An error says that it has ended by itself.
        let _ = self.group.child().kill();
    }

    /// Waits for its end.
    pub(super) fn wait(&mut self) -> Result<ExitStatus> {
        self.group.wait()
    }

    /// What it wrote to its standard error.
    pub(super) fn messages(&mut self) -> String {
        let mut text = String::new();
        let read = self
            .stderr
            .rewind()
            .and_then(|()| self.stderr.read_to_string(&mut text));
        match read {
            Ok(_) => text.trim().to_owned(),
            Err(err) => format!("(its messages cannot be read: {err})"),
        }
    }
}

/// Makes sure that the image can be booted at all, for a better message than QEMU's.
pub(super) fn check_image(image: &Path) -> Result<()> {
    let mut head = [0; 0x206];
    File::open(image)
        .and_then(|mut file| file.read_exact(&mut head))
        .with_context(|| format!("cannot read the kernel image {}", image.display()))?;
    if head[0x202..] != *b"HdrS" {
        bail!(
            "{} is not a bootable x86 kernel image: give `arch/x86/boot/bzImage` or `vmlinuz`, not `vmlinux`",
            image.display()
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions() {
        let debian = "QEMU emulator version 7.2.22 (Debian 1:7.2+dfsg-7+deb12u18+b3)\nCopyright (c) 2003-2022 ...\n";
        assert_eq!(
            parse_version(debian),
            Some(("7.2.22 (Debian 1:7.2+dfsg-7+deb12u18+b3)".into(), 7))
        );
        assert_eq!(
            parse_version("QEMU emulator version 10.0.2\n"),
            Some(("10.0.2".into(), 10))
        );
        assert_eq!(parse_version("qemu-img version 7.2.22\n"), None);
        assert_eq!(parse_version(""), None);
    }

    fn spec() -> Spec {
        Spec::new(Path::new("/boot/image"), "true")
    }

    fn after<'a>(words: &'a [String], option: &str) -> &'a str {
        let at = words.iter().position(|word| word == option).expect(option);
        &words[at + 1]
    }

    #[test]
    fn counting_instructions_takes_one_cpu() {
        let spec = Spec {
            icount: true,
            smp: 4,
            ..spec()
        };
        let words = arguments(&spec, Accel::Icount);
        assert_eq!(after(&words, "-smp"), "1");
        assert_eq!(after(&words, "-icount"), "shift=0,sleep=off");
        let spec = Spec {
            icount: false,
            smp: 4,
            ..spec
        };
        let words = arguments(&spec, Accel::TcgSingle);
        assert_eq!(after(&words, "-smp"), "4");
        assert!(!words.contains(&"-icount".to_owned()));
    }

    #[test]
    fn more_kernel_parameters() {
        let spec = Spec {
            kernel_parameters: vec!["nokaslr".into()],
            ..spec()
        };
        assert!(kernel_parameters(&spec).ends_with(" nokaslr"));
    }

    #[test]
    fn what_is_no_image_is_refused() {
        let err = check_image(Path::new("/bin/sh"))
            .expect_err("no kernel")
            .to_string();
        assert!(err.contains("bzImage"), "{err}");
        let err = check_image(Path::new("/nonexistent")).expect_err("no file");
        assert!(format!("{err:#}").contains("/nonexistent"), "{err:#}");
    }
}
