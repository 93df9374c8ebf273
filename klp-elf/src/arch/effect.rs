// SPDX-License-Identifier: GPL-2.0-only

//! The effects of an instruction: control flow, stack, memory accesses.

/// The control flow of an instruction.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Flow {
    /// Continues with the next one.
    Next,
    /// Calls a function.
    Call,
    /// Branches to this offset, perhaps conditionally, or to the target of a relocation.
    Branch(u64),
    /// Branches to an address in a register or in memory.
    IndirectBranch,
    /// Anything else, such as a return.
    Other,
}

/// The effect of an instruction on the stack pointer.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Effect {
    /// Saves a register of this size.
    Saves(u64),
    /// Reserves this many bytes: all that the function needs.
    Reserves(u64),
    /// Reserves this many bytes, perhaps as one of several in a row.
    Lowers(u64),
    /// Aligns the stack pointer down to a multiple of this.
    Aligns(u64),
    /// Reserves an amount that is only known at run time.
    Varies,
}

/// The memory accesses of an instruction, other than to the stack.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) struct Memory {
    pub(crate) loads: usize,
    pub(crate) stores: usize,
}
