// SPDX-License-Identifier: GPL-2.0-only

//! Errors of kernel files and modules.

use crate::elf::Damage;
use crate::limits::Limit;
use crate::text::{Name, Shown};
use std::io;
use std::path::PathBuf;

/// A kernel or module that cannot be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The data is not an ELF file, or a damaged one.
    #[error("not a readable ELF file: {0}")]
    Elf(#[from] Damage),
    /// The ELF file is not a module.
    #[error(
        "not a kernel module: it is {found}, and a module is a relocatable file for {machines}; \
         give the .ko file that the module build made"
    )]
    NotAModule {
        /// The kind of file.
        found: String,
        /// The supported machines.
        machines: String,
    },
    /// A livepatch table refers to a missing string or function.
    #[error("the table `{table}` at offset {offset:#x} does not name {what}")]
    Table {
        /// The table's symbol.
        table: Name,
        /// The entry's offset in its section.
        offset: u64,
        /// What is missing.
        what: &'static str,
    },
    /// A file cannot be read.
    #[error("cannot read `{}`: {source}", Shown::path(path))]
    Read {
        /// The file.
        path: PathBuf,
        /// The system's error.
        source: io::Error,
    },
    /// A file is not a regular file.
    #[error(
        "cannot read `{}`: it is {what}; give a regular file",
        Shown::path(path)
    )]
    NotAFile {
        /// The file.
        path: PathBuf,
        /// The kind of file.
        what: &'static str,
    },
    /// A file, or a part of it, is above a limit.
    #[error("`{}` is too large: {what} has more than {limit}", Shown::path(path))]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// The part, or the file.
        what: &'static str,
        /// The limit.
        limit: Limit,
    },
    /// A compressed file cannot be unpacked.
    #[error(
        "cannot unpack `{}`, which is compressed by {format}: {source}",
        Shown::path(path)
    )]
    Compressed {
        /// The file.
        path: PathBuf,
        /// The compression format.
        format: &'static str,
        /// The error.
        source: io::Error,
    },
    /// A folder of modules is missing.
    #[error(
        "there is no folder `{}` with modules; \
         correct KLP_MODULES, or leave it out",
        Shown::path(path)
    )]
    NoModules {
        /// The folder.
        path: PathBuf,
    },
    /// A file got shorter while it was read.
    #[error(
        "`{}` was cut off while it was read; try again when nothing writes to it",
        Shown::path(path)
    )]
    Changed {
        /// The file.
        path: PathBuf,
    },
    /// Part of a module is above a limit.
    #[error("the module is too large: {what} has more than {limit}")]
    Limit {
        /// The part.
        what: &'static str,
        /// The limit.
        limit: Limit,
    },
    /// A file is not an ELF file, or a damaged one.
    #[error("`{}` is not a readable ELF file: {source}", Shown::path(path))]
    Image {
        /// The file.
        path: PathBuf,
        /// The damage.
        source: Damage,
    },
    /// A kernel was built without type information.
    #[error(
        "`{}` has no type information; \
         give a kernel that was built with CONFIG_DEBUG_INFO_BTF, or its /sys/kernel/btf/vmlinux",
        Shown::path(path)
    )]
    NoBtf {
        /// The file.
        path: PathBuf,
    },
    /// Type information is damaged.
    #[error(
        "the type information of `{}` cannot be read: {reason}",
        Shown::path(path)
    )]
    Btf {
        /// The file.
        path: PathBuf,
        /// The reason.
        reason: String,
    },
    /// A line does not have the format of `/proc/kallsyms`.
    #[error(
        "`{}` line {line} is not `ADDRESS TYPE NAME [MODULE]`; give a copy of /proc/kallsyms",
        Shown::path(path)
    )]
    Kallsyms {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
    },
    /// A line does not have the format of `Module.symvers`.
    #[error(
        "`{}` line {line} is not `CRC SYMBOL MODULE TYPE NAMESPACE` with tabs between; \
         give the Module.symvers of the kernel's build folder",
        Shown::path(path)
    )]
    Symvers {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
    },
    /// All addresses of `/proc/kallsyms` are 0.
    #[error(
        "`{}` shows no addresses, because an ordinary user copied it from /proc/kallsyms; \
         copy it as root",
        Shown::path(path)
    )]
    KallsymsHidden {
        /// The file.
        path: PathBuf,
    },
    /// A module is unknown.
    #[error(
        "nothing is known of module `{name}`; \
         name the folder with its file `{name}.ko` (or .ko.xz, .ko.zst, .ko.gz) in KLP_MODULES"
    )]
    NoObject {
        /// The module.
        name: Name,
    },
    /// An object has no such function.
    #[error("`{object}` has no function `{name}`{others}")]
    NoFunction {
        /// The object.
        object: Name,
        /// The function.
        name: Name,
        /// Similar names.
        others: String,
    },
    /// A kernel has no such structure.
    #[error("the type information of `{object}` has no structure or union `{name}`")]
    NoStructure {
        /// The object.
        object: Name,
        /// The tag.
        name: Name,
    },
    /// Several structures have the name.
    #[error(
        "the type information of `{object}` has {count} structures `{name}`; \
         select one with --of FUNCTION, a function that takes or returns it"
    )]
    SeveralStructures {
        /// The object.
        object: Name,
        /// The tag.
        name: Name,
        /// How many.
        count: usize,
    },
    /// A path names a member that does not exist.
    #[error("`{structure}` has no member `{path}`: {reason}")]
    NoMember {
        /// The structure's tag.
        structure: Name,
        /// The path.
        path: Name,
        /// The missing part.
        reason: String,
    },
    /// A function's prototype is unknown.
    #[error("the arguments of `{function}` are not known: {reason}")]
    Untyped {
        /// The function.
        function: Name,
        /// Why.
        reason: String,
    },
    /// A function's result type does not have the value.
    #[error("`{function}` cannot answer that: {reason}")]
    NoAnswer {
        /// The function.
        function: Name,
        /// Why.
        reason: String,
    },
    /// A function cannot be replaced by one in Rust.
    #[error("`{function}` cannot be replaced: {reason}")]
    NotReplaceable {
        /// The function.
        function: Name,
        /// Why.
        reason: String,
    },
}
