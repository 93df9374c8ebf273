// SPDX-License-Identifier: GPL-2.0-only

//! Counts in a state how often /proc/version was read.

use klp::sync::{Atomic, Relaxed};
use klp::prelude::*;

#[klp::symbols(object = "vmlinux")]
unsafe extern "C" {
    /// `sysctl kernel.overflowuid`, which nothing else in these machines uses.
    safe static overflowuid: Atomic<i32>;
}

/// Readers of /proc/uptime sleep while `overflowuid` has this value.
const SLEEP: i32 = 1;

/// Logs when it is dropped.
#[derive(Persistent)]
struct Asked(Atomic<u32>);

impl Drop for Asked {
    fn drop(&mut self) {
        pr_info!("dropped {}\n", self.0.load(Relaxed));
    }
}

#[livepatch(description = "Test patch", license = "GPL")]
mod first {
    use super::*;
    use kernel::time::{delay::fsleep, Delta};

    /// Makes the next state not the first in the table.
    #[state(id = 4, version = 1)]
    static NOTHING: State;

    #[state(id = 5, version = 1)]
    static ASKED: State<Asked>;

    #[livepatch(object = "vmlinux", replaces = "version_proc_show")]
    fn version(m: &SeqFile, _v: *mut c_void) -> Result {
        let asked = ASKED.get().ok_or(ENOENT)?;
        let count = asked.0.fetch_add(1, Relaxed) + 1;
        seq_print!(m, "first {count}, version {}\n", ASKED.version());
        Ok(())
    }

    /// Sleeps until the test changes `overflowuid`, which blocks a transition.
    #[livepatch(object = "vmlinux", replaces = "uptime_proc_show")]
    fn uptime(m: &SeqFile, _v: *mut c_void) -> Result {
        while overflowuid.load(Relaxed) == SLEEP {
            fsleep(Delta::from_millis(200));
        }
        seq_print!(m, "slept, {}\n", NOTHING.version());
        Ok(())
    }

    #[pre_patch]
    fn prepare(object: &klp::Object) -> Result {
        pr_info!("previous {}\n", ASKED.previous(object).is_some());
        ASKED.set(Asked(Atomic::new(0)), GFP_KERNEL)
    }
}
