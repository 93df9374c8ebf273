// SPDX-License-Identifier: GPL-2.0-only

//! What a child process takes from us: open descriptors, and our end. The only file of this
//! crate with `unsafe`: code between fork and exec has rules that no type can hold.
#![allow(unsafe_code)]

use std::os::fd::BorrowedFd;
use std::os::unix::process::CommandExt as _;
use std::process::Command;

use rustix::io::{Errno, FdFlags};
use rustix::process::Signal;

/// Lets the child inherit these descriptors, and die with us, however we end.
pub(super) fn tie(command: &mut Command, inherited: Vec<i32>) {
    let parent = rustix::process::getpid();
    let prepare = move || {
        rustix::process::set_parent_process_death_signal(Some(Signal::KILL))?;
        if rustix::process::getppid() != Some(parent) {
            return Err(Errno::SRCH.into());
        }
        for &fd in &inherited {
            // SAFETY: the descriptors are open: those of the parent are copied by the fork, and
            // the parent keeps them open until the child has been started.
            let fd = unsafe { BorrowedFd::borrow_raw(fd) };
            rustix::io::fcntl_setfd(fd, FdFlags::empty())?;
        }
        Ok(())
    };
    // SAFETY: between fork and exec `prepare` only makes system calls: it takes no lock and
    // allocates nothing; its errors are plain numbers.
    unsafe { command.pre_exec(prepare) };
}
