// SPDX-License-Identifier: GPL-2.0-only

//! The machines: the architecture-dependent properties of modules and kernels, by the ELF header.
//! Each machine has a file; the rest of this crate is independent of it.

mod arm64;
#[cfg(feature = "code")]
pub(crate) mod code;
#[cfg(feature = "code")]
pub(crate) mod effect;
mod facts;
mod x86;

pub(crate) use facts::{Site, Written};

use crate::elf::FileHeader;
use facts::Facts;
use object::LittleEndian as LE;
use object::elf::RelocationType;

/// A machine that modules are for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Machine {
    /// 64-bit PCs.
    X86,
    /// 64-bit Arm.
    Arm64,
}

impl Machine {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::X86, Self::Arm64];

    /// That of this machine.
    pub const HOST: Self = if cfg!(target_arch = "aarch64") {
        Self::Arm64
    } else {
        Self::X86
    };

    fn facts(self) -> &'static Facts {
        match self {
            Self::X86 => &x86::FACTS,
            Self::Arm64 => &arm64::FACTS,
        }
    }

    /// The machine of a file, if supported.
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

    /// The relocation by which a kernel that starts at a random address moves a pointer.
    pub(crate) fn relative(self) -> RelocationType {
        self.facts().relative
    }

    /// The field that the kernel writes for this relocation of a module. `None` if it refuses it.
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

    /// The name of a relocation through a table of addresses.
    pub(crate) fn by_table(self, kind: RelocationType) -> Option<&'static str> {
        let mut kinds = self.facts().by_table.iter();
        kinds.find(|(it, _)| *it == kind).map(|(_, name)| *name)
    }

    /// The relocations that are relative to the end of the instruction.
    pub(crate) fn relative_to_end(self) -> &'static [RelocationType] {
        self.facts().relative_to_end
    }

    /// The length of the call that ftrace changes.
    pub(crate) fn traced_call(self) -> u64 {
        self.facts().traced_call
    }

    /// How long the entries of functions are, up to the end of the call that ftrace changes.
    pub fn entries(self) -> &'static [u64] {
        self.facts().entries
    }

    /// Where the call is that ftrace changes, for a place that the kernel's file or a module's lists. `None` where
    /// they list the calls.
    pub(crate) fn site(self) -> Option<Site> {
        self.facts().site
    }

    /// The section of a module's file that lists its places for tracing.
    pub(crate) fn traced_places(self) -> &'static [u8] {
        self.facts().traced_places
    }

    /// Is jumping to this symbol returning?
    pub fn returns_by(self, symbol: &[u8]) -> bool {
        self.facts().return_thunks.contains(&symbol)
    }
}
