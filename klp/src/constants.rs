// SPDX-License-Identifier: GPL-2.0-only

//! Named constants of the kernel's headers. The [prelude](crate::prelude) re-exports them all.
//!
//! ```
//! use klp::prelude::*;
//!
//! fn is_set_uid(mode: u16) -> bool {
//!     mode & S_IFMT == S_IFREG && mode & S_ISUID != 0
//! }
//! assert!(is_set_uid(0o104755));
//! ```
//!
//! Flags of memory allocations, errors and capabilities have types of their own:
//! [`GFP_KERNEL`](crate::prelude::GFP_KERNEL), [`klp::errno`](crate::errno), [`Capability`](crate::Capability).

/// Calls a macro with types, names and numbers. Builds for a kernel compare the numbers with C's.
macro_rules! for_each_constant {
    ($macro:ident) => {
        $macro! {
            u16:
                S_IFMT = 0o170_000 S_IFSOCK = 0o140_000 S_IFLNK = 0o120_000 S_IFREG = 0o100_000
                S_IFBLK = 0o60_000 S_IFDIR = 0o40_000 S_IFCHR = 0o20_000 S_IFIFO = 0o10_000
                S_ISUID = 0o4000 S_ISGID = 0o2000 S_ISVTX = 0o1000
                S_IRWXU = 0o700 S_IRUSR = 0o400 S_IWUSR = 0o200 S_IXUSR = 0o100
                S_IRWXG = 0o70 S_IRGRP = 0o40 S_IWGRP = 0o20 S_IXGRP = 0o10
                S_IRWXO = 0o7 S_IROTH = 0o4 S_IWOTH = 0o2 S_IXOTH = 0o1;
            i32:
                AF_UNSPEC = 0 AF_UNIX = 1 AF_INET = 2 AF_INET6 = 10 AF_NETLINK = 16 AF_PACKET = 17
                SOL_SOCKET = 1
                MAY_EXEC = 1 MAY_WRITE = 2 MAY_READ = 4;
            u32:
                O_RDONLY = 0 O_WRONLY = 1 O_RDWR = 2 O_CREAT = 0o100 O_APPEND = 0o2000
                O_NONBLOCK = 0o4000;
            usize:
                PAGE_SIZE = 4096 PATH_MAX = 4096 NAME_MAX = 255;
        }
    };
}
pub(crate) use for_each_constant;

macro_rules! constants {
    ($($type:ident: $($name:ident = $number:literal)*;)*) => {$($(
        #[doc = concat!("C's `", stringify!($name), "`.")]
        pub const $name: $type = $number;
    )*)*};
}

for_each_constant!(constants);
