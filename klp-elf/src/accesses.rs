// SPDX-License-Identifier: GPL-2.0-only

//! How often a function goes to memory.

use crate::module::{Function, Module};
use iced_x86::{InstructionInfoFactory, OpAccess, Register};

/// The accesses of a function to memory other than its stack.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Accesses {
    /// Instructions that read.
    pub loads: usize,
    /// Instructions that write.
    pub stores: usize,
}

impl Module<'_> {
    /// Counts the instructions of `function` that access memory, its stack excepted. One that reads
    /// and writes counts for both.
    pub fn accesses(&self, function: &Function) -> Accesses {
        let mut factory = InstructionInfoFactory::new();
        let mut accesses = Accesses::default();
        for instruction in self.instructions(function) {
            for used in factory.info(&instruction).used_memory() {
                // A kernel is built without frame pointers, so RBP is like any other register.
                if used.base() == Register::RSP {
                    continue;
                }
                accesses.loads += usize::from(reads(used.access()));
                accesses.stores += usize::from(writes(used.access()));
            }
        }
        accesses
    }
}

fn reads(access: OpAccess) -> bool {
    use OpAccess::{CondRead, Read, ReadCondWrite, ReadWrite};
    matches!(access, Read | CondRead | ReadWrite | ReadCondWrite)
}

fn writes(access: OpAccess) -> bool {
    use OpAccess::{CondWrite, ReadCondWrite, ReadWrite, Write};
    matches!(access, Write | CondWrite | ReadWrite | ReadCondWrite)
}
