// SPDX-License-Identifier: GPL-2.0-only

//! Gives another user access to QEMU's files in a private folder, such as a cache in a home folder.
//! QEMU inherits a descriptor of the program's folder, and its files are named relative to it.

use std::fs;
use std::os::fd::{AsRawFd as _, OwnedFd, RawFd};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use rustix::fs::{Mode, OFlags};

use crate::arch::Arch;

/// The possible folders of QEMU's firmware, relative to that of the program.
const FIRMWARE: [&str; 2] = ["../share/qemu", "../share/seabios"];

/// Returns the possible folders of QEMU's loadable modules, relative to that of the program.
fn modules() -> [String; 3] {
    let of_debian = format!("../lib/{}-linux-gnu/qemu", Arch::HOST.facts().gnu);
    [of_debian, "../lib64/qemu".into(), "../lib/qemu".into()]
}

/// A program, with the arguments and environment that locate its files.
#[derive(Debug)]
pub(super) struct Installation {
    pub(super) program: PathBuf,
    pub(super) arguments: Vec<PathBuf>,
    pub(super) env: Vec<(&'static str, PathBuf)>,
    /// The folder of the program, which the child inherits.
    folder: Option<OwnedFd>,
}

impl Installation {
    /// Returns a program for users with access to all of its files.
    pub(super) fn plain(program: &Path) -> Self {
        Self {
            program: program.to_owned(),
            arguments: Vec::new(),
            env: Vec::new(),
            folder: None,
        }
    }

    /// Returns a program for another user.
    pub(super) fn for_others(program: &Path) -> Result<Self> {
        let cannot = || format!("cannot find {}", program.display());
        let program = program.canonicalize().with_context(cannot)?;
        if is_open_to_all(&program) {
            return Ok(Self::plain(&program));
        }
        let (dir, name) = program
            .parent()
            .zip(program.file_name())
            .with_context(cannot)?;
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let folder = rustix::fs::open(dir, flags, Mode::empty()).with_context(cannot)?;
        let open = PathBuf::from(format!("/proc/self/fd/{}", folder.as_raw_fd()));
        let firmware = FIRMWARE.iter().filter(|place| dir.join(place).is_dir());
        let modules = modules().into_iter().find(|place| dir.join(place).is_dir());
        Ok(Self {
            program: open.join(name),
            arguments: firmware
                .flat_map(|place| [PathBuf::from("-L"), open.join(place)])
                .collect(),
            env: modules
                .map(|place| ("QEMU_MODULE_DIR", open.join(place)))
                .into_iter()
                .collect(),
            folder: Some(folder),
        })
    }

    /// Returns the descriptor that the child inherits.
    pub(super) fn inherited(&self) -> Option<RawFd> {
        self.folder.as_ref().map(|folder| folder.as_raw_fd())
    }
}

/// Whether every user can run this program.
fn is_open_to_all(program: &Path) -> bool {
    let has = |path: &Path, bits: u32| {
        fs::metadata(path).is_ok_and(|data| data.permissions().mode() & bits == bits)
    };
    has(program, 0o005) && program.ancestors().skip(1).all(|dir| has(dir, 0o001))
}

#[cfg(test)]
mod tests {
    use std::os::unix::process::CommandExt as _;
    use std::process::Command;

    use super::*;

    #[test]
    fn accessible_programs_are_run_by_path() {
        let shell = Installation::for_others(Path::new("/bin/sh")).expect("a shell");
        assert!(shell.inherited().is_none() && shell.arguments.is_empty());
        assert_eq!(
            shell.program,
            Path::new("/bin/sh").canonicalize().expect("sh")
        );
        assert!(Installation::for_others(Path::new("/none")).is_err());
    }

    #[test]
    fn a_program_in_a_private_folder_is_run_by_descriptor() {
        let private = tempfile::tempdir().expect("a folder");
        let mine = fs::Permissions::from_mode(0o700);
        fs::set_permissions(private.path(), mine).expect("a mode");
        let top = private.path().join("usr");
        for dir in ["bin", "share/qemu", "lib/qemu"] {
            fs::create_dir_all(top.join(dir)).expect("a folder");
        }
        fs::copy("/bin/cat", top.join("bin/cat")).expect("a program");
        fs::write(top.join("share/qemu/bios"), "firmware").expect("a file");
        let installation = Installation::for_others(&top.join("bin/cat")).expect("it is there");
        let fd = installation.inherited().expect("a folder");
        let folder = format!("/proc/self/fd/{fd}");
        let place = |place: &str| Path::new(&folder).join(place);
        assert_eq!(installation.program, place("cat"));
        assert_eq!(
            installation.arguments,
            [PathBuf::from("-L"), place("../share/qemu")]
        );
        assert_eq!(
            installation.env,
            [("QEMU_MODULE_DIR", place("../lib/qemu"))]
        );
        if !rustix::process::geteuid().is_root() {
            return;
        }
        let bios = place("../share/qemu/bios");
        let run = |program: &Path, file: &Path| {
            let mut command = Command::new(program);
            command.arg(file).uid(65533).gid(65533);
            crate::vm::confine::confine(&mut command, vec![fd], crate::vm::confine::FILE_LIMIT);
            command.output()
        };
        let output = run(&installation.program, &bios).expect("it runs");
        assert_eq!(output.stdout, b"firmware");
        let denied = run(&top.join("bin/cat"), &bios).expect_err("a private folder");
        assert_eq!(denied.kind(), std::io::ErrorKind::PermissionDenied);
    }
}
