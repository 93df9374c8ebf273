// SPDX-License-Identifier: GPL-2.0-only

//! Finds QEMU, and builds its command line.

use std::path::{Path, PathBuf};
use std::sync::Once;

use anyhow::{Context as _, Result};

use super::accel::Accel;
use super::spec::Spec;
use super::user::{self, User};
use crate::arch::Arch;
use crate::host::process;
use crate::host::programs;
use crate::host::progress::say;
use crate::tools::needs::Needs;
use crate::tools::packages;

/// The variable for another QEMU.
const VARIABLE: &str = "KLP_QEMU";

/// Returns the package of QEMU, unless the user named one.
pub(super) fn needs(arch: Arch) -> Needs {
    match users() {
        Some(_) => Needs::default(),
        None => Needs::of(&[arch.facts().machine.package]),
    }
}

/// The QEMU named by the user.
fn users() -> Option<PathBuf> {
    let path = std::env::var_os(VARIABLE).filter(|path| !path.is_empty());
    path.map(PathBuf::from)
}

/// The system calls that QEMU's seccomp filter denies.
pub(super) const SANDBOX: &str =
    "on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny";

/// A QEMU of the host.
#[derive(Clone, Debug)]
pub(super) struct Qemu {
    /// The emulated architecture.
    pub(super) arch: Arch,
    pub(super) program: PathBuf,
    /// The version that it prints: `7.2.22 (Debian 1:7.2+dfsg-7+deb12u18)`.
    pub(super) version: String,
    pub(super) major: u32,
    /// Whether it was built with seccomp.
    pub(super) has_sandbox: bool,
    /// The user it runs as, if not that of this process.
    pub(super) user: Option<User>,
}

impl Qemu {
    /// Finds it: `$KLP_QEMU`, else the one in the PATH.
    pub(super) fn find(arch: Arch) -> Result<Self> {
        let machine = &arch.facts().machine;
        match users() {
            Some(path) => Self::at(arch, users_program(path)?),
            None => {
                packages::ensure(&[machine.package])?;
                let program = programs::find(machine.program).with_context(|| {
                    format!("{} is missing: set {VARIABLE} to it", machine.program)
                })?;
                Self::at(arch, program)
            }
        }
    }

    /// Reads the properties of this program.
    pub(super) fn at(arch: Arch, program: PathBuf) -> Result<Self> {
        let version = |options: &[&str]| process::output(process::command(&program).args(options));
        // QEMU parses preceding options before it prints its version.
        let sandboxed = version(&["-sandbox", SANDBOX, "--version"]);
        let has_sandbox = sandboxed.is_ok();
        let text = sandboxed.or_else(|_| {
            process::check_interrupted()?;
            version(&["--version"])
        })?;
        let (version, major) = parse_version(&text).with_context(|| {
            format!(
                "{} prints no version of QEMU: {}",
                program.display(),
                text.trim()
            )
        })?;
        if !has_sandbox {
            note_missing_sandbox(&program);
        }
        Ok(Self {
            arch,
            program,
            version,
            major,
            has_sandbox,
            user: user::for_qemu(),
        })
    }
}

/// The program that `$KLP_QEMU` names, by its absolute path: it is run in another folder.
fn users_program(path: PathBuf) -> Result<PathBuf> {
    let name = path.to_str().filter(|name| !name.contains('/'));
    if let Some(found) = name.and_then(programs::find) {
        return Ok(found);
    }
    std::path::absolute(&path)
        .with_context(|| format!("KLP_QEMU is {}, which is not a path", path.display()))
}

/// Prints once that QEMU runs without seccomp.
fn note_missing_sandbox(program: &Path) {
    static NOTED: Once = Once::new();
    NOTED.call_once(|| {
        say(&format!(
            "note: {} was built without seccomp, so it runs without its filter of system calls",
            program.display()
        ));
    });
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

/// Returns the kernel's command line.
fn kernel_parameters(arch: Arch, spec: &Spec, accel: Accel) -> String {
    let mut words = arch.facts().machine.parameters.to_vec();
    words.extend([
        "loglevel=7",
        // A broken kernel restarts at once, which ends QEMU.
        "panic=-1",
        "oops=panic",
        "softlockup_panic=1",
        // A quarter of the boot of Debian's kernel, when emulated.
        "cryptomgr.notests=1",
    ]);
    if accel.emulates() {
        // QEMU translates code again at each new virtual address, so starting a program took five times as long with
        // its libraries at random addresses.
        words.push("norandmaps");
    }
    words.extend(spec.kernel_parameters.iter().map(String::as_str));
    words.join(" ")
}

/// Returns QEMU's arguments, without those for descriptors.
pub(super) fn arguments(arch: Arch, spec: &Spec, accel: Accel) -> Vec<String> {
    let machine = &arch.facts().machine;
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
        machine.name,
        "-cpu",
        accel.cpu(machine.cpu),
        "-smp",
    ]
    .map(str::to_owned)
    .into();
    words.push(smp.to_string());
    words.extend(["-m".into(), spec.memory.to_string()]);
    words.extend(accel.arguments().iter().map(|&word| word.to_owned()));
    words.extend(["-append".into(), kernel_parameters(arch, spec, accel)]);
    words
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
        let words = arguments(Arch::X86, &spec, Accel::Icount);
        assert_eq!(after(&words, "-smp"), "1");
        assert_eq!(after(&words, "-icount"), "shift=0,sleep=off");
        let spec = Spec {
            icount: false,
            smp: 4,
            ..spec
        };
        let words = arguments(Arch::X86, &spec, Accel::TcgSingle);
        assert_eq!(after(&words, "-smp"), "4");
        assert!(!words.contains(&"-icount".to_owned()));
    }

    #[test]
    fn more_kernel_parameters() {
        let spec = Spec {
            kernel_parameters: vec!["nokaslr".into()],
            ..spec()
        };
        for arch in Arch::ALL {
            let parameters = |accel| kernel_parameters(arch, &spec, accel);
            assert!(parameters(Accel::TcgSingle).ends_with(" norandmaps nokaslr"));
            assert!(!parameters(Accel::Kvm).contains("norandmaps"));
        }
    }
}
