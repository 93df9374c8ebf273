// SPDX-License-Identifier: GPL-2.0-only

//! Calls the originals of all functions that live patches and others meet at (see
//! tests/vm/neighbours.sh), and changes nothing.

use klp::prelude::*;

#[livepatch(description = "Patch of many functions that calls their originals", license = "GPL")]
mod entries {
    use super::*;

    #[livepatch(object = "vmlinux", replaces = "version_proc_show")]
    fn version_proc_show(m: &SeqFile, v: *mut c_void) -> Result<i32> {
        original(m, v)
    }

    #[livepatch(object = "vmlinux", replaces = "cmdline_proc_show")]
    fn cmdline_proc_show(m: &SeqFile, v: *mut c_void) -> Result<i32> {
        original(m, v)
    }

    #[livepatch(object = "vmlinux", replaces = "cpu_byteorder_show")]
    fn cpu_byteorder_show(kobj: *mut c_void, attr: *mut c_void, buf: *mut c_void) -> Result<isize> {
        original(kobj, attr, buf)
    }

    #[livepatch(object = "vmlinux", replaces = "address_bits_show")]
    fn address_bits_show(kobj: *mut c_void, attr: *mut c_void, buf: *mut c_void) -> Result<isize> {
        original(kobj, attr, buf)
    }

    #[livepatch(object = "vmlinux", replaces = "oops_count_show")]
    fn oops_count_show(kobj: *mut c_void, attr: *mut c_void, buf: *mut c_void) -> Result<isize> {
        original(kobj, attr, buf)
    }

    #[livepatch(object = "vmlinux", replaces = "fscaps_show")]
    fn fscaps_show(kobj: *mut c_void, attr: *mut c_void, buf: *mut c_void) -> Result<isize> {
        original(kobj, attr, buf)
    }

    #[livepatch(object = "vmlinux", replaces = "rcu_expedited_show")]
    fn rcu_expedited_show(kobj: *mut c_void, attr: *mut c_void, buf: *mut c_void) -> Result<isize> {
        original(kobj, attr, buf)
    }

    #[livepatch(object = "vmlinux", replaces = "rcu_normal_show")]
    fn rcu_normal_show(kobj: *mut c_void, attr: *mut c_void, buf: *mut c_void) -> Result<isize> {
        original(kobj, attr, buf)
    }

    #[livepatch(object = "klp_entries", replaces = "klp_entries_function_show")]
    fn klp_entries_function_show(kobj: *mut c_void, attr: *mut c_void, buf: *mut c_void) -> Result<isize> {
        original(kobj, attr, buf)
    }

    #[livepatch(object = "klp_entries", replaces = "klp_entries_graph_show")]
    fn klp_entries_graph_show(kobj: *mut c_void, attr: *mut c_void, buf: *mut c_void) -> Result<isize> {
        original(kobj, attr, buf)
    }

    #[livepatch(object = "klp_entries", replaces = "klp_entries_kprobe_show")]
    fn klp_entries_kprobe_show(kobj: *mut c_void, attr: *mut c_void, buf: *mut c_void) -> Result<isize> {
        original(kobj, attr, buf)
    }

    #[livepatch(object = "klp_entries", replaces = "klp_entries_kretprobe_show")]
    fn klp_entries_kretprobe_show(kobj: *mut c_void, attr: *mut c_void, buf: *mut c_void) -> Result<isize> {
        original(kobj, attr, buf)
    }

    #[livepatch(object = "klp_entries", replaces = "klp_entries_fprobe_show")]
    fn klp_entries_fprobe_show(kobj: *mut c_void, attr: *mut c_void, buf: *mut c_void) -> Result<isize> {
        original(kobj, attr, buf)
    }

    #[livepatch(object = "klp_entries", replaces = "klp_entries_fprobe_exit_show")]
    fn klp_entries_fprobe_exit_show(kobj: *mut c_void, attr: *mut c_void, buf: *mut c_void) -> Result<isize> {
        original(kobj, attr, buf)
    }

    #[livepatch(object = "klp_entries", replaces = "klp_entries_fentry_show")]
    fn klp_entries_fentry_show(kobj: *mut c_void, attr: *mut c_void, buf: *mut c_void) -> Result<isize> {
        original(kobj, attr, buf)
    }

    #[livepatch(object = "klp_entries", replaces = "klp_entries_fexit_show")]
    fn klp_entries_fexit_show(kobj: *mut c_void, attr: *mut c_void, buf: *mut c_void) -> Result<isize> {
        original(kobj, attr, buf)
    }
}
