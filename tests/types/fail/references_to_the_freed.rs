// SPDX-License-Identifier: GPL-2.0-only

//! References to what is being freed, which could be counted again.

use klp::prelude::*;

#[livepatch(description = "A patch that is wrong", license = "GPL")]
mod fix {
    use super::*;

    #[livepatch(object = "vmlinux", replaces = "__put_task_struct")]
    fn put_task(_task: &Task) {}

    #[livepatch(object = "vmlinux", replaces = "__put_cred")]
    fn put_cred(_cred: &Credential) {}
}
