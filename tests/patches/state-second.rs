// SPDX-License-Identifier: GPL-2.0-only

//! Replaces `state-first` and continues its count.

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

#[livepatch(description = "Test patch", license = "GPL", replace)]
mod second {
    use super::*;

    #[state(id = 5, version = 2)]
    static ASKED: State<Asked>;

    /// Has another type than in `state-first`.
    #[state(id = 4, version = 3)]
    static OTHER: State<u64>;

    #[livepatch(object = "vmlinux", replaces = "version_proc_show")]
    fn version(m: &SeqFile, _v: *mut c_void) -> Result {
        let asked = ASKED.get().ok_or(ENOENT)?;
        let count = asked.0.fetch_add(1, Relaxed) + 1;
        seq_print!(m, "second {count}, version {}\n", ASKED.version());
        Ok(())
    }

    #[pre_patch]
    fn prepare(object: &klp::Object) -> Result {
        if let Some(previous) = ASKED.previous(object) {
            let count = previous.data().map(|asked| asked.0.load(Relaxed));
            pr_info!("previous {} {count:?}\n", previous.version());
        }
        if let Some(other) = OTHER.previous(object) {
            pr_info!("other {} {:?}\n", other.version(), other.data());
        }
        if !ASKED.inherit(object)? {
            ASKED.set(Asked(Atomic::new(100)), GFP_KERNEL)?;
        }
        Ok(())
    }

    #[post_patch]
    fn applied(object: &klp::Object) {
        pr_info!("still {}\n", ASKED.previous(object).is_some());
    }
}
