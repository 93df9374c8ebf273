// SPDX-License-Identifier: GPL-2.0-only

//! Machines: what differs between the modules and kernels of two of them. What a file is for stands in its header.
//! The facts of each machine are in a file of its own; nothing else of this crate names one.

#[cfg(feature = "code")]
pub(crate) mod code;
mod x86;

use crate::elf::FileHeader;
use object::LittleEndian as LE;
use object::elf::{self, RelocationType};

/// A machine that modules are for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Machine {
    /// 64-bit PCs.
    X86,
}

/// What there is to know of a machine.
struct Facts {
    /// What its makers call it.
    name: &'static str,
    /// Its number in the headers of ELF files.
    number: elf::Machine,
    /// The relocation that does nothing.
    none: RelocationType,
    /// The relocation of a pointer in data.
    pointer: RelocationType,
    /// The relocations that the kernel applies to modules, and what each writes.
    applied: &'static [(RelocationType, Written)],
    /// All of these in few words.
    applied_in_words: &'static str,
    /// Relocations that go by a table of addresses, which only a linker makes.
    by_table: &'static [(RelocationType, &'static str)],
    /// Relocations whose value counts from the end of the instruction, where the field stands at that end.
    from_end: &'static [RelocationType],
    /// The length of the call, or of the nop in its place, that ftrace changes.
    traced_call: u64,
    /// The section of a module's file that lists its places for tracing.
    traced_places: &'static [u8],
    /// What the kernel puts in the place of a return: jumping there is returning.
    return_thunks: &'static [&'static [u8]],
}

/// What a relocation writes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Written {
    /// So many bytes, which the kernel wants to be zero before.
    Bytes(usize),
}

impl Written {
    /// How many bytes.
    pub(crate) fn size(self) -> usize {
        match self {
            Self::Bytes(bytes) => bytes,
        }
    }

    /// Are there to be zeros before?
    pub(crate) fn is_over_zeros(self) -> bool {
        match self {
            Self::Bytes(_) => true,
        }
    }
}

impl Machine {
    /// All of them.
    pub const ALL: [Self; 1] = [Self::X86];

    /// That of this machine.
    pub const HOST: Self = Self::X86;

    fn facts(self) -> &'static Facts {
        match self {
            Self::X86 => &x86::FACTS,
        }
    }

    /// What a file is for, if that is known here.
    pub(crate) fn of(header: &FileHeader) -> Option<Self> {
        let number = header.e_machine.get(LE);
        Self::ALL.into_iter().find(|it| it.facts().number == number)
    }

    /// The names of all.
    pub(crate) fn all_names() -> String {
        Self::ALL.map(|machine| machine.facts().name).join(" or ")
    }

    /// Does this relocation do nothing?
    pub(crate) fn is_none(self, kind: RelocationType) -> bool {
        self.facts().none == kind
    }

    /// The relocation of a pointer in data.
    pub(crate) fn pointer(self) -> RelocationType {
        self.facts().pointer
    }

    /// What the kernel writes for this relocation of a module. `None` for one that it refuses.
    pub(crate) fn written(self, kind: RelocationType) -> Option<Written> {
        let mut applied = self.facts().applied.iter();
        applied
            .find(|(it, _)| *it == kind)
            .map(|(_, written)| *written)
    }

    /// All relocations that the kernel applies, in few words.
    pub(crate) fn applied_in_words(self) -> &'static str {
        self.facts().applied_in_words
    }

    /// The name of a relocation that goes by a table of addresses.
    pub(crate) fn by_table(self, kind: RelocationType) -> Option<&'static str> {
        let mut kinds = self.facts().by_table.iter();
        kinds.find(|(it, _)| *it == kind).map(|(_, name)| *name)
    }

    /// The relocations whose value counts from the end of the instruction.
    pub(crate) fn from_end(self) -> &'static [RelocationType] {
        self.facts().from_end
    }

    /// The length of the call that ftrace changes.
    pub(crate) fn traced_call(self) -> u64 {
        self.facts().traced_call
    }

    /// The section of a module's file that lists its places for tracing.
    pub(crate) fn traced_places(self) -> &'static [u8] {
        self.facts().traced_places
    }

    /// Is jumping to this symbol returning?
    pub(crate) fn returns_by(self, symbol: &[u8]) -> bool {
        self.facts().return_thunks.contains(&symbol)
    }
}
