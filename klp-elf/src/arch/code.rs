// SPDX-License-Identifier: GPL-2.0-only

//! Decodes the instructions of all supported machines.

use super::Machine;
use super::arm64::code as arm64;
use super::effect::{Effect, Flow, Memory};
use super::x86::code as x86;

/// An instruction.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Instruction {
    X86(x86::Instruction),
    Arm64(arm64::Instruction),
}

impl Instruction {
    /// The offset of its first byte.
    pub(crate) fn start(&self) -> u64 {
        match self {
            Self::X86(instruction) => instruction.start(),
            Self::Arm64(instruction) => instruction.start(),
        }
    }

    /// The offset behind it.
    pub(crate) fn end(&self) -> u64 {
        match self {
            Self::X86(instruction) => instruction.end(),
            Self::Arm64(instruction) => instruction.end(),
        }
    }

    pub(crate) fn flow(&self) -> Flow {
        match self {
            Self::X86(instruction) => instruction.flow(),
            Self::Arm64(instruction) => instruction.flow(),
        }
    }

    /// Whether the instruction is a call or a branch, which does not take the address of its operand.
    pub(crate) fn is_call_or_branch(&self) -> bool {
        matches!(self.flow(), Flow::Call | Flow::Branch(_))
    }

    pub(crate) fn effect(&self) -> Option<Effect> {
        match self {
            Self::X86(instruction) => instruction.effect(),
            Self::Arm64(instruction) => instruction.effect(),
        }
    }

    pub(crate) fn memory(&self) -> Memory {
        match self {
            Self::X86(instruction) => instruction.memory(),
            Self::Arm64(instruction) => instruction.memory(),
        }
    }

    /// The distance from the relocated field at `field` to the position that its value is relative to: on x86, the end
    /// of the instruction.
    pub(crate) fn behind(&self, field: u64) -> u64 {
        match self {
            Self::X86(instruction) => instruction.end().wrapping_sub(field),
            Self::Arm64(_) => 0,
        }
    }

    /// Disassembles the instruction.
    pub(crate) fn text(&self) -> String {
        match self {
            Self::X86(instruction) => instruction.text(),
            Self::Arm64(instruction) => instruction.text(),
        }
    }
}

/// Iterates over the instructions of a function.
pub(crate) enum Instructions<'data> {
    // The decoder is large.
    X86(Box<x86::Instructions<'data>>),
    Arm64(arm64::Instructions<'data>),
}

impl<'data> Instructions<'data> {
    /// Decodes `code`, which is at `start` in its section.
    pub(crate) fn new(machine: Machine, code: &'data [u8], start: u64) -> Self {
        match machine {
            Machine::X86 => Self::X86(Box::new(x86::Instructions::new(code, start))),
            Machine::Arm64 => Self::Arm64(arm64::Instructions::new(code, start)),
        }
    }
}

impl Iterator for Instructions<'_> {
    type Item = Instruction;

    fn next(&mut self) -> Option<Instruction> {
        match self {
            Self::X86(all) => all.next().map(Instruction::X86),
            Self::Arm64(all) => all.next().map(Instruction::Arm64),
        }
    }
}

impl Machine {
    /// The offset of the target from the symbol, if the relocation at `offset` of `code` is that of a call or
    /// jump.
    pub(crate) fn call(
        self,
        kind: object::elf::RelocationType,
        code: &[u8],
        offset: u64,
        addend: i64,
    ) -> Option<i64> {
        match self {
            Self::X86 => x86::call(kind, code, offset, addend),
            Self::Arm64 => arm64::call(kind, addend),
        }
    }
}
