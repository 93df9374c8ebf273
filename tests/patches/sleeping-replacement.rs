// SPDX-License-Identifier: GPL-2.0-only

//! A replacement that ends in a call, of a function that sleeps: the compiler would like to make a
//! jump of it. The task would then sleep in this module with no replacement on its stack, and the
//! livepatch core would let the module go under it.

use kernel::time::{delay::fsleep, Delta};
use klp::prelude::*;

#[livepatch(object = "vmlinux", replaces = "version_proc_show",
            description = "Test patch", license = "GPL")]
fn sleeping_version(m: &SeqFile, _v: *mut c_void) -> Result {
    seq_print!(m, "slept\n");
    if m as *const SeqFile as usize % 2 == 1 {
        // Never, but the compiler does not know: a function that calls itself has to exist apart
        // from its caller too.
        return sleeping_version(m, _v);
    }
    sleep()
}

/// Long enough for the test to look.
#[inline(never)]
fn sleep() -> Result {
    fsleep(Delta::from_secs(4));
    Ok(())
}
