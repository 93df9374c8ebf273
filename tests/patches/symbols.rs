// SPDX-License-Identifier: GPL-2.0-only

//! Uses every kind of declaration, in several blocks, of vmlinux and of a module: functions called directly,
//! passed on and stored in a table; data read and written.

use klp::sync::{Atomic, Relaxed};
use klp::prelude::*;

#[klp::symbols(object = "vmlinux")]
unsafe extern "C" {
    safe fn uptime_proc_show(m: &SeqFile, v: *mut c_void) -> i32;
    safe fn loadavg_proc_show(m: &SeqFile, v: *mut c_void) -> i32;
}

#[klp::symbols(object = "vmlinux")]
unsafe extern "C" {
    safe static tainted_mask: Atomic<usize>;
    static nr_threads: Atomic<i32>;
    /// As set by the kernel's command line.
    static mut saved_command_line: *mut c_char;
}

mod twins {
    use klp::prelude::*;

    #[klp::symbols(object = "klp_twins")]
    unsafe extern "C" {
        #[sympos = 1]
        #[link_name = "level_show"]
        pub(crate) fn first_level(m: &SeqFile, v: *mut c_void) -> i32;
        #[sympos = 2]
        #[link_name = "level_show"]
        pub(crate) fn second_level(m: &SeqFile, v: *mut c_void) -> i32;
    }
}

type Show = extern "C" fn(&SeqFile, *mut c_void) -> i32;

fn call(show: Show, m: &SeqFile, v: *mut c_void) -> i32 {
    show(m, v)
}

#[livepatch(description = "Test patch", license = "GPL")]
mod patch {
    use super::*;

    static BOTH: [Show; 2] = [uptime_proc_show, loadavg_proc_show];

    #[livepatch(object = "vmlinux", replaces = "version_proc_show")]
    fn version(m: &SeqFile, v: *mut c_void) -> i32 {
        for show in &BOTH {
            call(*show, m, v);
        }
        uptime_proc_show(m, v);
        seq_print!(m, "taint {}\n", tainted_mask.load(Relaxed));
        // SAFETY: C updates the count of threads atomically.
        let threads = unsafe { &nr_threads };
        seq_print!(m, "threads {}\n", threads.load(Relaxed));
        // SAFETY: the kernel does not write it after boot.
        let cmdline = unsafe { saved_command_line };
        // SAFETY: it is a C string that is never freed.
        let cmdline = unsafe { CStr::from_ptr(cmdline.cast()) };
        seq_print!(m, "cmdline {}\n", cmdline.to_bytes().len());
        0
    }

    /// The replacement of the second function calls the first.
    #[livepatch(object = "klp_twins", replaces = "level_show", sympos = 2)]
    fn second(m: &SeqFile, v: *mut c_void) -> i32 {
        // SAFETY: this replaces a function of the module, so the module is loaded.
        unsafe { twins::first_level(m, v) };
        seq_print!(m, "and\n");
        let addresses = [twins::first_level, twins::second_level].map(|show| show as usize);
        let differ = addresses[0] != addresses[1];
        seq_print!(m, "another: {differ}\n");
        0
    }
}
