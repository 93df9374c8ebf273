// SPDX-License-Identifier: GPL-2.0-only

//! Where in a module something is wrong.

use std::fmt;

/// Where in a module something is wrong.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
#[non_exhaustive]
pub enum Place {
    /// The module as a whole.
    Module,
    /// What it says of itself under this key.
    Modinfo(&'static str),
    /// A section.
    Section(String),
    /// An offset in a section.
    Offset(String, u64),
    /// A symbol.
    Symbol(String),
    /// A replacement.
    Function(String),
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
