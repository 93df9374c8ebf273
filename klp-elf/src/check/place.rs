// SPDX-License-Identifier: GPL-2.0-only

//! The position of a finding.

use crate::Module;
use crate::text::Name;
use std::fmt;

/// The position of a finding in a module.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
#[non_exhaustive]
pub enum Place {
    /// The module itself.
    Module,
    /// The modinfo of this key.
    Modinfo(&'static str),
    /// A section.
    Section(Name),
    /// An offset in a section.
    Offset(Name, u64),
    /// A symbol.
    Symbol(Name),
    /// A replacement.
    Function(Name),
}

impl Place {
    /// An offset in the section of that index.
    pub(super) fn offset(module: &Module<'_>, (section, offset): (usize, u64)) -> Self {
        Self::Offset(Name::new(module.elf.sections.name(section)), offset)
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Module => f.write_str("the module"),
            Self::Modinfo(key) => write!(f, "modinfo `{key}`"),
            Self::Section(name) => write!(f, "section `{name}`"),
            Self::Offset(name, offset) => write!(f, "section `{name}` at {offset:#x}"),
            Self::Symbol(name) => write!(f, "symbol `{name}`"),
            Self::Function(name) => write!(f, "function `{name}`"),
        }
    }
}
