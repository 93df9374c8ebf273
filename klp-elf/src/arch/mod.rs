// SPDX-License-Identifier: GPL-2.0-only

//! The architecture-dependent properties of modules and kernels. The ELF header selects the machine. Each has a
//! file; the rest of this crate is independent of it.

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

    /// The machine that this program runs on.
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

    /// The names of all, for messages.
    pub(crate) fn all_names() -> String {
        Self::ALL.map(|machine| machine.facts().name).join(" or ")
    }

    /// Whether this relocation does nothing.
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

    /// The relocations that the kernel applies, for messages.
    pub(crate) fn applied_in_words(self) -> &'static str {
        self.facts().applied_in_words
    }

    /// The name of a relocation through a global offset table.
    pub(crate) fn by_table(self, kind: RelocationType) -> Option<&'static str> {
        let mut kinds = self.facts().by_table.iter();
        kinds.find(|(it, _)| *it == kind).map(|(_, name)| *name)
    }

    /// The relocations that are relative to the end of the instruction.
    pub(crate) fn relative_to_end(self) -> &'static [RelocationType] {
        self.facts().relative_to_end
    }

    /// The length of the patch site.
    pub(crate) fn traced_call(self) -> u64 {
        self.facts().traced_call
    }

    /// The possible lengths of a function's entry, up to the end of the patch site.
    pub fn entries(self) -> &'static [u64] {
        self.facts().entries
    }

    /// Finds the patch site of an address that the kernel's file or a module's lists. `None` if they list the
    /// sites themselves.
    pub(crate) fn site(self) -> Option<Site> {
        self.facts().site
    }

    /// The section of a module's file that lists its patch sites.
    pub(crate) fn traced_places(self) -> &'static [u8] {
        self.facts().traced_places
    }

    /// Whether a jump to this symbol is a return.
    pub fn returns_by(self, symbol: &[u8]) -> bool {
        self.facts().return_thunks.contains(&symbol)
    }
}
