// SPDX-License-Identifier: GPL-2.0-only

//! What a kernel's files say of its build, and where its modules are.

use super::Kernel;
use object::{Object as _, ObjectSection as _, ObjectSymbol as _};
use std::path::{Path, PathBuf};

/// The longest version magic that makes sense.
const LONGEST: u64 = 256;

impl Kernel {
    /// The file of the kernel itself.
    pub(crate) fn vmlinux_path(&self) -> &Path {
        self.vmlinux.path()
    }

    /// The file of a module.
    pub(crate) fn module_path(&self, name: &str) -> Option<PathBuf> {
        self.sources.module(name)
    }

    /// What the kernel wants modules to say they were built for. `None` when its file does not
    /// tell.
    pub(crate) fn vermagic(&self) -> Option<String> {
        if self.vmlinux.is_btf() {
            return None;
        }
        let file = self.vmlinux.elf().ok()?;
        let symbol = file.symbol_by_name("vermagic")?;
        let size = symbol.size().min(LONGEST);
        let mut sections = file.sections();
        let data =
            sections.find_map(|section| section.data_range(symbol.address(), size).ok()?)?;
        let end = data.iter().position(|&byte| byte == 0)?;
        Some(std::str::from_utf8(&data[..end]).ok()?.to_owned())
    }
}
