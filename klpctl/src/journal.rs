// SPDX-License-Identifier: GPL-2.0-only

//! Logs to the system journal through syslog(3).

use std::ffi::CString;

/// The severity of a message.
#[derive(Clone, Copy, Debug)]
pub enum Priority {
    /// Progress.
    Info,
    /// A failed command.
    Error,
}

/// Writes each line of a message. Without a journal it is lost, which is not an error: the command prints it too.
pub fn write(priority: Priority, message: &str) {
    let priority = match priority {
        Priority::Info => libc::LOG_INFO,
        Priority::Error => libc::LOG_ERR,
    };
    for line in message.lines().filter(|line| !line.trim().is_empty()) {
        let Ok(line) = CString::new(line.replace('\0', "")) else {
            continue;
        };
        // SAFETY: the identifier is a static string, which openlog() keeps; the format takes one string, which
        // lives until syslog() returns.
        unsafe {
            libc::openlog(c"klpctl".as_ptr(), libc::LOG_PID, libc::LOG_DAEMON);
            libc::syslog(priority, c"%s".as_ptr(), line.as_ptr());
        }
    }
}
