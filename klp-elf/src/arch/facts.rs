// SPDX-License-Identifier: GPL-2.0-only

//! The properties that differ between machines.

use object::elf::{self, RelocationType};

/// The properties of a machine.
pub(super) struct Facts {
    /// What its makers call it.
    pub(super) name: &'static str,
    /// Its number in the headers of ELF files.
    pub(super) number: elf::Machine,
    /// The relocation that does nothing.
    pub(super) none: RelocationType,
    /// The relocation of a pointer in data.
    pub(super) pointer: RelocationType,
    /// The relocation by which a kernel that starts at a random address moves a pointer.
    pub(super) relative: RelocationType,
    /// The relocations that the kernel applies to modules, and what each writes.
    pub(super) applied: &'static [(RelocationType, Written)],
    /// All of these in few words.
    pub(super) applied_in_words: &'static str,
    /// Relocations that go by a table of addresses, which only a linker makes.
    pub(super) by_table: &'static [(RelocationType, &'static str)],
    /// Relocations that are relative to the end of the instruction, if the field is at its end.
    pub(super) relative_to_end: &'static [RelocationType],
    /// The length of the call, or of the nop in its place, that ftrace changes.
    pub(super) traced_call: u64,
    /// How long the entries of functions are: up to the end of that call.
    pub(super) entries: &'static [u64],
    /// The section of a module's file that lists its places for tracing.
    pub(super) traced_places: &'static [u8],
    /// Finds that call from the listed place, if they differ.
    pub(super) site: Option<Site>,
    /// The kernel's return thunks: a jump to one is a return.
    pub(super) return_thunks: &'static [&'static [u8]],
}

/// Finds the traced call of a listed place. Its arguments tell whether a function begins at a place, and the instruction
/// there.
pub(crate) type Site = fn(u64, &dyn Fn(u64) -> bool, &dyn Fn(u64) -> Option<u32>) -> Option<u64>;

/// The field that a relocation writes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Written {
    /// This number of bytes, which have to be zero before.
    Bytes(usize),
    /// A part of an instruction.
    Instruction,
}

impl Written {
    /// How many bytes.
    pub(crate) fn size(self) -> usize {
        match self {
            Self::Bytes(bytes) => bytes,
            Self::Instruction => 4,
        }
    }

    /// Are there to be zeros before?
    pub(crate) fn is_over_zeros(self) -> bool {
        match self {
            Self::Bytes(_) => true,
            Self::Instruction => false,
        }
    }
}
