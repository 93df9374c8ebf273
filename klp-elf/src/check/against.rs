// SPDX-License-Identifier: GPL-2.0-only

//! The kernel that a module is checked against.

use crate::kernel::Exports;
use crate::{Error, Kernel, file};
use std::path::Path;

/// The longest release, in bytes.
const RELEASE_MAX: u64 = 4096;

/// The kernel that a module is checked against. Unknown properties are not checked.
#[derive(Default)]
pub struct Against<'kernel> {
    pub(super) kernel: Option<&'kernel Kernel>,
    pub(super) exports: Option<Exports>,
    /// The kernel's release, or its complete version magic.
    pub(super) vermagic: Option<String>,
}

impl<'kernel> Against<'kernel> {
    /// No kernel: only the module itself is checked.
    pub fn nothing() -> Self {
        Self::default()
    }

    /// A kernel, with the other files of its build folder if the vmlinux is in one.
    ///
    /// # Errors
    ///
    /// A file there cannot be read.
    pub fn kernel(kernel: &'kernel Kernel) -> Result<Self, Error> {
        let against = Self {
            kernel: Some(kernel),
            exports: None,
            vermagic: kernel.vermagic(),
        };
        match kernel.vmlinux_path().parent() {
            Some(folder) => against.build_folder(folder),
            None => Ok(against),
        }
    }

    /// Adds information of a kernel's build folder: release and exports.
    ///
    /// # Errors
    ///
    /// A file there cannot be read.
    pub fn build_folder(mut self, folder: &Path) -> Result<Self, Error> {
        let symvers = folder.join("Module.symvers");
        if self.exports.is_none() && symvers.exists() {
            self.exports = Some(Exports::open(&symvers)?);
        }
        if self.vermagic.is_none() {
            let release = file::read(&folder.join("include/config/kernel.release"), RELEASE_MAX);
            let release = release.ok().and_then(|text| String::from_utf8(text).ok());
            self.vermagic = release.map(|release| release.trim().to_owned());
        }
        Ok(self)
    }

    /// Adds the kernel's release, if it is unknown otherwise.
    #[must_use]
    pub fn release(mut self, release: &str) -> Self {
        let release = || release.trim().to_owned();
        self.vermagic = Some(self.vermagic.unwrap_or_else(release));
        self
    }
}
