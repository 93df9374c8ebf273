// SPDX-License-Identifier: GPL-2.0-only

//! The user that QEMU runs as. For root that is an unused number: a guest that takes
//! over its QEMU is then neither root nor a user with files or processes.

use std::fs::{File, Metadata};
use std::os::unix::fs::MetadataExt as _;
use std::os::unix::process::CommandExt as _;
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use anyhow::{Context as _, Result, bail};

use crate::host::process;
use crate::host::progress::say;

/// User and group. Debian reserves the number without using it, and systemd's dynamic
/// users end below it.
const UNPRIVILEGED: u32 = 65533;

/// KVM's device.
const KVM: &str = "/dev/kvm";

/// A user other than the one we are.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct User {
    pub(super) uid: u32,
    /// The only group.
    pub(super) gid: u32,
}

impl User {
    /// Lets a command run as this user.
    pub(super) fn apply(self, command: &mut Command) {
        command.uid(self.uid).gid(self.gid);
    }

    /// The same user in the group, if necessary, that may use this device. Root's group opens
    /// more than one device, so it does not count.
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

/// The user for QEMU: none when it runs as the one we are.
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
        match try_out(user) {
            Ok(()) => Some(user),
            // A container's root may not be able to.
            Err(error) => {
                say(&format!(
                    "note: QEMU runs as root, because no process can be run as another user here: \
                     {error:#}"
                ));
                None
            }
        }
    })
}

/// Whether processes can be run as this user, and be ended.
fn try_out(user: User) -> Result<()> {
    let mut command = process::command("cat");
    user.apply(&mut command);
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .with_context(|| format!("cannot run a program as user {}", user.uid))?;
    let killed = child.kill();
    // Without input it ends in any case.
    drop(child.stdin.take());
    child.wait().context("cannot wait for a child")?;
    killed.with_context(|| format!("cannot end a process of user {}", user.uid))
}

/// The user for a QEMU that uses KVM, given the one for any other.
///
/// # Errors
///
/// When it may not.
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
    fn a_device_is_used_as_others_or_as_its_group() {
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
    fn root_has_another_user_for_qemu_and_others_have_not() {
        let is_root = rustix::process::geteuid().is_root();
        let user = for_qemu();
        assert!(is_root || user.is_none());
        assert!(user.is_none_or(|user| user.uid != 0 && user.gid != 0));
    }
}
