// SPDX-License-Identifier: GPL-2.0-only

//! Loads and unloads modules.

use std::ffi::CString;
use std::fs::File;
use std::io::Write as _;
use std::process::Command;

use rustix::fs::{MemfdFlags, SealFlags, fcntl_add_seals, memfd_create};
use rustix::io::Errno;

use super::{Kernel, read};

impl Kernel {
    /// Whether a module of that name is loaded or built in.
    pub fn has_module(&self, name: &str) -> bool {
        self.path("sys/module").join(name).is_dir()
    }

    /// The reference count of a module, if it is loaded.
    pub fn module_references(&self, name: &str) -> Option<u32> {
        let path = self.path("sys/module").join(name).join("refcnt");
        read(&path).ok().flatten()?.parse().ok()
    }
}

impl Kernel {
    /// Loads the modules that a patch needs with `modprobe`. Failures are ignored: [`crate::precheck`] reports
    /// missing modules with a better message.
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

/// Loads a module; returns after its init function.
///
/// The kernel gets the checked bytes, in a sealed memfd: the original file can change at any time. With `finit_module`
/// rather than `init_module`, IMA measures these bytes, and its appraisal accepts an appended signature
/// (`appraise_type=imasig|modsig`). Attributes of the file (`security.ima`, the file system for LoadPin and IPE) are
/// lost, as in each copy that klpctl installs.
///
/// # Errors
///
/// The kernel's errno.
pub fn load(module: &[u8]) -> Result<(), Errno> {
    rustix::system::finit_module(sealed(module)?, c"", 0)
}

/// Creates a sealed memfd with these contents.
fn sealed(contents: &[u8]) -> Result<File, Errno> {
    let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
    let name = c"module";
    // `vm.memfd_noexec` can require a flag that kernels before 6.3 do not have.
    let fd = match memfd_create(name, flags | MemfdFlags::NOEXEC_SEAL) {
        Err(Errno::INVAL) => memfd_create(name, flags)?,
        created => created?,
    };
    let mut file = File::from(fd);
    file.write_all(contents)
        .map_err(|error| Errno::from_io_error(&error).unwrap_or(Errno::IO))?;
    let seals = SealFlags::WRITE | SealFlags::GROW | SealFlags::SHRINK | SealFlags::SEAL;
    fcntl_add_seals(&file, seals)?;
    Ok(file)
}

/// Unloads a module without waiting for its users.
///
/// # Errors
///
/// The kernel's errno; `EINVAL` for an invalid name.
pub fn unload(name: &str) -> Result<(), Errno> {
    let name = CString::new(name).map_err(|_| Errno::INVAL)?;
    rustix::system::delete_module(&name, libc::O_NONBLOCK)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Read as _, Seek as _};

    #[test]
    fn the_memfd_is_sealed() {
        let mut file = sealed(b"module").expect("created");
        let write = |file: &mut File| file.write_all(b"x").expect_err("sealed");
        assert_eq!(Errno::from_io_error(&write(&mut file)), Some(Errno::PERM));
        file.rewind().expect("a file in memory");
        assert_eq!(Errno::from_io_error(&write(&mut file)), Some(Errno::PERM));
        file.set_len(1).expect_err("sealed");
        let mut contents = Vec::new();
        file.read_to_end(&mut contents).expect("readable");
        assert_eq!(contents, b"module");
    }
}
