// SPDX-License-Identifier: GPL-2.0-only

//! What can be wrong with a module.

/// A module that cannot be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// It is no ELF file, or a damaged one.
    #[error("not a readable ELF file")]
    Elf(#[from] object::Error),
    /// It is an ELF file, but not what a kernel loads as a module.
    #[error(
        "not a kernel module: it is {found}, and a module is a relocatable file for x86-64; \
         give the .ko file that the module build made"
    )]
    NotAModule {
        /// What it is instead.
        found: String,
    },
    /// A livepatch table refers to something that is not there.
    #[error("the table `{table}` at offset {offset:#x} does not name {what}")]
    Table {
        /// The table's symbol.
        table: String,
        /// Where in the section.
        offset: u64,
        /// What should be there.
        what: &'static str,
    },
}
