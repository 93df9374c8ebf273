// SPDX-License-Identifier: GPL-2.0-only

//! Callbacks that run before and after each object of a patch is patched and reverted.
//!
//! Each callback logs a line. Real callbacks prepare and free data of the replacements: see
//! `livepatch-state` and `livepatch-shadow`.

use klp::{prelude::*, Object};

#[livepatch(
    description = "Livepatch example: callbacks of vmlinux and of two modules",
    license = "GPL",
    authors = ["The klp authors"]
)]
mod callbacks {
    use super::*;

    // The kernel itself: an object can have callbacks without replaced functions.

    #[pre_patch(object = "vmlinux")]
    fn before_vmlinux(object: &Object) -> Result {
        log_callback("pre_patch", object);
        Ok(())
    }

    #[post_patch(object = "vmlinux")]
    fn after_vmlinux(object: &Object) {
        log_callback("post_patch", object);
    }

    #[pre_unpatch(object = "vmlinux")]
    fn before_reverting_vmlinux(object: &Object) {
        log_callback("pre_unpatch", object);
    }

    #[post_unpatch(object = "vmlinux")]
    fn after_reverting_vmlinux(object: &Object) {
        log_callback("post_unpatch", object);
    }

    // A module. Its callbacks also run when it is loaded and unloaded.

    #[pre_patch(object = "klp_callbacks_target")]
    fn before_target(object: &Object) -> Result {
        log_callback("pre_patch", object);
        Ok(())
    }

    #[post_patch(object = "klp_callbacks_target")]
    fn after_target(object: &Object) {
        log_callback("post_patch", object);
    }

    #[pre_unpatch(object = "klp_callbacks_target")]
    fn before_reverting_target(object: &Object) {
        log_callback("pre_unpatch", object);
    }

    #[post_unpatch(object = "klp_callbacks_target")]
    fn after_reverting_target(object: &Object) {
        log_callback("post_unpatch", object);
    }

    // A module that can block transitions.

    /// Shows `/proc/klp_busy`.
    #[livepatch(object = "klp_callbacks_busy", replaces = "busy_show")]
    fn busy_show(m: &SeqFile, _v: *mut c_void) -> Result {
        seq_print!(m, "the patch's answer\n");
        Ok(())
    }

    #[pre_patch(object = "klp_callbacks_busy")]
    fn before_busy(object: &Object) -> Result {
        log_callback("pre_patch", object);
        Ok(())
    }

    #[post_patch(object = "klp_callbacks_busy")]
    fn after_busy(object: &Object) {
        log_callback("post_patch", object);
    }

    #[pre_unpatch(object = "klp_callbacks_busy")]
    fn before_reverting_busy(object: &Object) {
        log_callback("pre_unpatch", object);
    }

    #[post_unpatch(object = "klp_callbacks_busy")]
    fn after_reverting_busy(object: &Object) {
        log_callback("post_unpatch", object);
    }
}

/// Logs a callback, its object, and the state of a module.
fn log_callback(callback: &str, object: &Object) {
    let name = object.name().to_str().unwrap_or("?");
    match object.module_state() {
        None => pr_info!("{callback}: {name}\n"),
        Some(state) => pr_info!("{callback}: {name} ({state:?})\n"),
    }
}
