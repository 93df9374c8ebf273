// SPDX-License-Identifier: GPL-2.0-only

//! Counts a function's memory accesses.

use crate::module::{Function, Module};

/// The accesses of a function to memory other than its stack.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Accesses {
    /// Instructions that read.
    pub loads: usize,
    /// Instructions that write.
    pub stores: usize,
}

impl Module<'_> {
    /// Counts the instructions of `function` that access memory other than its stack. One that reads
    /// and writes counts for both.
    pub fn accesses(&self, function: &Function) -> Accesses {
        let mut accesses = Accesses::default();
        for instruction in self.instructions(function) {
            let memory = instruction.memory();
            accesses.loads += memory.loads;
            accesses.stores += memory.stores;
        }
        accesses
    }
}
