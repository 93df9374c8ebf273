// SPDX-License-Identifier: GPL-2.0-only

//! The constants of a live patch's file: a section index, a section flag, a section, a modinfo key.

use crate::elf::SectionHeader;
#[cfg(feature = "code")]
use crate::elf::Symbol;
use object::LittleEndian as LE;

/// The section with the bytes that mark the module as unlinked.
pub const UNLINKED: &str = ".klp.unlinked";
/// The modinfo key with the common name of a patch's versions, if module names contain the version.
pub const SERIES: &str = "klp_series";
/// The section index of a livepatch symbol.
pub const SHN_LIVEPATCH: u16 = 0xff20;
/// The flag of sections whose relocations the livepatch core applies.
pub const SHF_RELA_LIVEPATCH: u64 = 0x0010_0000;

/// Whether the livepatch core applies the relocations of this section.
pub(crate) fn is_livepatch(section: &SectionHeader) -> bool {
    section.sh_flags.get(LE).0 & SHF_RELA_LIVEPATCH != 0
}

/// Whether the livepatch core resolves this symbol.
#[cfg(feature = "code")]
pub(crate) fn is_livepatch_symbol(symbol: &Symbol) -> bool {
    symbol.st_shndx.get(LE).0 == SHN_LIVEPATCH
}
