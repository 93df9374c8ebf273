// SPDX-License-Identifier: GPL-2.0-only

//! Reads the symbols, relocations and marks of a module that linking needs.

use super::error::Error;
use super::format::{SHN_LIVEPATCH, UNLINKED, is_livepatch};
use super::names::{SYMBOL_PREFIX, SymbolName};
use crate::arch::Machine;
use crate::elf::{Elf, Relocation};
use crate::limits::FUNCTIONS_MAX;
use crate::module::is_signed;
use crate::text::Name;
use object::elf::{self, SymbolSection};
use object::{LittleEndian as LE, SectionIndex};
use std::collections::BTreeMap;
use std::ops::Range;

/// A module.
pub(super) struct File<'data> {
    pub(super) machine: Machine,
    pub(super) elf: Elf<'data>,
}

/// A section with relocations.
pub(super) struct Relocations<'data> {
    /// The section that holds them.
    pub(super) index: SectionIndex,
    /// The section that is relocated.
    pub(super) target: SectionIndex,
    pub(super) entries: &'data [Relocation],
}

impl<'data> File<'data> {
    pub(super) fn parse(data: &'data [u8]) -> Result<Self, Error> {
        let elf = Elf::parse(data)?;
        let (kind, machine) = (elf.header.e_type.get(LE), elf.header.e_machine.get(LE));
        let not_a_module = || Error::NotAModule {
            found: format!("of ELF type {kind} for machine {machine}"),
            machines: Machine::all_names(),
        };
        Ok(Self {
            machine: elf.module_machine().ok_or_else(not_a_module)?,
            elf,
        })
    }

    pub(super) fn section_name(&self, SectionIndex(section): SectionIndex) -> &'data [u8] {
        self.elf.sections.name(section)
    }

    /// The string table with the sections' names.
    pub(super) fn section_strings(&self) -> (SectionIndex, &'data [u8]) {
        let section = self.elf.header.e_shstrndx.get(LE).0;
        (SectionIndex(section.into()), self.elf.sections.names.0)
    }

    /// The symbols that are to become livepatch symbols.
    pub(super) fn pending(&self) -> Result<BTreeMap<usize, SymbolName>, Error> {
        let mut pending = BTreeMap::new();
        let symbols = self.elf.symbols;
        for (index, symbol) in symbols.all.iter().enumerate() {
            let name = symbols.name(symbol);
            if !name.starts_with(SYMBOL_PREFIX.as_bytes()) {
                continue;
            }
            let symbol_name = || Name::new(name);
            match symbol.st_shndx.get(LE) {
                elf::SHN_UNDEF => match SymbolName::parse(name) {
                    Ok(parsed) => drop(pending.insert(index, parsed)),
                    Err(reason) => {
                        let symbol = symbol_name();
                        return Err(Error::Name { symbol, reason });
                    }
                },
                SymbolSection(SHN_LIVEPATCH) => {}
                SymbolSection(section) => {
                    let symbol = symbol_name();
                    return Err(Error::Defined { symbol, section });
                }
            }
            if pending.len() > FUNCTIONS_MAX {
                return Err(Error::TooMany {
                    limit: FUNCTIONS_MAX,
                });
            }
        }
        Ok(pending)
    }

    /// The ranges of the file that mark it as unlinked.
    pub(super) fn unlinked(&self) -> Result<Vec<Range<usize>>, Error> {
        let mut marks = Vec::new();
        for (number, section) in self.elf.sections.headers.iter().enumerate() {
            if self.elf.sections.name(number) != UNLINKED.as_bytes() {
                continue;
            }
            let bytes = self.elf.bytes(number);
            if bytes.is_empty() || bytes.iter().any(|&byte| byte > 1) {
                return Err(Error::Unlinked);
            }
            if bytes.contains(&1) {
                let start = offset(section.sh_offset.get(LE))?;
                marks.push(start..start + bytes.len());
            }
        }
        Ok(marks)
    }

    /// The relocations that use this module's symbol table.
    pub(super) fn relocations(&self) -> Vec<Relocations<'data>> {
        let mut found = Vec::new();
        for (number, section) in self.elf.sections.headers.iter().enumerate() {
            let own = section.sh_link.get(LE) as usize == self.elf.symbols.section;
            if let Some(entries) = self.elf.relocations(number).filter(|_| own) {
                found.push(Relocations {
                    index: SectionIndex(number),
                    target: SectionIndex(section.sh_info.get(LE) as usize),
                    entries,
                });
            }
        }
        found
    }

    /// The first section of livepatch relocations.
    pub(super) fn livepatch_section(&self) -> Option<Name> {
        let first = self.elf.sections.headers.iter().position(is_livepatch)?;
        Some(Name::new(self.elf.sections.name(first)))
    }

    /// Whether its modinfo makes it a live patch.
    pub(super) fn is_patch(&self) -> bool {
        self.elf
            .bytes_of(b".modinfo")
            .split(|&byte| byte == 0)
            .any(|entry| entry.starts_with(b"livepatch="))
    }

    pub(super) fn is_signed(&self) -> bool {
        is_signed(self.elf.data)
    }
}

/// An offset in a file in memory.
pub(super) fn offset(offset: u64) -> Result<usize, Error> {
    usize::try_from(offset).map_err(|_| Error::Damaged("an offset past the end of the file"))
}
