// SPDX-License-Identifier: GPL-2.0-only

//! Reads kernel files: ELF, or bare BTF.
//!
//! A vmlinux with debug information is large, and few of its tables are needed: each is read on demand. The
//! checks are those of [`crate::elf`].

use crate::Error;
use crate::arch::Machine;
use crate::compressed::Format;
use crate::elf::{self, Damage, FileHeader, Relocation, SectionHeader, Sections, Strings, Symbols};
use crate::file;
use crate::limits::{Limit, TABLE_MAX, VMLINUX_MAX};
use object::LittleEndian as LE;
use object::elf as constants;
use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

/// The magic of BTF.
const BTF: [u8; 2] = [0x9f, 0xeb];

/// A file of a kernel.
pub(crate) struct Image {
    path: PathBuf,
    contents: Contents,
}

enum Contents {
    Btf(Vec<u8>),
    Elf(ElfFile),
}

/// An ELF file with its section headers and section names.
struct ElfFile {
    machine: Option<Machine>,
    bytes: Bytes,
    length: u64,
    headers: Vec<u8>,
    names: Vec<u8>,
}

/// The source of the other bytes.
enum Bytes {
    File(File),
    /// The contents of a compressed file.
    Memory(Vec<u8>),
}

/// The symbols of a file.
#[derive(Default)]
pub(crate) struct SymbolTable {
    entries: Vec<u8>,
    names: Vec<u8>,
}

impl Image {
    /// Opens a file.
    pub(crate) fn open(path: &Path) -> Result<Self, Error> {
        let (file, length) = file::open(path, VMLINUX_MAX)?;
        let mut start = [0; size_of::<FileHeader>()];
        let got = file::read_start(&file, &mut start).map_err(|source| Error::Read {
            path: path.to_owned(),
            source,
        })?;
        let start = &start[..got];
        let contents = match Format::of(start) {
            Some(format) => Contents::unpacked(format.unpack(file, length, path)?, path)?,
            None if start.starts_with(&BTF) => {
                Contents::Btf(file::rest(file, length, path, TABLE_MAX)?)
            }
            None => Contents::Elf(ElfFile::open(Bytes::File(file), length, start, path)?),
        };
        Ok(Self {
            path: path.to_owned(),
            contents,
        })
    }

    /// Its path.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The machine; the host's if it is not known.
    pub(crate) fn machine(&self) -> Machine {
        match &self.contents {
            Contents::Btf(_) => None,
            Contents::Elf(elf) => elf.machine,
        }
        .unwrap_or(Machine::HOST)
    }

    /// Whether it is bare BTF.
    pub(crate) fn is_btf(&self) -> bool {
        matches!(self.contents, Contents::Btf(_))
    }

    /// The BTF in it, if there is any.
    pub(crate) fn btf(&self) -> Result<Option<Vec<u8>>, Error> {
        match &self.contents {
            Contents::Btf(data) => Ok(Some(data.clone())),
            Contents::Elf(_) => self.section(".BTF"),
        }
    }

    /// The bytes of a section, if there is one of that name.
    pub(crate) fn section(&self, name: &str) -> Result<Option<Vec<u8>>, Error> {
        match self.sections().find(name.as_bytes()) {
            Some(section) => self.data(section).map(Some),
            None => Ok(None),
        }
    }

    /// The sections; none in bare BTF.
    pub(crate) fn sections(&self) -> Sections<'_> {
        match &self.contents {
            Contents::Btf(_) => Sections::default(),
            Contents::Elf(elf) => elf.sections(),
        }
    }

    /// The bytes of the section of that index.
    pub(crate) fn data(&self, section: usize) -> Result<Vec<u8>, Error> {
        let (Contents::Elf(elf), Some(header)) = (&self.contents, self.sections().get(section))
        else {
            return Ok(Vec::new());
        };
        let range =
            elf::section_range(header, elf.length).map_err(|source| self.damaged(source))?;
        elf.read(range, &self.path)
    }

    /// Its symbols; empty if it is stripped.
    pub(crate) fn symbols(&self) -> Result<SymbolTable, Error> {
        let sections = self.sections();
        let Some((table, names)) = sections.symbol_table() else {
            return Ok(SymbolTable::default());
        };
        let found = SymbolTable {
            entries: self.data(table)?,
            names: self.data(names)?,
        };
        let check = found.view().check(sections.headers.len());
        check.map_err(|source| self.damaged(source))?;
        Ok(found)
    }

    /// The kernel's initial memory at an address, if the file has it.
    pub(crate) fn at_address(&self, start: u64, size: u64) -> Result<Option<Vec<u8>>, Error> {
        let Contents::Elf(elf) = &self.contents else {
            return Ok(None);
        };
        for header in self.sections().headers {
            let range = elf::section_range(header, elf.length);
            let range = range.map_err(|source| self.damaged(source))?;
            let offset = start.checked_sub(header.sh_addr.get(LE));
            let end = offset.and_then(|offset| offset.checked_add(size));
            let (Some(offset), Some(end)) = (offset, end) else {
                continue;
            };
            if elf::is_loaded(header) && !range.is_empty() && end <= range.end - range.start {
                let part = range.start + offset..range.start + end;
                return elf.read(part, &self.path).map(Some);
            }
        }
        Ok(None)
    }

    /// The pointers in the kernel's initial memory at an address, if the file has them. In a kernel that relocates
    /// itself, they are in its relocations, and the memory can have zeros (`ld --no-apply-dynamic-relocs`).
    pub(crate) fn pointers(&self, start: u64, size: u64) -> Result<Option<Vec<u64>>, Error> {
        let Some(data) = self.at_address(start, size)? else {
            return Ok(None);
        };
        let words = data.chunks_exact(8).filter_map(|word| word.first_chunk());
        let mut pointers: Vec<_> = words.map(|word| u64::from_le_bytes(*word)).collect();
        for (section, header) in self.sections().headers.iter().enumerate() {
            if !elf::is_loaded(header) || header.sh_type.get(LE) != constants::SHT_RELA {
                continue;
            }
            let data = self.data(section)?;
            for relocation in elf::table::<Relocation>(&data) {
                let is_relative = relocation.r_type(LE, false) == self.machine().relative();
                let place = relocation.r_offset.get(LE).checked_sub(start);
                let place = place.filter(|place| is_relative && place % 8 == 0);
                let pointer =
                    place.and_then(|place| pointers.get_mut(usize::try_from(place / 8).ok()?));
                if let Some(pointer) = pointer {
                    *pointer = 0_u64.wrapping_add_signed(relocation.r_addend.get(LE));
                }
            }
        }
        Ok(Some(pointers))
    }

    fn damaged(&self, source: Damage) -> Error {
        Error::Image {
            path: self.path.clone(),
            source,
        }
    }
}

impl Contents {
    fn unpacked(data: Vec<u8>, path: &Path) -> Result<Self, Error> {
        if data.starts_with(&BTF) {
            return Ok(Self::Btf(data));
        }
        let start = data[..data.len().min(size_of::<FileHeader>())].to_vec();
        let length = data.len() as u64;
        ElfFile::open(Bytes::Memory(data), length, &start, path).map(Self::Elf)
    }
}

impl Bytes {
    fn read_exact_at(&self, buffer: &mut [u8], start: u64) -> io::Result<()> {
        let data = match self {
            Self::File(file) => return file.read_exact_at(buffer, start),
            Self::Memory(data) => data,
        };
        let start = usize::try_from(start).ok();
        let part = start.and_then(|start| data.get(start..)?.get(..buffer.len()));
        buffer.copy_from_slice(part.ok_or(io::ErrorKind::UnexpectedEof)?);
        Ok(())
    }
}

impl ElfFile {
    fn open(bytes: Bytes, length: u64, start: &[u8], path: &Path) -> Result<Self, Error> {
        let damaged = |source| Error::Image {
            path: path.to_owned(),
            source,
        };
        let header = elf::header(start).map_err(damaged)?;
        let range = elf::section_headers(header, length).map_err(damaged)?;
        let mut elf = Self {
            machine: Machine::of(header),
            bytes,
            length,
            headers: Vec::new(),
            names: Vec::new(),
        };
        elf.headers = elf.read(range, path)?;
        let names = header.e_shstrndx.get(LE).0;
        if let Some(names) = elf.sections().get(names.into()) {
            let range = elf::section_range(names, length).map_err(damaged)?;
            elf.names = elf.read(range, path)?;
        }
        Ok(elf)
    }

    fn sections(&self) -> Sections<'_> {
        Sections {
            headers: elf::table::<SectionHeader>(&self.headers),
            names: Strings(&self.names),
        }
    }

    /// Reads a part of the file.
    fn read(&self, range: Range<u64>, path: &Path) -> Result<Vec<u8>, Error> {
        let size = range.end - range.start;
        if size > TABLE_MAX {
            return Err(Error::TooLarge {
                path: path.to_owned(),
                what: "one of its tables",
                limit: Limit::Bytes(TABLE_MAX),
            });
        }
        // CAST: at most `TABLE_MAX`.
        let mut data = vec![0; size as usize];
        match self.bytes.read_exact_at(&mut data, range.start) {
            Ok(()) => Ok(data),
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Err(Error::Changed {
                path: path.to_owned(),
            }),
            Err(source) => Err(Error::Read {
                path: path.to_owned(),
                source,
            }),
        }
    }
}

impl SymbolTable {
    pub(crate) fn view(&self) -> Symbols<'_> {
        Symbols {
            all: elf::table(&self.entries),
            names: Strings(&self.names),
            section: 0,
        }
    }

    /// The string table, in which the symbols have offsets.
    pub(crate) fn into_names(self) -> Vec<u8> {
        self.names
    }
}
