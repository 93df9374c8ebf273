// SPDX-License-Identifier: GPL-2.0-only

//! Writes the changes into a copy of the module: existing entries in place, new ones at the end. Nothing
//! moves, and unknown contents are kept.

use super::error::Error;
use super::format::{SHF_RELA_LIVEPATCH, SHN_LIVEPATCH};
use super::plan::{Added, Plan};
use super::read::{File, offset};
use crate::elf::{FileHeader, Relocation, SectionHeader, Symbol};
use object::elf::{self, SymbolInfo, SymbolSection};
use object::endian::{U16, U32, U64};
use object::pod::{bytes_of, bytes_of_slice};
use object::{LittleEndian as LE, SectionIndex};

/// The alignment of relocations and section headers.
const ALIGN: usize = 8;

/// Applies the plan to the module.
pub(super) fn apply(file: &File<'_>, plan: &Plan) -> Result<Vec<u8>, Error> {
    let mut output = Output {
        bytes: file.elf.data.to_vec(),
        sections: file.elf.sections.headers.to_vec(),
    };
    output.mark_symbols(file, plan)?;
    output.shrink(plan)?;
    for mark in &plan.unlinked {
        output.put(mark.start, &vec![0; mark.len()])?;
    }
    if !plan.added.is_empty() {
        output.drop_section_headers(file);
        output.add(file, &plan.added)?;
    }
    output.write_section_headers(file)?;
    Ok(output.bytes)
}

/// Replaces bytes at an offset of the module, and the contents of a section.
pub(super) fn replace(
    file: &File<'_>,
    (start, bytes): (usize, &[u8]),
    (section, contents): (usize, &[u8]),
) -> Result<Vec<u8>, Error> {
    let mut output = Output {
        bytes: file.elf.data.to_vec(),
        sections: file.elf.sections.headers.to_vec(),
    };
    output.put(start, bytes)?;
    let start = output.append(contents);
    let section = output.section(SectionIndex(section))?;
    section.sh_offset = U64::new(LE, start as u64);
    section.sh_size = U64::new(LE, contents.len() as u64);
    output.write_section_headers(file)?;
    Ok(output.bytes)
}

struct Output {
    bytes: Vec<u8>,
    sections: Vec<SectionHeader>,
}

impl Output {
    /// Replaces bytes.
    fn put(&mut self, start: usize, bytes: &[u8]) -> Result<(), Error> {
        let place = start
            .checked_add(bytes.len())
            .and_then(|end| self.bytes.get_mut(start..end))
            .ok_or(Error::Damaged("a section past the end of the file"))?;
        place.copy_from_slice(bytes);
        Ok(())
    }

    /// Appends bytes, and returns their offset.
    fn append(&mut self, bytes: &[u8]) -> usize {
        let start = self.bytes.len().next_multiple_of(ALIGN);
        self.bytes.resize(start, 0);
        self.bytes.extend_from_slice(bytes);
        start
    }

    fn section(&mut self, index: SectionIndex) -> Result<&mut SectionHeader, Error> {
        self.sections
            .get_mut(index.0)
            .ok_or(Error::Damaged("a reference to a missing section"))
    }

    fn mark_symbols(&mut self, file: &File<'_>, plan: &Plan) -> Result<(), Error> {
        if plan.symbols.is_empty() {
            return Ok(());
        }
        let table = self
            .section(SectionIndex(file.elf.symbols.section))?
            .sh_offset
            .get(LE);
        for &index in &plan.symbols {
            let symbol = file.elf.symbols.all.get(index.0);
            let mut symbol = *symbol.ok_or(Error::Damaged("a reference to a missing symbol"))?;
            // As in the kernel's documentation and tools. Only the build needs weak symbols.
            symbol.st_info = SymbolInfo::new(elf::STB_GLOBAL, elf::STT_NOTYPE);
            symbol.st_shndx = U16::new(LE, SymbolSection(SHN_LIVEPATCH));
            symbol.st_value = U64::new(LE, 0);
            symbol.st_size = U64::new(LE, 0);
            self.put(
                offset(table)? + index.0 * size_of::<Symbol>(),
                bytes_of(&symbol),
            )?;
        }
        Ok(())
    }

    /// Removes the moved relocations from their sections, which remain even if empty.
    fn shrink(&mut self, plan: &Plan) -> Result<(), Error> {
        for (index, kept) in &plan.kept {
            let bytes = bytes_of_slice(kept.as_slice());
            let section = self.section(*index)?;
            section.sh_size = U64::new(LE, bytes.len() as u64);
            let start = section.sh_offset.get(LE);
            self.put(offset(start)?, bytes)?;
        }
        Ok(())
    }

    /// Removes the old table if it ends the file, as linkers place it, since a new one is appended.
    fn drop_section_headers(&mut self, file: &File<'_>) {
        let start = file.elf.header.e_shoff.get(LE);
        let size = size_of_val(file.elf.sections.headers);
        if start.checked_add(size as u64) == Some(self.bytes.len() as u64) {
            self.bytes.truncate(self.bytes.len() - size);
        }
    }

    fn add(&mut self, file: &File<'_>, added: &[Added]) -> Result<(), Error> {
        let (index, strings) = file.section_strings();
        let mut strings = strings.to_vec();
        for section in added {
            let name =
                u32::try_from(strings.len()).map_err(|_| Error::Damaged("too many names"))?;
            strings.extend_from_slice(section.name.to_string().as_bytes());
            strings.push(0);
            let header = self.relocations(file, section, name)?;
            self.sections.push(header);
        }
        let start = self.append(&strings);
        let section = self.section(index)?;
        section.sh_offset = U64::new(LE, start as u64);
        section.sh_size = U64::new(LE, strings.len() as u64);
        Ok(())
    }

    /// Adds a section's relocations, and returns its header.
    fn relocations(
        &mut self,
        file: &File<'_>,
        added: &Added,
        name: u32,
    ) -> Result<SectionHeader, Error> {
        let bytes = bytes_of_slice(added.relocations.as_slice());
        let start = self.append(bytes);
        let flags = elf::SHF_ALLOC.0 | elf::SHF_INFO_LINK.0 | SHF_RELA_LIVEPATCH;
        let number = |index: SectionIndex| {
            u32::try_from(index.0).map_err(|_| Error::Damaged("too many sections"))
        };
        Ok(SectionHeader {
            sh_name: U32::new(LE, name),
            sh_type: U32::new(LE, elf::SHT_RELA),
            sh_flags: U64::new(LE, elf::SectionFlags(flags)),
            sh_addr: U64::new(LE, 0),
            sh_offset: U64::new(LE, start as u64),
            sh_size: U64::new(LE, bytes.len() as u64),
            sh_link: U32::new(LE, number(SectionIndex(file.elf.symbols.section))?),
            sh_info: U32::new(LE, number(added.target)?),
            sh_addralign: U64::new(LE, ALIGN as u64),
            sh_entsize: U64::new(LE, size_of::<Relocation>() as u64),
        })
    }

    fn write_section_headers(&mut self, file: &File<'_>) -> Result<(), Error> {
        let sections = std::mem::take(&mut self.sections);
        let bytes = bytes_of_slice(sections.as_slice());
        if sections.len() == file.elf.sections.headers.len() {
            return self.put(offset(file.elf.header.e_shoff.get(LE))?, bytes);
        }
        let mut header: FileHeader = *file.elf.header;
        header.e_shoff = U64::new(LE, self.append(bytes) as u64);
        let count = u16::try_from(sections.len()).ok();
        header.e_shnum = U16::new(LE, count.ok_or(Error::Damaged("too many sections"))?);
        self.put(0, bytes_of(&header))
    }
}
