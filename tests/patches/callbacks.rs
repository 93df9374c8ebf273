// SPDX-License-Identifier: GPL-2.0-only

//! Logs each callback with its object and the state of the module.

use klp::prelude::*;

#[livepatch(description = "Test patch", license = "GPL")]
mod callbacks {
    use super::*;

    #[livepatch(object = "vmlinux", replaces = "version_proc_show")]
    fn version(m: &SeqFile, _v: *mut c_void) -> Result {
        seq_print!(m, "patched\n");
        Ok(())
    }

    #[pre_patch(object = "vmlinux")]
    fn pre_patch(object: &klp::Object) -> Result {
        tell("pre_patch", object);
        Ok(())
    }

    #[post_patch(object = "vmlinux")]
    fn post_patch(object: &klp::Object) {
        tell("post_patch", object);
    }

    #[pre_unpatch(object = "vmlinux")]
    fn pre_unpatch(object: &klp::Object) {
        tell("pre_unpatch", object);
    }

    #[post_unpatch(object = "vmlinux")]
    fn post_unpatch(unpatched: &klp::Unpatched) {
        tell("post_unpatch", unpatched);
    }

    // No function of the module is replaced.
    #[pre_patch(object = "klp_twins")]
    fn pre_patch_twins(object: &klp::Object) -> Result {
        tell("pre_patch", object);
        Ok(())
    }

    #[post_patch(object = "klp_twins")]
    fn post_patch_twins(object: &klp::Object) {
        tell("post_patch", object);
    }

    #[pre_unpatch(object = "klp_twins")]
    fn pre_unpatch_twins(object: &klp::Object) {
        tell("pre_unpatch", object);
    }

    #[post_unpatch(object = "klp_twins")]
    fn post_unpatch_twins(object: &klp::Object) {
        tell("post_unpatch", object);
    }

    fn tell(callback: &str, object: &klp::Object) {
        let name = object.name().to_str().unwrap_or("?");
        match object.module_state() {
            Some(state) => pr_info!("{callback} {name} {state:?}\n"),
            None => pr_info!("{callback} {name}\n"),
        }
    }
}
