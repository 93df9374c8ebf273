// SPDX-License-Identifier: GPL-2.0-only

//! Finds inlined copies of functions.
//!
//! A live patch redirects the entry of a function. Copies that the compiler inlined into callers
//! keep the old code. Only debug information (DWARF) has their positions. Reading it takes seconds for a whole
//! kernel, so `read` (feature `debug-info`) does that once, and writes an [`Index`]: a sorted text in which one
//! function is found without reading the rest, and without a DWARF reader.

#[cfg(feature = "debug-info")]
mod collect;
#[cfg(feature = "debug-info")]
mod dwarf;
mod index;
#[cfg(feature = "debug-info")]
mod paths;
#[cfg(feature = "debug-info")]
mod unit;

#[cfg(feature = "debug-info")]
pub use dwarf::{build_id, has_debug_info, read};
#[cfg(feature = "debug-info")]
pub use index::Found;
pub use index::{ENDING, Index, VARIABLE};

use crate::text::Shown;
use std::fmt;
use std::path::PathBuf;

/// A function as the source defines it. Several files may define static functions of one name.
#[derive(Clone, Debug, Default, Eq, Ord, PartialEq, PartialOrd)]
pub struct Definition {
    /// The file, relative to the top of the kernel's source tree if that is known.
    pub file: String,
    /// The line of its name, 0 if unknown.
    pub line: u32,
    /// The out-of-line copies: addresses, or offsets in a module's sections.
    pub entries: Vec<u64>,
    /// The functions that it was inlined into.
    pub callers: Vec<Caller>,
}

/// A function that holds a copy of another one.
#[derive(Clone, Debug, Default, Eq, Ord, PartialEq, PartialOrd)]
pub struct Caller {
    /// Its name.
    pub name: String,
    /// The file that defines it.
    pub file: String,
    /// The inlined call.
    pub site: Site,
    /// The inlined functions between, outermost first, each inlined into the one before.
    pub through: Vec<String>,
}

/// A line of the source.
#[derive(Clone, Debug, Default, Eq, Ord, PartialEq, PartialOrd)]
pub struct Site {
    /// The file.
    pub file: String,
    /// The line, from 1; 0 if unknown.
    pub line: u32,
}

impl Caller {
    /// Its name, for messages.
    pub fn shown(&self) -> Shown<'_> {
        Shown::new(self.name.as_bytes())
    }
}

impl fmt::Display for Site {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            0 => write!(f, "{}", Shown::new(self.file.as_bytes())),
            line => write!(f, "{}:{line}", Shown::new(self.file.as_bytes())),
        }
    }
}

impl fmt::Display for Caller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` ({}", self.shown(), self.site)?;
        for (number, name) in self.through.iter().enumerate() {
            f.write_str(if number == 0 { ", through " } else { ", " })?;
            write!(f, "`{}`", Shown::new(name.as_bytes()))?;
        }
        f.write_str(")")
    }
}

/// Debug information, or an index of it, that cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The file cannot be read.
    #[error("cannot read `{}`: {source}", Shown::path(path))]
    Read {
        /// The file.
        path: PathBuf,
        /// The system's error.
        source: std::io::Error,
    },
    /// It is not an ELF file, or a damaged one.
    #[error("`{}` is not a readable ELF file: {reason}", Shown::path(path))]
    Elf {
        /// The file.
        path: PathBuf,
        /// The reason.
        reason: String,
    },
    /// It has no debug information.
    #[error(
        "`{}` has no debug information (DWARF); give the vmlinux of a kernel that was built \
         with CONFIG_DEBUG_INFO, or the file that the distribution keeps it in",
        Shown::path(path)
    )]
    None {
        /// The file.
        path: PathBuf,
    },
    /// The debug information is elsewhere, or damaged.
    #[error(
        "the debug information of `{}` cannot be read: {reason}",
        Shown::path(path)
    )]
    Dwarf {
        /// The file.
        path: PathBuf,
        /// The reason.
        reason: String,
    },
    /// A file is not an index, or one of another version of klp.
    #[error(
        "`{}` is not a whole index of inlined functions; delete the file",
        Shown::path(path)
    )]
    Index {
        /// The file.
        path: PathBuf,
    },
}
