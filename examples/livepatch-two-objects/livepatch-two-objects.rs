// SPDX-License-Identifier: GPL-2.0-only

//! One patch for two objects: a function of the kernel itself, and one of a module that need not
//! be loaded yet.
//!
//! The livepatch core patches the module whenever it is loaded, before its init function runs, and reverts it
//! when it is unloaded.

use klp::prelude::*;

#[livepatch(
    description = "Livepatch example: two functions in two objects",
    license = "GPL",
    authors = ["The klp authors"]
)]
mod greetings {
    use super::*;

    /// Shows `/proc/version`.
    #[livepatch(object = "vmlinux", replaces = "version_proc_show")]
    fn version(m: &SeqFile, _v: *mut c_void) -> Result {
        seq_print!(m, "a live patched kernel\n");
        Ok(())
    }

    /// Shows `/proc/klp_greeting`, a file of the module `klp_greeter`.
    #[livepatch(object = "klp_greeter", replaces = "greeting_show")]
    fn greeting(m: &SeqFile, _v: *mut c_void) -> Result {
        seq_print!(m, "hello from the live patch\n");
        Ok(())
    }
}
