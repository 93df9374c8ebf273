// SPDX-License-Identifier: GPL-2.0-only

//! Errors of linking a module.

use super::format::{SHN_LIVEPATCH, UNLINKED};
use super::names::NameError;
use crate::elf::Damage;
use crate::text::Name;

/// A module whose references to livepatch symbols cannot be linked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The data is not an ELF file, or a damaged one.
    #[error("not a readable ELF file: {0}")]
    Elf(#[from] Damage),
    /// The ELF file is damaged.
    #[error("a damaged ELF file: it has {0}")]
    Damaged(&'static str),
    /// The ELF file is not a module.
    #[error(
        "not a kernel module: it is {found}, and a module is a relocatable file for {machines}; give \
         the .ko file that the module build made"
    )]
    NotAModule {
        /// The kind of file.
        found: String,
        /// The supported machines.
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
    #[error("the kernel cannot parse the name `{symbol}`: {reason}")]
    Name {
        /// The complete name.
        symbol: Name,
        /// The reason.
        reason: NameError,
    },
    /// The module defines the symbol.
    #[error(
        "the module defines `{symbol}` itself (section index {section:#x}), but this name refers \
         to a symbol outside of it: only declare it, without a value"
    )]
    Defined {
        /// The complete name.
        symbol: Name,
        /// Its section, which is neither undefined nor livepatch's.
        section: u16,
    },
    /// The livepatch core does not apply relocations of this type.
    #[error(
        "`{section}` at offset {offset:#x} refers to `{symbol}` by a relocation {kind}, which the \
         kernel does not apply; it knows {known}{hint}"
    )]
    Kind {
        /// The section that is relocated.
        section: Name,
        /// The offset in the section.
        offset: u64,
        /// The symbol.
        symbol: Name,
        /// The type's name or number.
        kind: String,
        /// The supported types.
        known: &'static str,
        /// The possible cause.
        hint: &'static str,
    },
    /// The kernel has used or freed the section when the module is loaded.
    #[error(
        "`{section}` at offset {offset:#x} refers to `{symbol}`, but the kernel uses this section \
         only while it loads the patch, and `{object}` may be loaded later: refer to it from \
         a function or from data that stays"
    )]
    LoadTime {
        /// The section that is relocated.
        section: Name,
        /// The offset in the section.
        offset: u64,
        /// The symbol.
        symbol: Name,
        /// The object of the symbol.
        object: Name,
    },
    /// The relocated field is outside of its section.
    #[error("`{section}` has a relocation at offset {offset:#x}, which is past its end")]
    Outside {
        /// The section that is relocated.
        section: Name,
        /// The offset.
        offset: u64,
    },
    /// The relocated field is not zero.
    #[error(
        "`{section}` at offset {offset:#x} refers to `{symbol}` and holds something already, where \
         the kernel wants zeroes: something has written there after the compiler"
    )]
    NotZero {
        /// The section that is relocated.
        section: Name,
        /// The offset in the section.
        offset: u64,
        /// The symbol.
        symbol: Name,
    },
    /// Another tool has already made livepatch relocations.
    #[error(
        "it has livepatch relocations already (`{section}`), and references that are not linked; \
         start again from the file that the module build made"
    )]
    Half {
        /// One of these sections.
        section: Name,
    },
    /// The mark of an unlinked module is invalid.
    #[error("the section `{UNLINKED}` must hold bytes of value 1, or of value 0 once it is linked")]
    Unlinked,
    /// The name is not a valid module name.
    #[error(
        "no module can be named `{name}`: a name has letters, digits and `_`, and is shorter than 56 characters"
    )]
    ModuleName {
        /// The name.
        name: String,
    },
    /// The module is signed, which covers the whole file.
    #[error(
        "it is signed, and a change would invalidate the signature: link or rename it, then sign it"
    )]
    Signed,
    /// It has more livepatch symbols than any kernel has symbols.
    #[error("it refers to more than {limit} livepatch symbols")]
    TooMany {
        /// The limit.
        limit: usize,
    },
    /// It needs extended section numbering, which the kernel does not support.
    #[error("it would have {count} sections, and the kernel takes fewer than {SHN_LORESERVE}")]
    Sections {
        /// How many.
        count: usize,
    },
}

/// The first reserved section index. [`SHN_LIVEPATCH`] is one of them.
pub(super) const SHN_LORESERVE: u16 = object::elf::SHN_LORESERVE;
const _: () = assert!(SHN_LIVEPATCH > SHN_LORESERVE);
