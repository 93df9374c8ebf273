// SPDX-License-Identifier: GPL-2.0-only

//! Accesses members of a view other than by its methods.

use klp::prelude::*;

#[kernel_struct("seq_file")]
struct Sequence {
    count: usize,
    #[write]
    size: usize,
}

#[kernel_struct("inode")]
struct Inode;

#[livepatch(object = "vmlinux", replaces = "cmdline_proc_show",
            description = "A patch that is wrong", license = "GPL")]
fn cmdline(m: &Sequence, _v: *mut c_void) -> Result {
    let _ = Inode { _contents: [] };
    let _ = m.count;
    m.set_count(1);
    m.set_size(1);
    Ok(())
}
