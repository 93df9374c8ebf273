// SPDX-License-Identifier: GPL-2.0-only

//! Identifies the builds of modules, loaded or in a file. They differ after a module was rebuilt or upgraded without
//! being reloaded; checks against the file do not apply to the loaded module then.

use std::fs;
use std::path::Path;

use anyhow::Result;
use klp_elf::{Module, Name, read_module};

use super::{Kernel, read};

/// The identity of a module's build, as far as known.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Identity {
    /// The build ID note: the linker's hash of the contents.
    build_id: Option<Vec<u8>>,
    /// The hash of its sources.
    srcversion: Option<String>,
}

impl Identity {
    /// Reads the identity of a module in a file.
    ///
    /// # Errors
    ///
    /// The file cannot be read, or is not a module.
    pub fn of_file(path: &Path) -> Result<Self, klp_elf::Error> {
        let data = read_module(path)?;
        let module = Module::parse(&data)?;
        let modinfo = module.modinfo()?;
        Ok(Self {
            build_id: module.build_id_note().map(<[u8]>::to_vec),
            srcversion: modinfo.value("srcversion").map(Name::escaped),
        })
    }

    /// The property that differs between two builds; `None` if none is known to.
    pub fn differs(&self, other: &Self) -> Option<&'static str> {
        let differ = |a: Option<&[u8]>, b: Option<&[u8]>| a.zip(b).is_some_and(|(a, b)| a != b);
        if differ(self.build_id.as_deref(), other.build_id.as_deref()) {
            return Some("build ID");
        }
        let [a, b] = [self, other].map(|it| it.srcversion.as_deref().map(str::as_bytes));
        differ(a, b).then_some("srcversion")
    }
}

impl Kernel {
    /// The identity of a loaded module; empty if it is not loaded or built in.
    ///
    /// # Errors
    ///
    /// sysfs cannot be read.
    pub fn loaded_identity(&self, module: &str) -> Result<Identity> {
        let dir = self.path("sys/module").join(module);
        Ok(Identity {
            build_id: fs::read(dir.join("notes/.note.gnu.build-id")).ok(),
            srcversion: read(&dir.join("srcversion"))?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn identity(build_id: Option<&[u8]>, srcversion: Option<&str>) -> Identity {
        Identity {
            build_id: build_id.map(<[u8]>::to_vec),
            srcversion: srcversion.map(str::to_owned),
        }
    }

    #[test]
    fn only_common_properties_are_compared() {
        let one = identity(Some(b"1"), Some("A"));
        assert_eq!(one.differs(&one), None);
        assert_eq!(one.differs(&identity(None, None)), None);
        assert_eq!(
            one.differs(&identity(Some(b"2"), Some("A"))),
            Some("build ID")
        );
        assert_eq!(one.differs(&identity(None, Some("B"))), Some("srcversion"));
        assert_eq!(one.differs(&identity(Some(b"1"), None)), None);
    }

    #[test]
    fn the_loaded_build_is_read_from_sysfs() {
        let dir = tempfile::tempdir().expect("a folder");
        let module = dir.path().join("sys/module/disk");
        fs::create_dir_all(module.join("notes")).expect("a folder");
        fs::write(module.join("notes/.note.gnu.build-id"), b"\x04note").expect("a file");
        fs::write(module.join("srcversion"), "ABC\n").expect("a file");
        let kernel = Kernel::at(dir.path());
        assert_eq!(
            kernel.loaded_identity("disk").expect("readable"),
            identity(Some(b"\x04note"), Some("ABC"))
        );
        assert_eq!(
            kernel.loaded_identity("other").expect("none"),
            Identity::default()
        );
    }
}
