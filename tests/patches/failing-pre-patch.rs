// SPDX-License-Identifier: GPL-2.0-only

//! A `pre_patch` callback that fails after it has set the data of a state.

use klp::prelude::*;

/// Logs when it is dropped.
#[derive(Persistent)]
struct Told(u32);

impl Drop for Told {
    fn drop(&mut self) {
        pr_info!("dropped {}\n", self.0);
    }
}

#[livepatch(description = "Test patch", license = "GPL")]
mod failing {
    use super::*;

    #[state(id = 9, version = 1)]
    static TOLD: State<Told>;

    #[livepatch(object = "vmlinux", replaces = "version_proc_show")]
    fn version(m: &SeqFile, _v: *mut c_void) -> Result {
        seq_print!(m, "patched\n");
        Ok(())
    }

    #[pre_patch]
    fn refuse(_object: &klp::Object) -> Result {
        TOLD.set(Told(7), GFP_KERNEL)?;
        Err(EBUSY)
    }

    #[post_unpatch]
    fn never(_unpatched: &klp::Unpatched) {
        pr_info!("post_unpatch\n");
    }
}
