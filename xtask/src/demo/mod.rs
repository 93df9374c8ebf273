// SPDX-License-Identifier: GPL-2.0-only

//! The demo and its recording.

mod recording;

pub use recording::{Recording, svg};

/// The script that runs in the guest.
pub const GUEST: &str = include_str!("guest.sh");
