// SPDX-License-Identifier: GPL-2.0-only

//! Declares functions and data of every kind with the kernel's types.

use klp::sync::Atomic;
use klp::prelude::*;

#[kernel_struct("file_system_type")]
struct FileSystemType;

#[allow(dead_code)]
#[klp::symbols(object = "vmlinux")]
unsafe extern "C" {
    safe fn loadavg_proc_show(m: &SeqFile, v: *mut c_void) -> i32;
    #[link_name = "uptime_proc_show"]
    fn uptime(m: *mut SeqFile, v: *mut c_void) -> c_int;
    #[sympos = 1]
    safe fn m_show(m: &SeqFile, v: *mut c_void) -> i32;
    safe static tainted_mask: Atomic<usize>;
    safe static oops_count: Atomic<u32>;
    safe static rodata_enabled: bool;
    safe static file_systems: Atomic<*mut FileSystemType>;
    static mut saved_command_line: *mut c_char;
}

#[livepatch(object = "vmlinux", replaces = "cmdline_proc_show",
            description = "A patch that is right", license = "GPL")]
fn cmdline(m: &SeqFile, v: *mut c_void) -> i32 {
    loadavg_proc_show(m, v)
}
