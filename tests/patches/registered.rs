// SPDX-License-Identifier: GPL-2.0-only

//! A registered patch of the kernel and of a module.

use klp::{prelude::*, Object};

#[livepatch(description = "Test patch", license = "GPL", register)]
mod registered {
    use super::*;

    #[livepatch(object = "vmlinux", replaces = "version_proc_show")]
    fn version(m: &SeqFile, _v: *mut c_void) -> Result {
        seq_print!(m, "patched\n");
        Ok(())
    }

    #[livepatch(object = "klp_vault", replaces = "vault_show")]
    fn vault(m: &SeqFile, _v: *mut c_void) -> Result {
        seq_print!(m, "patched\n");
        Ok(())
    }

    #[pre_patch(object = "vmlinux")]
    fn before(_object: &Object) -> Result {
        pr_info!("pre_patch\n");
        Ok(())
    }

    #[post_unpatch(object = "vmlinux")]
    fn after(_object: &Object) {
        pr_info!("post_unpatch\n");
    }
}
