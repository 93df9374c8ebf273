// SPDX-License-Identifier: GPL-2.0-only

//! What a kernel exports to modules, as its build's `Module.symvers` lists it.

use crate::Error;
use crate::kernel::VMLINUX;
use std::collections::HashMap;
use std::path::Path;

/// A symbol that the kernel itself exports.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Export {
    /// The namespace that a module has to import before it may use it; mostly there is none.
    pub namespace: Option<String>,
}

/// All of them, by name.
pub(crate) struct Exports(HashMap<String, Export>);

impl Exports {
    /// Reads the file. What modules export is left out.
    pub(crate) fn open(path: &Path) -> Result<Self, Error> {
        let text = std::fs::read_to_string(path).map_err(|source| Error::Read {
            path: path.to_owned(),
            source,
        })?;
        let mut exports = HashMap::new();
        for (number, line) in (1..).zip(text.lines()) {
            let (module, name, export) = parse(line).ok_or_else(|| Error::Symvers {
                path: path.to_owned(),
                line: number,
            })?;
            if module == VMLINUX {
                exports.insert(name.to_owned(), export);
            }
        }
        Ok(Self(exports))
    }

    pub(crate) fn get(&self, name: &str) -> Option<&Export> {
        self.0.get(name)
    }
}

/// Who exports what, and how.
fn parse(line: &str) -> Option<(&str, &str, Export)> {
    let mut words = line.split('\t');
    let (_crc, name, module, _type) = (words.next()?, words.next()?, words.next()?, words.next()?);
    let namespace = words.next().filter(|namespace| !namespace.is_empty());
    let export = Export {
        namespace: namespace.map(str::to_owned),
    };
    Some((module, name, export))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_kernel_itself_exports_counts() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("Module.symvers");
        let text = "0x00000000\tkfree\tvmlinux\tEXPORT_SYMBOL\t\n\
                    0x12345678\tinner\tvmlinux\tEXPORT_SYMBOL_GPL\tCRYPTO_INTERNAL\n\
                    0x12345678\tother\tfs/ext4/ext4\tEXPORT_SYMBOL_GPL\t\n";
        std::fs::write(&path, text).expect("written");
        let exports = Exports::open(&path).expect("readable");
        let namespace = |name| exports.get(name).map(|export| export.namespace.as_deref());
        assert_eq!(namespace("kfree"), Some(None));
        assert_eq!(namespace("inner"), Some(Some("CRYPTO_INTERNAL")));
        assert_eq!(namespace("other"), None);
    }

    #[test]
    fn another_file_is_told() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("Module.symvers");
        std::fs::write(&path, "0x0\tkfree\tvmlinux\tEXPORT_SYMBOL\nnothing\n").expect("written");
        let error = Exports::open(&path).err().expect("an error").to_string();
        assert!(error.contains("line 2"), "{error}");
    }
}
