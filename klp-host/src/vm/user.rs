// SPDX-License-Identifier: GPL-2.0-only

//! Chooses the user that QEMU runs as. For root, it is an unused user ID: a guest that compromises
//! QEMU then has neither root's privileges nor access to any user's files and processes.

use std::fs::{File, Metadata};
use std::os::unix::fs::MetadataExt as _;
use std::os::unix::process::CommandExt as _;
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use anyhow::{Context as _, Result, bail};

use crate::host::process;
use crate::host::progress::say;

/// The user and group ID. Debian reserves it without using it, and it is above the range of systemd's
/// dynamic users.
const UNPRIVILEGED: u32 = 65533;

/// KVM's device.
const KVM: &str = "/dev/kvm";

/// A user other than that of this process.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct User {
    pub(super) uid: u32,
    /// The only group.
    pub(super) gid: u32,
}

impl User {
    /// Makes a command run as this user.
    pub(super) fn apply(self, command: &mut Command) {
        command.uid(self.uid).gid(self.gid);
    }

    /// Returns the user, in the device's group if access requires that. Never uses root's group, which has access
    /// to other devices too.
    fn for_device(self, device: &Metadata) -> Option<Self> {
        let may = |bits: u32| device.mode() & bits == bits;
        if may(0o006) {
            return Some(self);
        }
        (may(0o060) && device.gid() != 0).then(|| Self {
            gid: device.gid(),
            ..self
        })
    }
}

/// Returns the user for QEMU; `None` for that of this process.
pub(super) fn for_qemu() -> Option<User> {
    static USER: OnceLock<Option<User>> = OnceLock::new();
    *USER.get_or_init(|| {
        if !rustix::process::geteuid().is_root() {
            return None;
        }
        let user = User {
            uid: UNPRIVILEGED,
            gid: UNPRIVILEGED,
        };
        match check(user) {
            Ok(()) => Some(user),
            // Root in a container may lack the capability.
            Err(error) => {
                say(&format!(
                    "note: QEMU runs as root, because this process cannot run programs as another user: \
                     {error:#}"
                ));
                None
            }
        }
    })
}

/// Checks that this process can run processes as this user and kill them.
fn check(user: User) -> Result<()> {
    let mut command = process::command("cat");
    user.apply(&mut command);
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .with_context(|| format!("cannot run a program as user {}", user.uid))?;
    let killed = child.kill();
    // If it was not killed, it ends with its input.
    drop(child.stdin.take());
    child.wait().context("cannot wait for a child")?;
    killed.with_context(|| format!("cannot kill a process of user {}", user.uid))
}

/// Returns the user for a QEMU with KVM, based on the one without.
///
/// # Errors
///
/// KVM's device cannot be used.
pub(super) fn for_kvm(user: Option<User>) -> Result<Option<User>> {
    let device = File::options()
        .read(true)
        .write(true)
        .open(KVM)
        .and_then(|device| device.metadata())
        .with_context(|| format!("cannot use {KVM}"))?;
    let Some(user) = user else { return Ok(None) };
    match user.for_device(&device) {
        Some(user) => Ok(Some(user)),
        None => bail!(
            "only root may use {KVM}, and QEMU does not run as root. To give it to a group: \
             chgrp kvm {KVM} && chmod 660 {KVM}"
        ),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::{PermissionsExt as _, chown};

    use super::*;

    const USER: User = User { uid: 1, gid: 2 };

    #[test]
    fn device_access_may_require_its_group() {
        let file = tempfile::NamedTempFile::new().expect("a file");
        let device = |mode| {
            let permissions = fs::Permissions::from_mode(mode);
            file.as_file().set_permissions(permissions).expect("a mode");
            USER.for_device(&file.as_file().metadata().expect("data"))
        };
        assert_eq!(device(0o666), Some(USER));
        assert_eq!(device(0o600), None);
        assert_eq!(device(0o640), None);
        assert_eq!(device(0o604), None);
        let gid = file.as_file().metadata().expect("data").gid();
        let member = (gid != 0).then_some(User { gid, ..USER });
        assert_eq!(device(0o660), member, "not as root's group");
        if rustix::process::geteuid().is_root() {
            chown(file.path(), None, Some(77)).expect("a group");
            assert_eq!(device(0o660), Some(User { gid: 77, ..USER }));
        }
    }

    #[test]
    fn only_root_runs_qemu_as_another_user() {
        let is_root = rustix::process::geteuid().is_root();
        let user = for_qemu();
        assert!(is_root || user.is_none());
        assert!(user.is_none_or(|user| user.uid != 0 && user.gid != 0));
    }
}
