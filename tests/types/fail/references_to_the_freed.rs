// SPDX-License-Identifier: GPL-2.0-only

//! Takes references to objects that are being freed, whose count could be increased again.

use klp::prelude::*;

#[livepatch(description = "A patch that is wrong", license = "GPL")]
mod fix {
    use super::*;

    #[livepatch(object = "vmlinux", replaces = "__put_task_struct")]
    fn put_task(_task: &Task) {}

    #[livepatch(object = "vmlinux", replaces = "__put_cred")]
    fn put_cred(_cred: &Credential) {}
}
