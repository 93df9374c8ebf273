// SPDX-License-Identifier: GPL-2.0-only

//! How much of a part is run, and on which kernels.

use klp_host::kernel::Core;

/// Our own kernels, for the kernel's selftests.
pub(super) const OWN_CORES: [Core; 2] = [Core::C, Core::Rust];

/// How much of a part is run.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Form {
    /// What runs before each change.
    Short,
    /// The long forms of parts, and additional parts, which take hours.
    Long {
        /// The number of cycles of the stress test.
        cycles: u32,
    },
}
