// SPDX-License-Identifier: GPL-2.0-only

//! Loading and unloading modules.

use std::ffi::CString;
use std::fs::File;
use std::process::Command;

use rustix::io::Errno;

use super::{Kernel, read};

/// A module that can be loaded.
#[derive(Debug)]
pub enum Image {
    /// The kernel reads the file: security modules can look at it.
    File(File),
    /// The module was compressed, so the kernel gets what was unpacked.
    Unpacked(Vec<u8>),
}

impl Kernel {
    /// Is there a module of that name?
    pub fn has_module(&self, name: &str) -> bool {
        self.path("sys/module").join(name).is_dir()
    }

    /// How many references there are to a module, if it is loaded.
    pub fn module_references(&self, name: &str) -> Option<u32> {
        let path = self.path("sys/module").join(name).join("refcnt");
        read(&path).ok().flatten()?.parse().ok()
    }
}

impl Kernel {
    /// Loads the modules that a patch needs, with the kernel's own helper (`modprobe`). What cannot be loaded is
    /// missed later, with a better message.
    pub fn load_dependencies(&self, names: &[String]) {
        let missing = names.iter().filter(|name| !self.has_module(name));
        let Ok(Some(helper)) = read(&self.path("proc/sys/kernel/modprobe")) else {
            return;
        };
        for name in missing {
            let _ = Command::new(&helper).args(["-q", "--", name]).status();
        }
    }
}

/// Loads a module; returns when its init has.
///
/// # Errors
///
/// What the kernel answers.
pub fn load(image: &Image) -> Result<(), Errno> {
    match image {
        Image::File(file) => rustix::system::finit_module(file, c"", 0),
        Image::Unpacked(image) => rustix::system::init_module(image, c""),
    }
}

/// Unloads a module; does not wait for its users.
///
/// # Errors
///
/// What the kernel answers; `EINVAL` for a name that no module can have.
pub fn unload(name: &str) -> Result<(), Errno> {
    let name = CString::new(name).map_err(|_| Errno::INVAL)?;
    rustix::system::delete_module(&name, libc::O_NONBLOCK)
}
