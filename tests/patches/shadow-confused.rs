// SPDX-License-Identifier: GPL-2.0-only

//! Uses an id of `shadow-count` for data of another type.

use klp::prelude::*;

#[livepatch(description = "Test patch", license = "GPL")]
mod confused {
    use super::*;

    #[shadow(id = 1)]
    static ASKED: Shadow<Task, u64>;

    #[livepatch(object = "vmlinux", replaces = "cmdline_proc_show")]
    fn cmdline(m: &SeqFile, _v: *mut c_void) -> Result {
        let task = current!();
        let found = ASKED.get(&task).map_err(|error| error.to_errno());
        let made = ASKED.alloc(&task, 1, GFP_KERNEL).map_err(|error| error.to_errno());
        seq_print!(m, "{found:?} {made:?}\n");
        Ok(())
    }

    #[post_unpatch]
    fn clean_up(unpatched: &klp::Unpatched) {
        pr_info!("freed {}\n", ASKED.free_all(unpatched));
    }
}
