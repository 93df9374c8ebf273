// SPDX-License-Identifier: GPL-2.0-only

//! Why a module cannot be linked.

use super::format::{SHN_LIVEPATCH, UNLINKED};
use super::names::NameError;
use crate::elf::Damage;
use crate::text::Name;

/// Why references to livepatch symbols cannot be linked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// It is no ELF file, or a damaged one.
    #[error("not a readable ELF file: {0}")]
    Elf(#[from] Damage),
    /// It is a damaged ELF file.
    #[error("a damaged ELF file: it has {0}")]
    Damaged(&'static str),
    /// It is an ELF file, but not a module.
    #[error(
        "not a kernel module: it is {found}, and a module is a relocatable file for {machines}; give \
         the .ko file that the module build made"
    )]
    NotAModule {
        /// The kind of file.
        found: String,
        /// What modules are for.
        machines: String,
    },
    /// Only live patches have livepatch symbols.
    #[error(
        "it refers to `{symbol}`, but is no live patch: its modinfo has no livepatch=Y; add \
         MODULE_INFO(livepatch, \"Y\")"
    )]
    NotAPatch {
        /// The first such symbol.
        symbol: Name,
    },
    /// The name of a livepatch symbol is invalid.
    #[error("the kernel cannot make anything of the name `{symbol}`: {reason}")]
    Name {
        /// The complete name.
        symbol: Name,
        /// The reason.
        reason: NameError,
    },
    /// The symbol is in the module.
    #[error(
        "the module defines `{symbol}` itself (section index {section:#x}), but this name stands \
         for something outside of it: declare it, and give it no value"
    )]
    Defined {
        /// The complete name.
        symbol: Name,
        /// Its section, which is neither undefined nor livepatch's.
        section: u16,
    },
    /// The relocation is of a kind that livepatch does not apply.
    #[error(
        "`{section}` at offset {offset:#x} refers to `{symbol}` by a relocation {kind}, which the \
         kernel does not apply; it knows {known}{hint}"
    )]
    Kind {
        /// The section that is relocated.
        section: Name,
        /// Where in it.
        offset: u64,
        /// The symbol.
        symbol: Name,
        /// Its name or its number.
        kind: String,
        /// The supported ones.
        known: &'static str,
        /// Why it may be there.
        hint: &'static str,
    },
    /// The section is not used any more, or was used already, when the module is there.
    #[error(
        "`{section}` at offset {offset:#x} refers to `{symbol}`, but the kernel uses this section \
         only while it loads the patch, and `{object}` may be loaded later: refer to it from \
         a function or from data that stays"
    )]
    LoadTime {
        /// The section that is relocated.
        section: Name,
        /// Where in it.
        offset: u64,
        /// The symbol.
        symbol: Name,
        /// The object of the symbol.
        object: Name,
    },
    /// The place that is relocated is not in its section.
    #[error("`{section}` has a relocation at offset {offset:#x}, which is past its end")]
    Outside {
        /// The section that is relocated.
        section: Name,
        /// Where it would be.
        offset: u64,
    },
    /// The place that is relocated is not empty.
    #[error(
        "`{section}` at offset {offset:#x} refers to `{symbol}` and holds something already, where \
         the kernel wants zeroes: something has written there after the compiler"
    )]
    NotZero {
        /// The section that is relocated.
        section: Name,
        /// Where in it.
        offset: u64,
        /// The symbol.
        symbol: Name,
    },
    /// Another tool has made livepatch relocations already.
    #[error(
        "it has livepatch relocations already (`{section}`), and references that are not linked; \
         start again from the file that the module build made"
    )]
    Half {
        /// One of these sections.
        section: Name,
    },
    /// The mark that it was not linked is not one.
    #[error("the section `{UNLINKED}` must hold bytes of value 1, or of value 0 once it is linked")]
    Unlinked,
    /// No module can have this name.
    #[error(
        "no module can be named `{name}`: a name has letters, digits and `_`, and is shorter than 56 characters"
    )]
    ModuleName {
        /// The name.
        name: String,
    },
    /// A signature covers the file as it is.
    #[error(
        "it is signed, and a change would make the signature void: link or rename it, then sign it"
    )]
    Signed,
    /// No kernel has so many symbols.
    #[error("it refers to more than {limit} livepatch symbols")]
    TooMany {
        /// The limit.
        limit: usize,
    },
    /// There are too many sections for ELF's ordinary numbers, and the kernel supports no others.
    #[error("it would have {count} sections, and the kernel takes fewer than {SHN_LORESERVE}")]
    Sections {
        /// How many.
        count: usize,
    },
}

/// Section indices from here on mean something else, as [`SHN_LIVEPATCH`] does.
pub(super) const SHN_LORESERVE: u16 = object::elf::SHN_LORESERVE;
const _: () = assert!(SHN_LIVEPATCH > SHN_LORESERVE);
