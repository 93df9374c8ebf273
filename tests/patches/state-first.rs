// SPDX-License-Identifier: GPL-2.0-only

//! Keeps in a state how often the version was asked for.

use klp::sync::{Atomic, Relaxed};
use klp::prelude::*;

#[klp::symbols(object = "vmlinux")]
unsafe extern "C" {
    /// `sysctl kernel.overflowuid`, which nothing else in these machines uses.
    safe static overflowuid: Atomic<i32>;
}

/// The `overflowuid` during which who reads the uptime sleeps.
const SLEEP: i32 = 1;

/// Says when it is dropped.
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

    /// Comes before, so that the next one is not the table's first.
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

    /// Sleeps until the test has looked, so that a transition has to wait.
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
