// SPDX-License-Identifier: GPL-2.0-only

//! Limits on untrusted files.
//!
//! Files may be damaged or malicious. These limits keep time and memory in proportion to a file's size. They are far above
//! the sizes of real kernels and modules. `docs/limits.md` lists them.

use std::fmt;

/// A limit, for a message.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Limit {
    /// A number of bytes.
    Bytes(u64),
    /// A number of the named items.
    Count(u64, &'static str),
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Bytes(bytes) if bytes % (1 << 30) == 0 => write!(f, "{} GiB", bytes >> 30),
            Self::Bytes(bytes) if bytes % (1 << 20) == 0 => write!(f, "{} MiB", bytes >> 20),
            Self::Bytes(bytes) => write!(f, "{bytes} bytes"),
            Self::Count(count, what) => write!(f, "{count} {what}"),
        }
    }
}

/// The largest module file, in bytes. It is read into memory.
pub const MODULE_MAX: u64 = 512 << 20;
/// The largest compressed module, in bytes: more than ten times what distributions have.
pub const COMPRESSED_MAX: u64 = 64 << 20;
/// The most bytes that a compressed module may unpack to.
pub const UNPACKED_MAX: u64 = 256 << 20;
/// The largest dictionary of an xz file, in bytes: that of `xz -9`.
pub const DICTIONARY_MAX: usize = 64 << 20;
/// The largest `vmlinux`, in bytes. Only its tables are read.
pub const VMLINUX_MAX: u64 = 16 << 30;
/// The largest text file of a kernel, in bytes: `/proc/kallsyms`, `available_filter_functions`,
/// `Module.symvers`.
pub const TEXT_MAX: u64 = 128 << 20;
/// The largest table of a `vmlinux` or of a patched module that is read, in bytes.
pub const TABLE_MAX: u64 = 128 << 20;

/// The longest name of an object: the kernel's `MODULE_NAME_LEN` without the final NUL.
pub const OBJECT_MAX: usize = 55;
/// The longest name of a symbol or type: the kernel's `KSYM_NAME_LEN` without the final NUL.
pub const NAME_MAX: usize = 511;
/// The longest name of a section.
pub const SECTION_NAME_MAX: usize = 4095;
/// The most characters of a name in a message.
pub const SHOWN_MAX: usize = 256;

/// The most symbols of an object, and the most lines of a text file of a kernel.
pub const SYMBOLS_MAX: usize = 1 << 22;
/// The most symbols of one name in an object.
pub const SAME_NAME_MAX: usize = 1 << 16;
/// The most modules in a copy of `/proc/kallsyms` or of `available_filter_functions`.
pub const MODULES_MAX: usize = 1 << 14;

/// The most types of one BTF section: the kernel's `BTF_MAX_TYPE`.
pub const BTF_TYPES_MAX: u32 = 0x000f_ffff;
/// The most bytes of strings in one BTF section: the kernel's `BTF_MAX_NAME_OFFSET`.
pub const BTF_STRINGS_MAX: usize = 0x00ff_ffff;
/// The most types that one query of BTF may read.
pub const BTF_STEPS_MAX: u32 = 100_000;
/// The deepest nesting of types.
pub const BTF_DEPTH_MAX: u32 = 64;
/// The longest declaration of a function or a type in C, in bytes.
pub const DECLARATION_MAX: usize = 8192;
/// The most parameters of a function.
pub const PARAMETERS_MAX: usize = 127;
/// The most types of one name that are read.
pub const SAME_TYPE_MAX: usize = 64;

/// The largest `.modinfo`, in bytes.
pub const MODINFO_MAX: usize = 1 << 20;
/// The most functions that a patch replaces, and the most livepatch symbols that it has: more than
/// a kernel has functions.
pub const FUNCTIONS_MAX: usize = 1 << 17;
/// The most objects of a patch, and the most modules that it depends on, that are looked up.
pub const OBJECTS_MAX: usize = 128;
/// The most bytes of machine code that are decoded.
#[cfg(feature = "code")]
pub const CODE_MAX: u64 = 16 << 20;
/// The most findings of each severity in a report. Further ones are only counted.
#[cfg(feature = "code")]
pub const FINDINGS_MAX: usize = 1000;
/// The most replaced functions in a report. Further ones are only counted.
#[cfg(feature = "code")]
pub const REPLACED_MAX: usize = 1 << 14;
