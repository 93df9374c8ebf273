// SPDX-License-Identifier: GPL-2.0-only

//! The view of untrusted ELF files: headers, sections and symbols.
//!
//! The layouts are those of `object`. Its readers do not limit overlap: names and sections may share
//! bytes, so that reading all of them takes much more than the file's size. This view limits names,
//! and the sections of a file in memory are together no larger than the file.

use crate::arch::Machine;
use crate::limits::{NAME_MAX, SECTION_NAME_MAX};
use object::LittleEndian as LE;
use object::elf::{self, FileHeader64, Rela64, SectionHeader64, Sym64};
use object::pod;
use std::ffi::CStr;
use std::ops::Range;

pub(crate) type FileHeader = FileHeader64<LE>;
pub(crate) type SectionHeader = SectionHeader64<LE>;
pub(crate) type Symbol = Sym64<LE>;
pub(crate) type Relocation = Rela64<LE>;

/// Damage of an ELF file.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Damage {
    /// It has another format.
    #[error("it has no ELF header of a 64-bit little-endian machine")]
    NotElf,
    /// Part of it is missing.
    #[error("it is truncated: {0} would be past its end")]
    CutOff(&'static str),
    /// The table of section headers is invalid.
    #[error("its section headers are damaged")]
    Sections,
    /// Sections share bytes.
    #[error("its sections overlap: they have {sections} bytes, and the file has {file}")]
    Overlap {
        /// The total size of the sections.
        sections: u64,
        /// The size of the file.
        file: u64,
    },
    /// A section's name is too long.
    #[error("section {section} has a name of more than {SECTION_NAME_MAX} bytes")]
    SectionName {
        /// Its index.
        section: usize,
    },
    /// A symbol refers to a missing entry.
    #[error("symbol {symbol} has no {what}")]
    Symbol {
        /// Its index.
        symbol: usize,
        /// The missing entry.
        what: &'static str,
    },
}

/// An ELF file in memory, whose sections are within it and do not overlap.
#[derive(Clone, Copy)]
pub(crate) struct Elf<'data> {
    pub(crate) data: &'data [u8],
    pub(crate) header: &'data FileHeader,
    pub(crate) sections: Sections<'data>,
    pub(crate) symbols: Symbols<'data>,
}

/// The sections of an ELF file.
#[derive(Clone, Copy, Default)]
pub(crate) struct Sections<'data> {
    pub(crate) headers: &'data [SectionHeader],
    pub(crate) names: Strings<'data>,
}

/// The symbols of an ELF file.
#[derive(Clone, Copy, Default)]
pub(crate) struct Symbols<'data> {
    /// The first is the null symbol.
    pub(crate) all: &'data [Symbol],
    pub(crate) names: Strings<'data>,
    /// The index of the symbol table; 0 if there is none.
    #[cfg_attr(not(any(feature = "code", feature = "link")), allow(dead_code))]
    pub(crate) section: usize,
}

/// A string table: strings that end in NUL.
#[derive(Clone, Copy, Default)]
pub(crate) struct Strings<'data>(pub(crate) &'data [u8]);

impl<'data> Strings<'data> {
    /// The string at an offset, truncated to `limit + 1` bytes, by which callers recognise one that is too
    /// long. Empty for an offset outside.
    pub(crate) fn get(self, offset: u32, limit: usize) -> &'data [u8] {
        string(self.0, u64::from(offset), limit).unwrap_or_default()
    }
}

/// The string at an offset, truncated to `limit + 1` bytes. `None` if the data ends before it.
pub(crate) fn string(data: &[u8], offset: u64, limit: usize) -> Option<&[u8]> {
    let rest = data.get(usize::try_from(offset).ok()?..)?;
    let window = rest.get(..=limit).unwrap_or(rest);
    match CStr::from_bytes_until_nul(window) {
        Ok(text) => Some(text.to_bytes()),
        Err(_) if window.len() > limit => Some(window),
        Err(_) => None,
    }
}

/// The file header.
pub(crate) fn header(data: &[u8]) -> Result<&FileHeader, Damage> {
    let (header, _) = pod::from_bytes::<FileHeader>(data).map_err(|()| Damage::NotElf)?;
    let ident = &header.e_ident;
    let is_known = ident.magic == elf::ELFMAG
        && ident.class == elf::ELFCLASS64
        && ident.data == elf::ELFDATA2LSB
        && ident.version == elf::EV_CURRENT;
    is_known.then_some(header).ok_or(Damage::NotElf)
}

/// The range of the section headers in a file of `length` bytes.
pub(crate) fn section_headers(header: &FileHeader, length: u64) -> Result<Range<u64>, Damage> {
    let start = header.e_shoff.get(LE);
    let count = header.e_shnum.get(LE);
    if start == 0 {
        return Ok(0..0);
    }
    let size = size_of::<SectionHeader>();
    // The kernel does not support extended section numbering either.
    if usize::from(header.e_shentsize.get(LE)) != size || count == 0 {
        return Err(Damage::Sections);
    }
    let end = start.checked_add(u64::from(count) * size as u64);
    match end.filter(|end| *end <= length) {
        Some(end) => Ok(start..end),
        None => Err(Damage::CutOff("the section header table")),
    }
}

/// The range of a section's bytes in a file of `length` bytes.
pub(crate) fn section_range(header: &SectionHeader, length: u64) -> Result<Range<u64>, Damage> {
    let kind = header.sh_type.get(LE);
    if kind == elf::SHT_NOBITS || kind == elf::SHT_NULL {
        return Ok(0..0);
    }
    let start = header.sh_offset.get(LE);
    let end = start.checked_add(header.sh_size.get(LE));
    match end.filter(|end| *end <= length) {
        Some(end) => Ok(start..end),
        None => Err(Damage::CutOff("a section")),
    }
}

/// Does the kernel keep the section in memory?
pub(crate) fn is_loaded(header: &SectionHeader) -> bool {
    header.sh_flags.get(LE).contains(elf::SHF_ALLOC)
}

/// Does the section hold code?
pub(crate) fn is_code(header: &SectionHeader) -> bool {
    header.sh_flags.get(LE).contains(elf::SHF_EXECINSTR)
}

/// Does another file define the symbol?
pub(crate) fn is_undefined(symbol: &Symbol) -> bool {
    symbol.st_shndx.get(LE) == elf::SHN_UNDEF
}

/// The complete entries of a table.
pub(crate) fn table<T: pod::Pod>(data: &[u8]) -> &[T] {
    let found = pod::slice_from_bytes(data, data.len() / size_of::<T>());
    found.map(|(all, _)| all).unwrap_or_default()
}

/// The bytes of `data` in a range that was checked against its length.
fn part(data: &[u8], range: Range<u64>) -> &[u8] {
    let start = usize::try_from(range.start);
    let (Ok(start), Ok(end)) = (start, usize::try_from(range.end)) else {
        return &[];
    };
    data.get(start..end).unwrap_or_default()
}

impl<'data> Sections<'data> {
    /// The name of the section of that index.
    pub(crate) fn name(self, section: usize) -> &'data [u8] {
        let header = self.headers.get(section);
        let offset = header.map_or(u32::MAX, |header| header.sh_name.get(LE));
        self.names.get(offset, SECTION_NAME_MAX)
    }

    /// The index of the first section of that name.
    pub(crate) fn find(self, name: &[u8]) -> Option<usize> {
        (0..self.headers.len()).find(|section| self.name(*section) == name)
    }

    /// The first section of that type.
    fn of_type(self, kind: elf::SectionType) -> Option<usize> {
        let mut headers = self.headers.iter();
        headers.position(|header| header.sh_type.get(LE) == kind)
    }

    pub(crate) fn get(self, section: usize) -> Option<&'data SectionHeader> {
        self.headers.get(section)
    }

    /// The section of the symbol table, and that of the symbols' names. `None` for a stripped file.
    pub(crate) fn symbol_table(self) -> Option<(usize, usize)> {
        let table = self.of_type(elf::SHT_SYMTAB)?;
        Some((table, self.get(table)?.sh_link.get(LE) as usize))
    }
}

impl<'data> Symbols<'data> {
    /// A symbol's name.
    pub(crate) fn name(self, symbol: &Symbol) -> &'data [u8] {
        self.names.get(symbol.st_name.get(LE), NAME_MAX)
    }

    /// The section that a symbol is in.
    pub(crate) fn section_of(symbol: &Symbol) -> Option<usize> {
        symbol.st_shndx.get(LE).index().map(usize::from)
    }

    /// Checks that the name and the section of each symbol exist.
    pub(crate) fn check(self, sections: usize) -> Result<(), Damage> {
        for (number, symbol) in self.all.iter().enumerate() {
            let wrong = |what| Damage::Symbol {
                symbol: number,
                what,
            };
            let name = symbol.st_name.get(LE) as usize;
            if name != 0 && name >= self.names.0.len() {
                return Err(wrong("name"));
            }
            if Self::section_of(symbol).is_some_and(|section| section >= sections) {
                return Err(wrong("section"));
            }
        }
        Ok(())
    }
}

impl<'data> Elf<'data> {
    /// Reads the headers.
    pub(crate) fn parse(data: &'data [u8]) -> Result<Self, Damage> {
        let header = header(data)?;
        let length = data.len() as u64;
        let headers: &[SectionHeader] = table(part(data, section_headers(header, length)?));
        let mut total = 0_u64;
        for section in headers {
            let range = section_range(section, length)?;
            total = total.saturating_add(range.end - range.start);
        }
        if total > length {
            return Err(Damage::Overlap {
                sections: total,
                file: length,
            });
        }
        let mut elf = Self {
            data,
            header,
            sections: Sections {
                headers,
                names: Strings::default(),
            },
            symbols: Symbols::default(),
        };
        elf.sections.names = Strings(elf.bytes(header.e_shstrndx.get(LE).0.into()));
        elf.check_names()?;
        if let Some((section, names)) = elf.sections.symbol_table() {
            elf.symbols = Symbols {
                all: table(elf.bytes(section)),
                names: Strings(elf.bytes(names)),
                section,
            };
        }
        elf.symbols.check(headers.len())?;
        Ok(elf)
    }

    fn check_names(&self) -> Result<(), Damage> {
        for section in 1..self.sections.headers.len() {
            let offset = self.sections.headers[section].sh_name.get(LE) as usize;
            if offset >= self.sections.names.0.len() {
                return Err(Damage::CutOff("the name of a section"));
            }
            if self.sections.name(section).len() > SECTION_NAME_MAX {
                return Err(Damage::SectionName { section });
            }
        }
        Ok(())
    }

    /// The bytes of a section; empty for one of type SHT_NOBITS, or a missing one.
    pub(crate) fn bytes(&self, section: usize) -> &'data [u8] {
        let header = self.sections.headers.get(section);
        let range = header.and_then(|header| section_range(header, self.data.len() as u64).ok());
        range.map_or(&[], |range| part(self.data, range))
    }

    /// The bytes of the first section of that name; empty if it is missing.
    pub(crate) fn bytes_of(&self, name: &[u8]) -> &'data [u8] {
        let section = self.sections.find(name);
        section.map_or(&[], |section| self.bytes(section))
    }

    /// The machine, if the file is a module for a supported one.
    pub(crate) fn module_machine(&self) -> Option<Machine> {
        let is_module = self.header.e_type.get(LE) == elf::ET_REL;
        Machine::of(self.header).filter(|_| is_module)
    }

    /// The relocations in a section. `None` if it is not of type SHT_RELA, or has a partial entry.
    pub(crate) fn relocations(&self, section: usize) -> Option<&'data [Relocation]> {
        let header = self.sections.headers.get(section)?;
        let size = size_of::<Relocation>() as u64;
        let whole = header.sh_size.get(LE) % size == 0;
        let is_table = header.sh_type.get(LE) == elf::SHT_RELA && whole;
        is_table.then(|| table(self.bytes(section)))
    }
}
