// SPDX-License-Identifier: GPL-2.0-only

//! Runs the stress test as one case.

use klp_host::kernel::Kernel;

use crate::bench;
use crate::case::Case;
use crate::report;

/// Loads and unloads a patch `cycles` times while programs are started, and reports the result.
pub(super) fn stress(kernel: &Kernel, cycles: u32) -> Case {
    let result = bench::stress(kernel, cycles).map(drop);
    let case = Case::from_result("stress", &format!("{cycles} cycles"), result);
    report::add_on(kernel.core.name(), &case);
    case
}
