// SPDX-License-Identifier: GPL-2.0-only

//! A module as the kernel's loader sees it: its sections, symbols and relocations, uninterpreted.
//!
//! Readers of ELF files refuse some of what has to be reported here, so this goes by the headers.

use crate::Error;
use crate::livepatch::{SHF_RELA_LIVEPATCH, SHN_LIVEPATCH};
use object::elf::{self, FileHeader64, Rela64};
use object::read::elf::{FileHeader as _, Rela as _, SectionHeader as _, Sym as _};
use object::{LittleEndian, SectionIndex, SymbolIndex};
use std::borrow::Cow;

/// The parts of a module.
pub(super) struct File<'data> {
    /// The first one is empty.
    pub(super) sections: Vec<Section<'data>>,
    /// The first one is empty.
    pub(super) symbols: Vec<Symbol<'data>>,
    /// The section that holds the symbols.
    pub(super) symtab: usize,
}

pub(super) struct Section<'data> {
    pub(super) name: Cow<'data, str>,
    pub(super) alloc: bool,
    pub(super) code: bool,
    /// Is it one that the livepatch core applies?
    pub(super) livepatch: bool,
    pub(super) size: u64,
    pub(super) link: usize,
    pub(super) info: usize,
    /// Nothing for one that is all zeros.
    pub(super) data: &'data [u8],
    /// When it is a section of relocations.
    pub(super) relocations: Option<&'data [Rela64<LittleEndian>]>,
}

pub(super) struct Symbol<'data> {
    pub(super) name: Cow<'data, str>,
    /// The section's number, or a number with a meaning of its own.
    pub(super) index: u16,
    /// The section that it is in.
    pub(super) section: Option<usize>,
    pub(super) value: u64,
    pub(super) size: u64,
    pub(super) weak: bool,
}

/// A relocation.
#[derive(Clone, Copy)]
pub(super) struct Relocation {
    pub(super) offset: u64,
    pub(super) symbol: usize,
    pub(super) kind: elf::RelocationType,
    pub(super) addend: i64,
}

const ENDIAN: LittleEndian = LittleEndian;

impl<'data> File<'data> {
    /// Reads the headers of what is known to be a module.
    pub(super) fn parse(data: &'data [u8]) -> Result<Self, Error> {
        let header = FileHeader64::<LittleEndian>::parse(data)?;
        header.endian()?;
        let found = || Error::NotAModule {
            found: format!(
                "an ELF file of type {} for machine {}",
                header.e_type.get(ENDIAN).0,
                header.e_machine.get(ENDIAN).0
            ),
        };
        let is_module = header.e_type.get(ENDIAN) == elf::ET_REL
            && header.e_machine.get(ENDIAN) == elf::EM_X86_64;
        if !is_module {
            return Err(found());
        }
        let table = header.sections(ENDIAN, data)?;
        let mut sections = Vec::with_capacity(table.len());
        for (_, section) in table.enumerate() {
            let flags = section.sh_flags(ENDIAN);
            sections.push(Section {
                name: String::from_utf8_lossy(table.section_name(ENDIAN, section)?),
                alloc: flags.contains(elf::SHF_ALLOC),
                code: flags.contains(elf::SHF_EXECINSTR),
                livepatch: flags.0 & SHF_RELA_LIVEPATCH != 0,
                size: section.sh_size(ENDIAN),
                link: section.sh_link(ENDIAN) as usize,
                info: section.sh_info(ENDIAN) as usize,
                data: section.data(ENDIAN, data)?,
                relocations: section.rela(ENDIAN, data)?.map(|(all, _)| all),
            });
        }
        let table = table.symbols(ENDIAN, data, elf::SHT_SYMTAB)?;
        let mut symbols = Vec::with_capacity(table.symbols().len());
        for (number, symbol) in table.symbols().iter().enumerate() {
            let section = table.symbol_section(ENDIAN, symbol, SymbolIndex(number))?;
            symbols.push(Symbol {
                name: String::from_utf8_lossy(table.symbol_name(ENDIAN, symbol)?),
                index: symbol.st_shndx(ENDIAN).0,
                section: section.map(|SectionIndex(section)| section),
                value: symbol.st_value(ENDIAN),
                size: symbol.st_size(ENDIAN),
                weak: symbol.st_bind() == elf::STB_WEAK,
            });
        }
        Ok(Self {
            sections,
            symbols,
            symtab: table.section().0,
        })
    }

    /// The section of that name, with its number.
    pub(super) fn section(&self, name: &str) -> Option<(usize, &Section<'data>)> {
        let mut sections = self.sections.iter().enumerate();
        sections.find(|(_, section)| section.name == name)
    }

    /// The relocations that the module loader applies, with the section that they change.
    pub(super) fn applied(&self) -> impl Iterator<Item = (usize, Relocation)> {
        self.sections
            .iter()
            .filter(|section| !section.livepatch)
            .filter(|section| self.sections.get(section.info).is_some_and(|to| to.alloc))
            .flat_map(|section| section.relocations().map(|all| (section.info, all)))
    }

    /// The C string at a place.
    pub(super) fn string(&self, section: usize, offset: u64) -> Option<&'data str> {
        let data = self.sections.get(section)?.data;
        let rest = data.get(usize::try_from(offset).ok()?..)?;
        let end = rest.iter().position(|&byte| byte == 0)?;
        std::str::from_utf8(&rest[..end]).ok()
    }
}

impl Section<'_> {
    /// Its relocations.
    pub(super) fn relocations(&self) -> impl Iterator<Item = Relocation> {
        let all = self.relocations.unwrap_or_default().iter();
        all.map(|relocation| Relocation {
            offset: relocation.r_offset(ENDIAN),
            symbol: relocation.r_sym(ENDIAN, false) as usize,
            kind: relocation.r_type(ENDIAN, false),
            addend: relocation.r_addend(ENDIAN),
        })
    }

    /// The eight bytes at an offset, as a number. What lies outside is 0.
    pub(super) fn word(&self, offset: u64) -> u64 {
        let bytes = usize::try_from(offset).ok().and_then(|start| {
            let end = start.checked_add(8)?;
            self.data.get(start..end)?.try_into().ok()
        });
        bytes.map(u64::from_le_bytes).unwrap_or_default()
    }
}

impl Symbol<'_> {
    /// Must the kernel or another module have it?
    pub(super) fn is_undefined(&self) -> bool {
        self.index == elf::SHN_UNDEF.0
    }

    /// Does the livepatch core resolve it?
    pub(super) fn is_livepatch(&self) -> bool {
        self.index == SHN_LIVEPATCH
    }
}
