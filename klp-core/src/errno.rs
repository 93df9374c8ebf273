// SPDX-License-Identifier: GPL-2.0-only

//! Error numbers of the kernel's interfaces.

use core::fmt;
use core::num::NonZeroI32;

/// An error number of the kernel's `errno` headers. Never zero.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Errno(NonZeroI32);

/// A result whose error is an [`Errno`].
pub type Result<T = ()> = core::result::Result<T, Errno>;

macro_rules! errnos {
    ($($(#[$doc:meta])* $name:ident = $number:literal;)*) => {$(
        $(#[$doc])*
        pub const $name: Errno = Errno(match NonZeroI32::new($number) {
            Some(number) => number,
            None => panic!("an errno is not zero"),
        });
    )*};
}

errnos! {
    /// No such entry.
    ENOENT = 2;
    /// Try again.
    EAGAIN = 11;
    /// Out of memory.
    ENOMEM = 12;
    /// In use, or a transition runs.
    EBUSY = 16;
    /// Exists already.
    EEXIST = 17;
    /// No such device: going away, or not initialised.
    ENODEV = 19;
    /// Invalid argument.
    EINVAL = 22;
}

impl Errno {
    /// Converts the negative number that a C function returned; `None` for others.
    pub fn from_c(number: i32) -> Option<Self> {
        if number >= 0 {
            return None;
        }
        NonZeroI32::new(number.wrapping_neg()).map(Self)
    }

    /// The negative number that C functions return.
    pub const fn to_c(self) -> i32 {
        -self.0.get()
    }
}

/// Shows the negative number, as C code logs it.
impl fmt::Display for Errno {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.to_c())
    }
}

/// Converts the return value of a C function.
///
/// # Errors
///
/// When `number` is negative.
pub fn check(number: i32) -> Result<i32> {
    match Errno::from_c(number) {
        Some(errno) => Err(errno),
        None => Ok(number),
    }
}
