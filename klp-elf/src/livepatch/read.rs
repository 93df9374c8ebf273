// SPDX-License-Identifier: GPL-2.0-only

//! A module's symbols, relocations and marks, as far as linking needs them.

use super::{Error, SHF_RELA_LIVEPATCH, SHN_LIVEPATCH, SYMBOL_PREFIX, SymbolName, UNLINKED};
use object::elf::{self, FileHeader64, Rela64, SectionHeader64};
use object::read::elf::{FileHeader as _, SectionHeader as _, SectionTable, Sym as _, SymbolTable};
use object::{LittleEndian as LE, SectionIndex};
use std::collections::BTreeMap;
use std::ops::Range;

pub(super) type FileHeader = FileHeader64<LE>;
pub(super) type Section = SectionHeader64<LE>;
pub(super) type Relocation = Rela64<LE>;
pub(super) type Symbol = elf::Sym64<LE>;

/// What follows the signature of a signed module.
const SIGNED: &[u8] = b"~Module signature appended~\n";

/// A module.
pub(super) struct File<'data> {
    pub(super) data: &'data [u8],
    pub(super) header: &'data FileHeader,
    pub(super) sections: SectionTable<'data, FileHeader>,
    pub(super) symbols: SymbolTable<'data, FileHeader>,
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
        let header = FileHeader::parse(data)?;
        let (kind, machine) = (header.e_type.get(LE), header.e_machine.get(LE));
        if !header.is_little_endian() || kind != elf::ET_REL || machine != elf::EM_X86_64 {
            return Err(Error::NotAModule {
                found: format!("of ELF type {kind} for machine {machine}"),
            });
        }
        let sections = header.sections(LE, data)?;
        let symbols = sections.symbols(LE, data, elf::SHT_SYMTAB)?;
        Ok(Self {
            data,
            header,
            sections,
            symbols,
        })
    }

    pub(super) fn section_name(&self, index: SectionIndex) -> Result<String, Error> {
        let section = self.sections.section(index)?;
        let name = self.sections.section_name(LE, section)?;
        Ok(String::from_utf8_lossy(name).into_owned())
    }

    /// The strings that the sections' names are in.
    pub(super) fn section_strings(&self) -> Result<(SectionIndex, &'data [u8]), Error> {
        let index = SectionIndex(self.header.shstrndx(LE, self.data)? as usize);
        let data = self.sections.section(index)?.data(LE, self.data)?;
        Ok((index, data))
    }

    /// The symbols that are to become livepatch symbols.
    pub(super) fn pending(&self) -> Result<BTreeMap<usize, SymbolName>, Error> {
        let mut pending = BTreeMap::new();
        for (index, symbol) in self.symbols.enumerate() {
            let name = self.symbols.symbol_name(LE, symbol)?;
            if !name.starts_with(SYMBOL_PREFIX.as_bytes()) {
                continue;
            }
            let name = String::from_utf8_lossy(name).into_owned();
            match symbol.st_shndx(LE) {
                elf::SHN_UNDEF => match name.parse() {
                    Ok(parsed) => drop(pending.insert(index.0, parsed)),
                    Err(reason) => {
                        let symbol = name;
                        return Err(Error::Name { symbol, reason });
                    }
                },
                elf::SymbolSection(SHN_LIVEPATCH) => {}
                elf::SymbolSection(section) => {
                    let symbol = name;
                    return Err(Error::Defined { symbol, section });
                }
            }
        }
        Ok(pending)
    }

    /// Where the file has marks that say that it was not linked.
    pub(super) fn unlinked(&self) -> Result<Vec<Range<usize>>, Error> {
        let mut marks = Vec::new();
        for section in self.sections.iter() {
            if self.sections.section_name(LE, section)? != UNLINKED.as_bytes() {
                continue;
            }
            let bytes = section.data(LE, self.data)?;
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

    /// The relocations by this module's table of symbols.
    pub(super) fn relocations(&self) -> Result<Vec<Relocations<'data>>, Error> {
        let mut found = Vec::new();
        for (index, section) in self.sections.enumerate() {
            if let Some((entries, symbols)) = section.rela(LE, self.data)? {
                if symbols == self.symbols.section() {
                    found.push(Relocations {
                        index,
                        target: section.info_link(LE),
                        entries,
                    });
                }
            }
        }
        Ok(found)
    }

    /// The first section of relocations that livepatch applies.
    pub(super) fn livepatch_section(&self) -> Result<Option<String>, Error> {
        match self
            .sections
            .enumerate()
            .find(|(_, section)| is_livepatch(section))
        {
            Some((index, _)) => self.section_name(index).map(Some),
            None => Ok(None),
        }
    }

    /// Does its modinfo make it a live patch?
    pub(super) fn is_patch(&self) -> Result<bool, Error> {
        let Some((_, modinfo)) = self.sections.section_by_name(LE, b".modinfo") else {
            return Ok(false);
        };
        let entries = modinfo.data(LE, self.data)?;
        Ok(entries
            .split(|&byte| byte == 0)
            .any(|entry| entry.starts_with(b"livepatch=")))
    }

    pub(super) fn is_signed(&self) -> bool {
        self.data.ends_with(SIGNED)
    }
}

fn is_livepatch(section: &Section) -> bool {
    section.sh_flags.get(LE).0 & SHF_RELA_LIVEPATCH != 0
}

/// A place in a file that is in memory.
pub(super) fn offset(offset: u64) -> Result<usize, Error> {
    usize::try_from(offset).map_err(|_| Error::Damaged("an offset past the end of the file"))
}
