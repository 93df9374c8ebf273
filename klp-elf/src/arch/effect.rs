// SPDX-License-Identifier: GPL-2.0-only

//! The effects of an instruction: control flow, stack, memory accesses.

/// The control flow of an instruction.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Flow {
    /// To the next one.
    Next,
    /// To a function, and back.
    Call,
    /// To this place, perhaps conditionally, or to the target of a relocation.
    Branch(u64),
    /// To a place that it has from elsewhere.
    IndirectBranch,
    /// It returns, or does something else.
    Other,
}

/// What an instruction does to the stack.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Effect {
    /// It saves a register of so many bytes.
    Saves(u64),
    /// It reserves so many bytes, all that the function needs.
    Reserves(u64),
    /// It reserves so many bytes, perhaps one of several in a row.
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
