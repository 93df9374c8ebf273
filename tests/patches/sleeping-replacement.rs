// SPDX-License-Identifier: GPL-2.0-only

//! A replacement with a tail call of a function that sleeps. If the compiler made it a jump, the task would sleep
//! in this module without the replacement on its stack, and the livepatch core would allow the module to be
//! unloaded meanwhile.

use kernel::time::{delay::fsleep, Delta};
use klp::prelude::*;
use klp::sync::{Atomic, Relaxed};

#[klp::symbols(object = "vmlinux")]
unsafe extern "C" {
    /// `sysctl kernel.overflowuid`, which nothing else in these machines uses.
    safe static overflowuid: Atomic<i32>;
}

/// The replacement sleeps while `overflowuid` has this value.
const SLEEP: i32 = 1;

#[livepatch(object = "vmlinux", replaces = "version_proc_show",
            description = "Test patch", license = "GPL")]
fn sleeping_version(m: &SeqFile, _v: *mut c_void) -> c_int {
    answer_and_sleep(m)
}

/// Sleeps until the test changes `overflowuid`.
#[inline(never)]
fn answer_and_sleep(m: &SeqFile) -> c_int {
    seq_print!(m, "slept\n");
    loop {
        fsleep(Delta::from_millis(200));
        if overflowuid.load(Relaxed) != SLEEP {
            break;
        }
    }
    // Not a constant, which the caller could return itself after a call.
    core::hint::black_box(0)
}
