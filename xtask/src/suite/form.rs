// SPDX-License-Identifier: GPL-2.0-only

//! Short and long forms of parts, and the kernels of some.

use klp_host::kernel::Core;

/// The small kernels that are built here.
pub(super) const OWN_CORES: [Core; 2] = [Core::C, Core::Rust];

/// The extent of the tests.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Form {
    /// The tests that run before each change.
    Short,
    /// The long forms of parts, and additional parts, which take hours.
    Long {
        /// The number of cycles of the stress test.
        cycles: u32,
    },
}
