// SPDX-License-Identifier: GPL-2.0-only

//! Counts for each task how often it read /proc/version.

use klp::sync::{Atomic, Relaxed};
use klp::prelude::*;

/// Logs when it is dropped.
#[derive(Persistent)]
struct Asked(Atomic<u32>);

impl Drop for Asked {
    fn drop(&mut self) {
        pr_info!("dropped {}\n", self.0.load(Relaxed));
    }
}

#[livepatch(description = "Test patch", license = "GPL")]
mod count {
    use super::*;

    #[shadow(id = 1)]
    static ASKED: Shadow<Task, Asked>;

    #[shadow(id = 2)]
    static NEVER_MADE: Shadow<Task, KBox<u32>>;

    #[livepatch(object = "vmlinux", replaces = "version_proc_show")]
    fn version(m: &SeqFile, _v: *mut c_void) -> Result {
        let task = current!();
        let new = || Ok(Asked(Atomic::new(0)));
        let asked = ASKED.get_or_try_init(&task, GFP_KERNEL, new)?;
        seq_print!(m, "asked {}\n", asked.0.fetch_add(1, Relaxed) + 1);
        Ok(())
    }

    /// The initialiser fails, so no data is attached.
    #[livepatch(object = "vmlinux", replaces = "uptime_proc_show")]
    fn uptime(m: &SeqFile, _v: *mut c_void) -> Result {
        let task = current!();
        let made = NEVER_MADE.get_or_try_init(&task, GFP_KERNEL, || Err(ENOSPC));
        let there = NEVER_MADE.get(&task)?.is_some();
        let error = made.err().map(|error| error.to_errno());
        seq_print!(m, "{error:?} {there}\n");
        Ok(())
    }

    #[post_unpatch]
    fn clean_up(unpatched: &klp::Unpatched) {
        pr_info!("freed {}\n", ASKED.free_all(unpatched));
        NEVER_MADE.free_all(unpatched);
    }
}
