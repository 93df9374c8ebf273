// SPDX-License-Identifier: GPL-2.0-only

//! A replacement that ends in a call, of a function that sleeps: the compiler would like to make a
//! jump of it. The task would then sleep in this module with no replacement on its stack, and the
//! livepatch core would let the module go under it.

use kernel::time::{delay::fsleep, Delta};
use klp::prelude::*;
use klp::sync::{Atomic, Relaxed};

#[klp::symbols(object = "vmlinux")]
unsafe extern "C" {
    /// `sysctl kernel.overflowuid`, which nothing else in these machines uses.
    safe static overflowuid: Atomic<i32>;
}

/// The `overflowuid` during which the replacement sleeps.
const SLEEP: i32 = 1;

#[livepatch(object = "vmlinux", replaces = "version_proc_show",
            description = "Test patch", license = "GPL")]
fn sleeping_version(m: &SeqFile, _v: *mut c_void) -> c_int {
    answer_and_sleep(m)
}

/// Sleeps until the test has looked.
#[inline(never)]
fn answer_and_sleep(m: &SeqFile) -> c_int {
    seq_print!(m, "slept\n");
    loop {
        fsleep(Delta::from_millis(200));
        if overflowuid.load(Relaxed) != SLEEP {
            break;
        }
    }
    // The caller has to pass this on: a constant it could put in itself, after a call.
    core::hint::black_box(0)
}
