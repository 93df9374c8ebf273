// SPDX-License-Identifier: GPL-2.0-only

//! How much of the stack a function takes.
//!
//! A kernel stack has 16 KiB with a page behind it that nobody may touch. Code of the kernel has no
//! probes: a frame that is larger than that page reaches over it, into what belongs to others.

use crate::arch::code::{Effect, Flow};
use crate::module::{Function, Module};
use std::fmt;

/// The largest frame that a function should have: the kernel's own limit for C on 64-bit
/// (`CONFIG_FRAME_WARN`).
pub const FRAME_MAX: u64 = 2048;

/// The page behind a stack.
pub(crate) const GUARD: u64 = 4096;

/// The frame of a function, without the address that it returns to.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Frame {
    /// So many bytes.
    Bytes(u64),
    /// It depends on what the function is called with.
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
    /// How much of the stack a function takes: what it saves when it begins, and what it reserves at once.
    pub fn frame(&self, function: &Function) -> Frame {
        let mut begins = true;
        let (mut saved, mut reserved, mut aligned) = (0_u64, 0_u64, 0_u64);
        // What was reserved since control came from elsewhere.
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
