// SPDX-License-Identifier: GPL-2.0-only

//! The exports of a kernel and its modules, from its build's `Module.symvers`.

use crate::Error;
use crate::file;
use crate::kernel::index::Index;
use crate::kernel::symbols::{VMLINUX, lines, too_many};
use crate::limits::{SYMBOLS_MAX, TEXT_MAX};
use std::path::Path;

/// A symbol that the kernel itself exports.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Export<'kernel> {
    /// Its version; 0 in a kernel without versions.
    pub version: u64,
    /// The exporting module.
    pub(crate) module: &'kernel str,
    /// The namespace that a user has to import, if any.
    pub namespace: Option<&'kernel str>,
}

/// The exports, by name.
pub(crate) struct Exports {
    text: Vec<u8>,
    /// The offsets of lines, by symbol name.
    lines: Index,
}

impl Exports {
    /// Reads the file.
    pub(crate) fn open(path: &Path) -> Result<Self, Error> {
        let text = file::read(path, TEXT_MAX)?;
        for (number, (_, line)) in (1..).zip(lines(&text)) {
            if number > SYMBOLS_MAX {
                return Err(too_many(path, SYMBOLS_MAX, "lines"));
            }
            parse(line).ok_or_else(|| Error::Symvers {
                path: path.to_owned(),
                line: number,
            })?;
        }
        let names =
            lines(&text).filter_map(|(start, line)| Some((start, parse(line)?.0.as_bytes())));
        let lines = Index::new(names);
        Ok(Self { lines, text })
    }

    /// How a symbol is exported, by the kernel or by a module.
    #[cfg(feature = "code")]
    pub(crate) fn get(&self, name: &str) -> Option<Export<'_>> {
        self.all(name).next()
    }

    /// How the kernel itself exports a symbol.
    pub(crate) fn of_kernel(&self, name: &str) -> Option<Export<'_>> {
        self.all(name).find(|export| export.module == VMLINUX)
    }

    fn all(&self, name: &str) -> impl Iterator<Item = Export<'_>> {
        let found = self.lines.find(name.as_bytes());
        let name = name.to_owned();
        found.filter_map(move |start| {
            let (_, line) = lines(self.text.get(start as usize..)?).next()?;
            let (found, export) = parse(line)?;
            (found == name).then_some(export)
        })
    }
}

/// Parses a line: the symbol and its export.
fn parse(line: &str) -> Option<(&str, Export<'_>)> {
    let mut words = line.split('\t');
    let version = words.next()?.trim_start_matches("0x");
    let (name, module, _kind) = (words.next()?, words.next()?, words.next()?);
    let export = Export {
        version: u64::from_str_radix(version, 16).ok()?,
        module,
        namespace: words.next().filter(|namespace| !namespace.is_empty()),
    };
    Some((name, export))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open(text: &str) -> Result<Exports, Error> {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("Module.symvers");
        std::fs::write(&path, text).expect("written");
        Exports::open(&path)
    }

    #[test]
    fn exports_of_vmlinux_and_modules_are_distinguished() {
        let text = "0x00000000\tkfree\tvmlinux\tEXPORT_SYMBOL\t\n\
                    0x12345678\tinner\tvmlinux\tEXPORT_SYMBOL_GPL\tCRYPTO_INTERNAL\n\
                    0x12345679\tother\tfs/ext4/ext4\tEXPORT_SYMBOL_GPL\t\n";
        let exports = open(text).expect("readable");
        let namespace = |name| exports.of_kernel(name).map(|export| export.namespace);
        assert_eq!(namespace("kfree"), Some(None));
        assert_eq!(namespace("inner"), Some(Some("CRYPTO_INTERNAL")));
        assert_eq!(namespace("other"), None);
        let other = exports.all("other").next().expect("a module exports it");
        assert_eq!(other.version, 0x1234_5679);
        assert_eq!(exports.all("none").next(), None);
    }

    #[test]
    fn another_format_is_reported() {
        let error = open("0x0\tkfree\tvmlinux\tEXPORT_SYMBOL\nnothing\n").err();
        let error = error.expect("an error").to_string();
        assert!(error.contains("line 2"), "{error}");
    }
}
