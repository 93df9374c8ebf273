// SPDX-License-Identifier: GPL-2.0-only

//! What a patch may do before and after each of its objects is patched and reverted.
//!
//! Every callback writes a line to the kernel's log. Real ones prepare what the replacements need:
//! see `livepatch-state` and `livepatch-shadow`.

use klp::{prelude::*, Object};

#[livepatch(
    description = "Livepatch example: callbacks of vmlinux and of two modules",
    license = "GPL",
    authors = ["The klp authors"]
)]
mod callbacks {
    use super::*;

    // The kernel itself: an object can have callbacks and no replaced function.

    #[pre_patch(object = "vmlinux")]
    fn before_vmlinux(object: &Object) -> Result {
        tell("pre_patch", object);
        Ok(())
    }

    #[post_patch(object = "vmlinux")]
    fn after_vmlinux(object: &Object) {
        tell("post_patch", object);
    }

    #[pre_unpatch(object = "vmlinux")]
    fn before_reverting_vmlinux(object: &Object) {
        tell("pre_unpatch", object);
    }

    #[post_unpatch(object = "vmlinux")]
    fn after_reverting_vmlinux(object: &Object) {
        tell("post_unpatch", object);
    }

    // A module. They run when it comes and goes, too.

    #[pre_patch(object = "klp_callbacks_target")]
    fn before_target(object: &Object) -> Result {
        tell("pre_patch", object);
        Ok(())
    }

    #[post_patch(object = "klp_callbacks_target")]
    fn after_target(object: &Object) {
        tell("post_patch", object);
    }

    #[pre_unpatch(object = "klp_callbacks_target")]
    fn before_reverting_target(object: &Object) {
        tell("pre_unpatch", object);
    }

    #[post_unpatch(object = "klp_callbacks_target")]
    fn after_reverting_target(object: &Object) {
        tell("post_unpatch", object);
    }

    // A module that holds transitions up.

    /// Behind `/proc/klp_busy`.
    #[livepatch(object = "klp_callbacks_busy", replaces = "busy_show")]
    fn busy_show(m: &SeqFile, _v: *mut c_void) -> Result {
        seq_print!(m, "the patch's answer\n");
        Ok(())
    }

    #[pre_patch(object = "klp_callbacks_busy")]
    fn before_busy(object: &Object) -> Result {
        tell("pre_patch", object);
        Ok(())
    }

    #[post_patch(object = "klp_callbacks_busy")]
    fn after_busy(object: &Object) {
        tell("post_patch", object);
    }

    #[pre_unpatch(object = "klp_callbacks_busy")]
    fn before_reverting_busy(object: &Object) {
        tell("pre_unpatch", object);
    }

    #[post_unpatch(object = "klp_callbacks_busy")]
    fn after_reverting_busy(object: &Object) {
        tell("post_unpatch", object);
    }
}

/// Writes which callback runs, of which object, and for a module how far that is.
fn tell(callback: &str, object: &Object) {
    let name = object.name().to_str().unwrap_or("?");
    match object.module_state() {
        None => pr_info!("{callback}: {name}\n"),
        Some(state) => pr_info!("{callback}: {name} ({state:?})\n"),
    }
}
