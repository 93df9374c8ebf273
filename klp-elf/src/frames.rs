// SPDX-License-Identifier: GPL-2.0-only

//! The stack frames of functions.
//!
//! A kernel stack has 16 KiB and a guard page. Kernel code has no
//! stack probes: a frame larger than a page can reach beyond the guard page.

use crate::arch::effect::{Effect, Flow};
use crate::module::{Function, Module};
use std::fmt;

/// The largest frame without a warning: the kernel's own limit for C on 64-bit
/// (`CONFIG_FRAME_WARN`).
pub const FRAME_MAX: u64 = 2048;

/// The size of the guard page.
pub(crate) const GUARD: u64 = 4096;

/// The size of a function's frame, without the return address.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Frame {
    /// A fixed number of bytes.
    Bytes(u64),
    /// It depends on the arguments.
    Varies,
}

impl Frame {
    /// Whether it is larger than `limit`, or may be.
    pub fn exceeds(self, limit: u64) -> bool {
        match self {
            Self::Bytes(bytes) => bytes > limit,
            Self::Varies => true,
        }
    }
}

impl fmt::Display for Frame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bytes(bytes) => write!(f, "{bytes} bytes"),
            Self::Varies => f.write_str("an unknown number of bytes"),
        }
    }
}

impl Module<'_> {
    /// The size of a function's frame: saved registers and reserved space.
    pub fn frame(&self, function: &Function) -> Frame {
        let mut begins = true;
        let (mut saved, mut reserved, mut aligned) = (0_u64, 0_u64, 0_u64);
        // The amount reserved since the last branch target.
        let mut lowered = 0_u64;
        for instruction in self.instructions(function) {
            match instruction.effect() {
                Some(Effect::Saves(bytes)) if begins => saved += bytes,
                Some(Effect::Saves(_)) | None => {}
                Some(Effect::Reserves(bytes)) => {
                    begins = false;
                    reserved = bytes.max(reserved);
                }
                Some(Effect::Lowers(bytes)) => {
                    lowered = lowered.saturating_add(bytes);
                    reserved = lowered.max(reserved);
                }
                Some(Effect::Aligns(bytes)) => aligned = bytes.max(aligned),
                Some(Effect::Varies) => return Frame::Varies,
            }
            if !matches!(instruction.flow(), Flow::Next | Flow::Call) {
                begins = false;
                lowered = 0;
            }
        }
        Frame::Bytes(saved.saturating_add(reserved).saturating_add(aligned))
    }
}
