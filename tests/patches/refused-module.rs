// SPDX-License-Identifier: GPL-2.0-only

//! A `pre_patch` callback that fails: it refuses the patch if the module is loaded already, else the module.

use klp::{prelude::*, Object};

#[livepatch(description = "Test patch", license = "GPL")]
mod refusing {
    use super::*;

    #[livepatch(object = "vmlinux", replaces = "version_proc_show")]
    fn version(m: &SeqFile, _v: *mut c_void) -> Result {
        seq_print!(m, "patched\n");
        Ok(())
    }

    #[pre_patch(object = "vmlinux")]
    fn before_vmlinux(_object: &Object) -> Result {
        pr_info!("pre_patch: vmlinux\n");
        Ok(())
    }

    #[post_patch(object = "vmlinux")]
    fn after_vmlinux(_object: &Object) {
        pr_info!("post_patch: vmlinux\n");
    }

    #[pre_unpatch(object = "vmlinux")]
    fn before_reverting_vmlinux(_object: &Object) {
        pr_info!("pre_unpatch: vmlinux\n");
    }

    #[post_unpatch(object = "vmlinux")]
    fn after_reverting_vmlinux(_object: &Object) {
        pr_info!("post_unpatch: vmlinux\n");
    }

    #[pre_patch(object = "klp_callbacks_target")]
    fn before_target(_object: &Object) -> Result {
        pr_info!("pre_patch: refused\n");
        Err(ENODEV)
    }

    #[post_patch(object = "klp_callbacks_target")]
    fn after_target(_object: &Object) {
        pr_info!("post_patch: refused\n");
    }

    #[pre_unpatch(object = "klp_callbacks_target")]
    fn before_reverting_target(_object: &Object) {
        pr_info!("pre_unpatch: refused\n");
    }

    #[post_unpatch(object = "klp_callbacks_target")]
    fn after_reverting_target(_object: &Object) {
        pr_info!("post_unpatch: refused\n");
    }
}
