// SPDX-License-Identifier: GPL-2.0-only

//! Queues work that runs after the patch is gone.
//!
//! Unfit without unsafe: so the kernel may call that at any later time

#![forbid(unsafe_code)]

use klp::prelude::*;

#[livepatch(object = "vmlinux", replaces = "version_proc_show", description = "Test patch", license = "GPL"/* unsafe */)]
fn version(_m: &SeqFile, _v: *mut c_void) -> Result {
    kernel::workqueue::system().try_spawn(GFP_KERNEL, || {
        kernel::time::delay::fsleep(kernel::time::Delta::from_millis(5000));
        pr_info!("the patch is gone\n");
    })?;
    Ok(())
}
