// SPDX-License-Identifier: GPL-2.0-only

//! The build information of a kernel, and the location of its modules.

use super::Kernel;
use crate::limits::NAME_MAX;
use object::LittleEndian as LE;
use std::path::{Path, PathBuf};

/// The longest version magic.
const LONGEST: u64 = 256;

impl Kernel {
    /// The file of the kernel itself.
    pub(crate) fn vmlinux_path(&self) -> &Path {
        self.vmlinux.path()
    }

    /// The file of a module.
    pub(crate) fn module_path(&self, name: &str) -> Option<PathBuf> {
        self.modules().get(name)
    }

    /// The version magic that modules need. `None` if the kernel's file lacks it.
    pub(crate) fn vermagic(&self) -> Option<String> {
        let table = self.vmlinux.symbols().ok()?;
        let symbols = table.view();
        let mut all = symbols.all.iter();
        let symbol = all.find(|symbol| symbols.name(symbol) == b"vermagic")?;
        let size = symbol.st_size.get(LE).min(LONGEST);
        let data = self
            .vmlinux
            .at_address(symbol.st_value.get(LE), size)
            .ok()??;
        let text = crate::elf::string(&data, 0, NAME_MAX)?;
        Some(std::str::from_utf8(text).ok()?.to_owned())
    }
}
