// SPDX-License-Identifier: GPL-2.0-only

//! A disk for the guest that persists between runs, for tests across reboots.
//! The guest boots the system on it, with systemd, which runs the command in a unit. Files
//! copied below `/klp` are below `/run/klp` there.

use std::fs::{File, OpenOptions, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;

use anyhow::{Context as _, Result};

use super::initramfs::Tree;

/// The modules for the disk and its file system, unless built in.
pub const MODULES: [&str; 3] = ["virtio_pci", "virtio_blk", "ext4"];

/// A disk.
#[derive(Clone, Debug)]
pub struct Disk {
    /// The image of an ext4 file system, which is written to. It is made writable for all users, because QEMU may run as
    /// another user. So it should be in a private folder.
    pub image: PathBuf,
    /// The modules that the kernel needs for it, in loading order: names and files of [`MODULES`], with
    /// dependencies.
    pub modules: Vec<(String, Vec<u8>)>,
}

/// An open disk, to be passed to QEMU.
#[derive(Debug)]
pub(super) struct OpenDisk {
    pub(super) file: File,
    pub(super) size: u64,
}

impl Disk {
    pub(super) fn open(&self) -> Result<OpenDisk> {
        let path = self.image.display();
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .open(&self.image)
            .with_context(|| format!("cannot open the disk {path}"))?;
        // QEMU reopens it through its descriptor.
        file.set_permissions(Permissions::from_mode(0o666))
            .with_context(|| format!("cannot let QEMU write to {path}"))?;
        let size = file.metadata()?.len();
        Ok(OpenDisk { file, size })
    }

    /// Adds the scripts and modules for the disk to the initramfs.
    pub(super) fn add(&self, tree: &mut Tree) -> Result<()> {
        tree.text("/klp/disk.sh", include_str!("disk.sh"), 0o755)?;
        tree.text("/klp/agent.sh", include_str!("agent.sh"), 0o755)?;
        for (number, (name, data)) in self.modules.iter().enumerate() {
            let path = format!("/klp/disk/{number:03}-{name}.ko");
            tree.text(&path, &data[..], 0o644)?;
        }
        Ok(())
    }
}
