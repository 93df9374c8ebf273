// SPDX-License-Identifier: GPL-2.0-only

//! A replacement that ends in a call, of a function that sleeps: the compiler would like to make a
//! jump of it. The task would then sleep in this module with no replacement on its stack, and the
//! livepatch core would let the module go under it.

use kernel::time::{delay::fsleep, Delta};
use klp::prelude::*;

#[livepatch(object = "vmlinux", replaces = "version_proc_show",
            description = "Test patch", license = "GPL")]
fn sleeping_version(m: &SeqFile, _v: *mut c_void) -> c_int {
    answer_and_sleep(m)
}

/// Sleeps long enough for the test to look.
#[inline(never)]
fn answer_and_sleep(m: &SeqFile) -> c_int {
    seq_print!(m, "slept\n");
    fsleep(Delta::from_secs(4));
    // The caller has to pass this on: a constant it could put in itself, after a call.
    core::hint::black_box(0)
}
