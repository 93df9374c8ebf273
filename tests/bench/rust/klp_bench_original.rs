// SPDX-License-Identifier: GPL-2.0-only

//! The cost of a call of the original: the replacement does nothing else.

use klp::prelude::*;

#[livepatch(object = "klp_bench_target", replaces = "klp_bench_000", unsafe,
            description = "Live patch for the benchmarks that calls an original", license = "GPL")]
fn bench_000(number: i32) -> Result<i32> {
    original(number)
}
