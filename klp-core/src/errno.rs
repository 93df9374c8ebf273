// SPDX-License-Identifier: GPL-2.0-only

//! Errors as the kernel's interfaces count them.

use core::fmt;
use core::num::NonZeroI32;

/// Why something failed, by its number in the kernel's `errno` headers. Never zero.
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
    /// There is no such thing.
    ENOENT = 2;
    /// It is busy for the moment.
    EAGAIN = 11;
    /// There is no memory.
    ENOMEM = 12;
    /// It is in use, or a transition is under way.
    EBUSY = 16;
    /// It is there already.
    EEXIST = 17;
    /// It is going away, or not there yet.
    ENODEV = 19;
    /// It makes no sense.
    EINVAL = 22;
}

impl Errno {
    /// From a negative number, as C functions return it. Nothing for zero and above.
    pub fn from_c(number: i32) -> Option<Self> {
        if number >= 0 {
            return None;
        }
        NonZeroI32::new(number.wrapping_neg()).map(Self)
    }

    /// As C functions return it: negative.
    pub const fn to_c(self) -> i32 {
        -self.0.get()
    }
}

/// Shows the number as C code logs it.
impl fmt::Display for Errno {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.to_c())
    }
}

/// A C result as a Rust one.
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
