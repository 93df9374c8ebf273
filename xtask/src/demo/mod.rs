// SPDX-License-Identifier: GPL-2.0-only

//! What the demo shows, and how it is recorded.

mod recording;

pub use recording::{Recording, svg};

/// What runs in the guest.
pub const GUEST: &str = include_str!("guest.sh");
