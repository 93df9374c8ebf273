// SPDX-License-Identifier: GPL-2.0-only

//! The properties that differ between machines.

use object::elf::{self, RelocationType};

/// The properties of a machine.
pub(super) struct Facts {
    /// Its name.
    pub(super) name: &'static str,
    /// Its ELF machine number, `e_machine`.
    pub(super) number: elf::Machine,
    /// The relocation that does nothing.
    pub(super) none: RelocationType,
    /// The relocation of a pointer in data.
    pub(super) pointer: RelocationType,
    /// The relocation by which a kernel that starts at a random address moves a pointer.
    pub(super) relative: RelocationType,
    /// The relocations that the kernel applies to modules, and what each writes.
    pub(super) applied: &'static [(RelocationType, Written)],
    /// These, for messages.
    pub(super) applied_in_words: &'static str,
    /// Relocations through a global offset table, which only a linker makes, with their names.
    pub(super) by_table: &'static [(RelocationType, &'static str)],
    /// Relocations that are relative to the end of the instruction, if the field is at its end.
    pub(super) relative_to_end: &'static [RelocationType],
    /// The length of the patch site: the call, or the nop in its place, that ftrace changes.
    pub(super) traced_call: u64,
    /// The possible lengths of a function's entry, up to the end of the patch site.
    pub(super) entries: &'static [u64],
    /// The section of a module's file that lists its patch sites.
    pub(super) traced_places: &'static [u8],
    /// Finds the patch site from the listed address, if they differ.
    pub(super) site: Option<Site>,
    /// The kernel's return thunks: a jump to one is a return.
    pub(super) return_thunks: &'static [&'static [u8]],
}

/// Finds the patch site of a listed address. The callbacks return whether a function begins at an address, and the
/// instruction there.
pub(crate) type Site = fn(u64, &dyn Fn(u64) -> bool, &dyn Fn(u64) -> Option<u32>) -> Option<u64>;

/// The field that a relocation writes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Written {
    /// This many bytes, which have to be zero before.
    Bytes(usize),
    /// A part of an instruction.
    Instruction,
}

impl Written {
    /// The size in bytes.
    pub(crate) fn size(self) -> usize {
        match self {
            Self::Bytes(bytes) => bytes,
            Self::Instruction => 4,
        }
    }

    /// Whether the field has to be zero before.
    pub(crate) fn is_over_zeros(self) -> bool {
        match self {
            Self::Bytes(_) => true,
            Self::Instruction => false,
        }
    }
}
