// SPDX-License-Identifier: GPL-2.0-only

//! What can be wrong with the files of a kernel and with modules.

use std::io;
use std::path::PathBuf;

/// A kernel or module that cannot be read.
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
    /// A file cannot be read.
    #[error("cannot read `{path}`: {source}")]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A file is no ELF file, or a damaged one.
    #[error("`{path}` is not a readable ELF file: {source}")]
    Image {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: object::Error,
    },
    /// A kernel was built without type information.
    #[error(
        "`{path}` has no type information; \
         give a kernel that was built with CONFIG_DEBUG_INFO_BTF, or its /sys/kernel/btf/vmlinux"
    )]
    NoBtf {
        /// The file.
        path: PathBuf,
    },
    /// Type information is damaged.
    #[error("the type information of `{path}` cannot be read: {reason}")]
    Btf {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A line is none of `/proc/kallsyms`.
    #[error(
        "`{path}` line {line} is not `ADDRESS TYPE NAME [MODULE]`; give a copy of /proc/kallsyms"
    )]
    Kallsyms {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
    },
    /// A line is none of `Module.symvers`.
    #[error(
        "`{path}` line {line} is not `CRC SYMBOL MODULE TYPE NAMESPACE` with tabs between; \
         give the Module.symvers of the kernel's build folder"
    )]
    Symvers {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
    },
    /// All addresses of `/proc/kallsyms` are 0.
    #[error(
        "`{path}` shows no addresses, because an ordinary user copied it from /proc/kallsyms; \
         copy it as root"
    )]
    KallsymsHidden {
        /// The file.
        path: PathBuf,
    },
    /// Nothing is known of a module.
    #[error(
        "nothing is known of module `{name}`; \
         name the folder with its file `{name}.ko` in KLP_MODULES"
    )]
    NoObject {
        /// The module.
        name: String,
    },
    /// An object has no such function.
    #[error("`{object}` has no function `{name}`{others}")]
    NoFunction {
        /// The object.
        object: String,
        /// The function.
        name: String,
        /// What it has instead.
        others: String,
    },
    /// A kernel has no such structure.
    #[error("the type information of `{object}` has no structure or union `{name}`")]
    NoStructure {
        /// The object.
        object: String,
        /// Its tag.
        name: String,
    },
    /// A name stands for several structures.
    #[error(
        "the type information of `{object}` has {count} structures `{name}`; \
         name a function that takes or gives the one that you mean, as --of FUNCTION"
    )]
    SeveralStructures {
        /// The object.
        object: String,
        /// Their tag.
        name: String,
        /// How many.
        count: usize,
    },
    /// A path of members leads nowhere.
    #[error("`{structure}` has no member `{path}`: {reason}")]
    NoMember {
        /// The structure's tag.
        structure: String,
        /// The path.
        path: String,
        /// Where it ends.
        reason: String,
    },
    /// A function's prototype is not known.
    #[error("the arguments of `{function}` are not known: {reason}")]
    Untyped {
        /// The function.
        function: String,
        /// Why.
        reason: String,
    },
    /// A function cannot be replaced by one in Rust.
    #[error("`{function}` cannot be replaced: {reason}")]
    NotReplaceable {
        /// The function.
        function: String,
        /// Why.
        reason: String,
    },
}
