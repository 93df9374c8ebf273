// SPDX-License-Identifier: GPL-2.0-only

//! The cost of reading a member of a view: one replacement reads it, another one does not. A third is compared with the
//! replacement that calls the original.

use klp::prelude::*;

#[kernel_struct("timespec64")]
struct Time {
    tv_nsec: isize,
}

#[livepatch(description = "Live patch for the benchmarks that reads a member of a structure", license = "GPL")]
mod view {
    use super::*;

    #[livepatch(object = "klp_bench_target", replaces = "klp_bench_reads", unsafe)]
    fn reads(time: &Time, number: i32) -> i32 {
        time.tv_nsec();
        number
    }

    #[livepatch(object = "klp_bench_target", replaces = "klp_bench_ignores", unsafe)]
    fn ignores(_time: &Time, number: i32) -> i32 {
        number
    }

    #[livepatch(object = "klp_bench_target", replaces = "klp_bench_000", unsafe)]
    fn bench_000(number: i32) -> i32 {
        number.wrapping_sub(1000)
    }
}
