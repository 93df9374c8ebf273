// SPDX-License-Identifier: GPL-2.0-only

//! Parses and prints the names of livepatch symbols and livepatch relocation sections.
//!
//! The kernel parses them into fixed buffers, with separators (`kernel/livepatch/core.c`). Names that are made here
//! are parsed by it as intended.

pub use crate::limits::{NAME_MAX, OBJECT_MAX};

use crate::limits::SECTION_NAME_MAX;
use crate::text::Name;
use std::fmt;
use std::str::FromStr;

/// Whether the kernel can have a module of this name: 1 to [`OBJECT_MAX`] letters, digits and underscores. So it can be
/// a part of a path or of a script.
///
/// ```
/// use klp_elf::livepatch::is_module_name;
///
/// assert!(is_module_name("livepatch_fix_1"));
/// for name in ["", "fix-1", "..", "a/b", "a b", "$(a)", &"x".repeat(56)] {
///     assert!(!is_module_name(name));
/// }
/// ```
pub fn is_module_name(name: impl AsRef<[u8]>) -> bool {
    let name = name.as_ref();
    let is_word = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_';
    (1..=OBJECT_MAX).contains(&name.len()) && name.iter().all(is_word)
}

/// The prefix of livepatch symbols.
pub const SYMBOL_PREFIX: &str = ".klp.sym.";
/// The prefix of livepatch relocation sections.
pub const SECTION_PREFIX: &str = ".klp.rela.";

/// The name of a livepatch symbol, which refers to a symbol of the kernel or of a module:
/// `.klp.sym.OBJECT.NAME,SYMPOS`.
///
/// ```
/// use klp_elf::livepatch::SymbolName;
///
/// let symbol = SymbolName::new("vmlinux", "saved_command_line_len", 0)?;
/// assert_eq!(symbol.to_string(), ".klp.sym.vmlinux.saved_command_line_len,0");
/// assert_eq!(".klp.sym.vmlinux.saved_command_line_len,0".parse(), Ok(symbol));
/// # Ok::<(), klp_elf::livepatch::NameError>(())
/// ```
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct SymbolName {
    object: String,
    name: String,
    sympos: u32,
}

/// The name of a section of livepatch relocations: `.klp.rela.OBJECT.SECTION`.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct SectionName {
    object: String,
    section: String,
}

/// A name that the kernel would not parse as intended.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum NameError {
    /// Parts are missing.
    #[error("it is not `.klp.sym.OBJECT.NAME,SYMPOS`")]
    NotASymbol,
    /// Parts are missing.
    #[error("it is not `.klp.rela.OBJECT.SECTION`")]
    NotASection,
    /// The kernel names modules with underscores.
    #[error("no object is called `{object}`: the kernel writes it `{underscored}`")]
    Dash {
        /// The object.
        object: Name,
        /// The same with underscores.
        underscored: Name,
    },
    /// The object's name has a character that module names do not have.
    #[error(
        "no object is called `{object}`: it is `vmlinux`, or a module as /proc/modules names it, \
         of letters, digits and underscores"
    )]
    Object {
        /// The object.
        object: Name,
    },
    /// The object's name does not fit into the kernel's buffer.
    #[error("the object `{object}` has a name of more than {OBJECT_MAX} bytes")]
    LongObject {
        /// The object.
        object: Name,
    },
    /// The symbol's name has a character that the kernel would parse differently.
    #[error("no symbol is called `{name}`: give a name from /proc/kallsyms")]
    Name {
        /// The symbol.
        name: Name,
    },
    /// The symbol's name does not fit into the kernel's buffer.
    #[error("the symbol `{name}` has a name of more than {NAME_MAX} bytes")]
    LongName {
        /// The symbol.
        name: Name,
    },
    /// The relocated section's name is too long.
    #[error("the section's name has {length} bytes, and {SECTION_NAME_MAX} is the limit")]
    LongSection {
        /// Its length.
        length: usize,
    },
    /// The sympos is not a number.
    #[error(
        "the position `{sympos}` is no number: 0 stands for the only symbol of this name, 1 for \
         the first of several"
    )]
    Sympos {
        /// The text in its place.
        sympos: Name,
    },
}

impl SymbolName {
    /// Reads the name of a symbol in a file.
    #[cfg(any(feature = "code", feature = "link"))]
    pub(crate) fn parse(name: &[u8]) -> Result<Self, NameError> {
        match std::str::from_utf8(name) {
            Ok(name) => name.parse(),
            Err(_) => Err(NameError::NotASymbol),
        }
    }

    /// The symbol `name` of `object`, which is `vmlinux` or a module. `sympos` is 0 if the object
    /// has only one of that name, else its position among them, from 1.
    ///
    /// # Errors
    ///
    /// The kernel would parse the names differently.
    pub fn new(object: &str, name: &str, sympos: u32) -> Result<Self, NameError> {
        check_object(object)?;
        // The kernel reads the name up to the comma.
        if name.is_empty()
            || !name
                .bytes()
                .all(|byte| byte.is_ascii_graphic() && byte != b',')
        {
            return Err(NameError::Name { name: name.into() });
        }
        if name.len() > NAME_MAX {
            return Err(NameError::LongName { name: name.into() });
        }
        Ok(Self {
            object: object.to_owned(),
            name: name.to_owned(),
            sympos,
        })
    }

    /// `vmlinux`, or the module.
    pub fn object(&self) -> &str {
        &self.object
    }

    /// The symbol's name in the object's symbol table.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its position among the object's symbols of that name, from 1; 0 if it is the only one.
    pub fn sympos(&self) -> u32 {
        self.sympos
    }
}

impl fmt::Display for SymbolName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            object,
            name,
            sympos,
        } = self;
        write!(f, "{SYMBOL_PREFIX}{object}.{name},{sympos}")
    }
}

impl FromStr for SymbolName {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        let (object, rest) = text
            .strip_prefix(SYMBOL_PREFIX)
            .and_then(|rest| rest.split_once('.'))
            .ok_or(NameError::NotASymbol)?;
        let (name, sympos) = rest.split_once(',').ok_or(NameError::NotASymbol)?;
        let digits = !sympos.is_empty() && sympos.bytes().all(|byte| byte.is_ascii_digit());
        match sympos.parse() {
            Ok(number) if digits => Self::new(object, name, number),
            _ => Err(NameError::Sympos {
                sympos: sympos.into(),
            }),
        }
    }
}

impl SectionName {
    /// Reads the name of a section in a file.
    #[cfg(feature = "code")]
    pub(crate) fn parse(name: &[u8]) -> Result<Self, NameError> {
        match std::str::from_utf8(name) {
            Ok(name) => name.parse(),
            Err(_) => Err(NameError::NotASection),
        }
    }

    /// The relocations of `section` that refer to symbols of `object`.
    ///
    /// # Errors
    ///
    /// The kernel would parse the object's name differently, or the section's name is too
    /// long.
    pub fn new(object: &str, section: &str) -> Result<Self, NameError> {
        check_object(object)?;
        let length = section.len();
        if length > SECTION_NAME_MAX {
            return Err(NameError::LongSection { length });
        }
        Ok(Self {
            object: object.to_owned(),
            section: section.to_owned(),
        })
    }

    /// `vmlinux`, or the module.
    pub fn object(&self) -> &str {
        &self.object
    }

    /// The section that is relocated.
    pub fn section(&self) -> &str {
        &self.section
    }
}

/// The section's complete name follows the object's, so there are two dots, as with
/// `objtool`.
impl fmt::Display for SectionName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { object, section } = self;
        write!(f, "{SECTION_PREFIX}{object}.{section}")
    }
}

/// The kernel's documentation has names with one dot, `.klp.rela.ext4.text.ext4_attr_store`, so the
/// section may lack its dot.
impl FromStr for SectionName {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        text.strip_prefix(SECTION_PREFIX)
            .and_then(|rest| rest.split_once('.'))
            .ok_or(NameError::NotASection)
            .and_then(|(object, section)| Self::new(object, section))
    }
}

/// Checks an object's name. The kernel reads it up to the first dot, and compares it with names that have
/// underscores only.
fn check_object(object: &str) -> Result<(), NameError> {
    let name = || object.into();
    let known = |byte: u8| byte.is_ascii_alphanumeric() || b"_-".contains(&byte);
    if object.is_empty() || !object.bytes().all(known) {
        return Err(NameError::Object { object: name() });
    }
    if object.contains('-') {
        return Err(NameError::Dash {
            object: name(),
            underscored: object.replace('-', "_").as_str().into(),
        });
    }
    if object.len() > OBJECT_MAX {
        return Err(NameError::LongObject { object: name() });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_as_they_are_printed() {
        for (text, object, name, sympos) in [
            (".klp.sym.vmlinux.printk,0", "vmlinux", "printk", 0),
            (
                ".klp.sym.9p.can_modify.isra.3,12",
                "9p",
                "can_modify.isra.3",
                12,
            ),
        ] {
            let symbol = SymbolName::new(object, name, sympos).expect("a sound name");
            assert_eq!(symbol.to_string(), text);
            assert_eq!(text.parse(), Ok(symbol));
        }
        let section = SectionName::new("ext4", ".text.show").expect("a sound name");
        assert_eq!(section.to_string(), ".klp.rela.ext4..text.show");
        assert_eq!(section.to_string().parse(), Ok(section));
        let document: SectionName = ".klp.rela.ext4.text.show".parse().expect("a sound name");
        assert_eq!(
            (document.object(), document.section()),
            ("ext4", "text.show")
        );
    }

    #[test]
    fn longest_names() {
        let (object, name) = ("o".repeat(OBJECT_MAX), "n".repeat(NAME_MAX));
        assert!(SymbolName::new(&object, &name, u32::MAX).is_ok());
        assert!(matches!(
            SymbolName::new(&format!("{object}o"), &name, 0),
            Err(NameError::LongObject { .. })
        ));
        assert!(matches!(
            SymbolName::new(&object, &format!("{name}n"), 0),
            Err(NameError::LongName { .. })
        ));
    }

    #[test]
    fn invalid_names_are_reported() {
        for (text, words) in [
            (".klp.sym.vmlinux", "`.klp.sym.OBJECT.NAME,SYMPOS`"),
            (".klp.sym.vmlinux.printk", "`.klp.sym.OBJECT.NAME,SYMPOS`"),
            (".klp.symvmlinux.printk,0", "`.klp.sym.OBJECT.NAME,SYMPOS`"),
            (".klp.sym..printk,0", "`vmlinux`, or a module"),
            (".klp.sym.my module.printk,0", "`vmlinux`, or a module"),
            (".klp.sym.snd-hda.show,0", "writes it `snd_hda`"),
            (".klp.sym.vmlinux.,0", "a name from /proc/kallsyms"),
            (".klp.sym.vmlinux.pr intk,0", "a name from /proc/kallsyms"),
            (".klp.sym.vmlinux.printk,", "the position ``"),
            (".klp.sym.vmlinux.printk,+1", "the position `+1`"),
            (".klp.sym.vmlinux.printk,0,1", "the position `0,1`"),
            (
                ".klp.sym.vmlinux.printk,4294967296",
                "the position `4294967296`",
            ),
        ] {
            let error = text.parse::<SymbolName>().expect_err(text).to_string();
            assert!(error.contains(words), "{text}: {error}");
        }
        assert_eq!(
            ".klp.rela.vmlinux".parse::<SectionName>(),
            Err(NameError::NotASection)
        );
    }
}
