// SPDX-License-Identifier: GPL-2.0-only

//! The kernel's log.

use super::bindings;
use core::ffi::{c_int, CStr};
use core::fmt;

macro_rules! levels {
    ($($name:ident = $text:literal;)*) => {$(
        #[doc = concat!("C's `KERN_", stringify!($name), "`.")]
        pub const $name: &CStr = $text;
    )*};
}

levels! {
    EMERG = c"\x010";
    ALERT = c"\x011";
    CRIT = c"\x012";
    ERR = c"\x013";
    WARNING = c"\x014";
    NOTICE = c"\x015";
    INFO = c"\x016";
}

/// The longest line, in bytes; longer ones are truncated. The line is on the stack.
const LONGEST: usize = 512;

/// A buffer for a line.
struct Line {
    text: [u8; LONGEST],
    length: usize,
}

impl fmt::Write for Line {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let room = LONGEST - self.length;
        let count = text.len().min(room);
        if let Some(rest) = self.text.get_mut(self.length..self.length + count) {
            rest.copy_from_slice(&text.as_bytes()[..count]);
        }
        self.length += count;
        match count == text.len() {
            true => Ok(()),
            false => Err(fmt::Error),
        }
    }
}

/// Logs a line with the prefix `module`, which ends with a NUL.
#[inline(never)]
pub fn log(level: &CStr, module: &'static [u8], args: fmt::Arguments<'_>) {
    let mut line = Line {
        text: [0; LONGEST],
        length: 0,
    };
    // The only error is a line that is too long, which is truncated.
    let _ = fmt::write(&mut line, args);
    if module.last() != Some(&0) {
        return;
    }
    // SAFETY: the arguments match the format: NUL-terminated strings, and one with its length.
    unsafe {
        bindings::_printk(
            c"%s%s: %.*s".as_ptr().cast(),
            level.as_ptr(),
            module.as_ptr(),
            // CAST: at most `LONGEST`.
            line.length as c_int,
            line.text.as_ptr(),
        )
    };
}

/// Logs a line of this level with the name of the module.
#[doc(hidden)]
#[macro_export]
macro_rules! print_line {
    ($level:ident, $($arg:tt)+) => {
        $crate::__private::log(
            $crate::__private::levels::$level,
            crate::__LOG_PREFIX,
            ::core::format_args!($($arg)+),
        )
    };
}

/// Writes a line to the kernel's log.
#[doc(hidden)]
#[macro_export]
macro_rules! pr_emerg {
    ($($arg:tt)+) => { $crate::print_line!(EMERG, $($arg)+) };
}

/// Writes a line to the kernel's log.
#[doc(hidden)]
#[macro_export]
macro_rules! pr_alert {
    ($($arg:tt)+) => { $crate::print_line!(ALERT, $($arg)+) };
}

/// Writes a line to the kernel's log.
#[doc(hidden)]
#[macro_export]
macro_rules! pr_crit {
    ($($arg:tt)+) => { $crate::print_line!(CRIT, $($arg)+) };
}

/// Writes a line to the kernel's log.
#[doc(hidden)]
#[macro_export]
macro_rules! pr_err {
    ($($arg:tt)+) => { $crate::print_line!(ERR, $($arg)+) };
}

/// Writes a line to the kernel's log.
#[doc(hidden)]
#[macro_export]
macro_rules! pr_warn {
    ($($arg:tt)+) => { $crate::print_line!(WARNING, $($arg)+) };
}

/// Writes a line to the kernel's log.
#[doc(hidden)]
#[macro_export]
macro_rules! pr_notice {
    ($($arg:tt)+) => { $crate::print_line!(NOTICE, $($arg)+) };
}

/// Writes a line to the kernel's log.
#[doc(hidden)]
#[macro_export]
macro_rules! pr_info {
    ($($arg:tt)+) => { $crate::print_line!(INFO, $($arg)+) };
}

/// Runs a print macro the first time that it is reached.
#[doc(hidden)]
#[macro_export]
macro_rules! print_once {
    ($($print:tt)+) => {{
        static DONE: $crate::__private::AtomicFlag = $crate::__private::AtomicFlag::new(false);
        // The load avoids an exchange after the first time.
        if !DONE.load($crate::__private::Relaxed) && !DONE.xchg(true, $crate::__private::Relaxed) {
            $($print)+;
        }
    }};
}

/// Writes a line to the kernel's log, the first time.
#[doc(hidden)]
#[macro_export]
macro_rules! pr_emerg_once {
    ($($arg:tt)+) => { $crate::print_once!($crate::pr_emerg!($($arg)+)) };
}

/// Writes a line to the kernel's log, the first time.
#[doc(hidden)]
#[macro_export]
macro_rules! pr_alert_once {
    ($($arg:tt)+) => { $crate::print_once!($crate::pr_alert!($($arg)+)) };
}

/// Writes a line to the kernel's log, the first time.
#[doc(hidden)]
#[macro_export]
macro_rules! pr_crit_once {
    ($($arg:tt)+) => { $crate::print_once!($crate::pr_crit!($($arg)+)) };
}

/// Writes a line to the kernel's log, the first time.
#[doc(hidden)]
#[macro_export]
macro_rules! pr_err_once {
    ($($arg:tt)+) => { $crate::print_once!($crate::pr_err!($($arg)+)) };
}

/// Writes a line to the kernel's log, the first time.
#[doc(hidden)]
#[macro_export]
macro_rules! pr_warn_once {
    ($($arg:tt)+) => { $crate::print_once!($crate::pr_warn!($($arg)+)) };
}

/// Writes a line to the kernel's log, the first time.
#[doc(hidden)]
#[macro_export]
macro_rules! pr_notice_once {
    ($($arg:tt)+) => { $crate::print_once!($crate::pr_notice!($($arg)+)) };
}

/// Writes a line to the kernel's log, the first time.
#[doc(hidden)]
#[macro_export]
macro_rules! pr_info_once {
    ($($arg:tt)+) => { $crate::print_once!($crate::pr_info!($($arg)+)) };
}
