// SPDX-License-Identifier: GPL-2.0-only

//! @NAME@: a live patch. As an example, it replaces the function behind `/proc/cmdline`.

use klp::prelude::*;

// In C: static int cmdline_proc_show(struct seq_file *m, void *v)
#[livepatch(
    object = "vmlinux",
    replaces = "cmdline_proc_show",
    description = "@NAME@: another /proc/cmdline",
    license = "GPL"
)]
fn livepatch_cmdline_proc_show(m: &SeqFile, _v: *mut c_void) -> Result {
    seq_print!(m, "this has been live patched\n");
    Ok(())
}
