// SPDX-License-Identifier: GPL-2.0-only

//! What a module is checked against: a kernel, and what its build wrote down.

use crate::kernel::Exports;
use crate::{Error, Kernel, file};
use std::path::Path;

/// No release is longer.
const RELEASE_MAX: u64 = 4096;

/// What a module is checked against. What is not known is not checked.
#[derive(Default)]
pub struct Against<'kernel> {
    pub(super) kernel: Option<&'kernel Kernel>,
    pub(super) exports: Option<Exports>,
    /// The kernel's release, or its whole version magic.
    pub(super) vermagic: Option<String>,
}

impl<'kernel> Against<'kernel> {
    /// Nothing: only what the module alone tells is checked.
    pub fn nothing() -> Self {
        Self::default()
    }

    /// A kernel, and what lies beside its vmlinux when that stands in its build folder.
    ///
    /// # Errors
    ///
    /// When a file there cannot be read.
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

    /// The same, with what a kernel's build folder tells besides: its release, what it exports.
    ///
    /// # Errors
    ///
    /// When a file there cannot be read.
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

    /// The same, with the kernel's release where that is not known by other ways.
    #[must_use]
    pub fn release(mut self, release: &str) -> Self {
        let release = || release.trim().to_owned();
        self.vermagic = Some(self.vermagic.unwrap_or_else(release));
        self
    }
}
