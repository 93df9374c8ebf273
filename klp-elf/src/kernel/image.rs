// SPDX-License-Identifier: GPL-2.0-only

//! Files of a kernel: an ELF file, or bare BTF.

use crate::Error;
use memmap2::Mmap;
use object::read::elf::ElfFile64;
use object::{Object as _, ObjectSection as _};
use std::fs::File;
use std::path::{Path, PathBuf};

/// A file of a kernel.
pub(crate) struct Image {
    path: PathBuf,
    data: Data,
}

enum Data {
    /// Large files: only what is looked at is read.
    Mapped(Mmap),
    /// Files of sysfs, which cannot be mapped.
    Read(Vec<u8>),
}

impl Image {
    /// Opens a file.
    pub(crate) fn open(path: &Path) -> Result<Self, Error> {
        let failed = |source| Error::Read {
            path: path.to_owned(),
            source,
        };
        let file = File::open(path).map_err(failed)?;
        // SAFETY: what is mapped is a build's input. Nothing writes to it while a build reads it;
        // whoever does so nevertheless breaks that build, as with any compiler's input.
        let data = match unsafe { Mmap::map(&file) } {
            Ok(mapped) if !mapped.is_empty() => Data::Mapped(mapped),
            _ => Data::Read(std::fs::read(path).map_err(failed)?),
        };
        Ok(Self {
            path: path.to_owned(),
            data,
        })
    }

    fn bytes(&self) -> &[u8] {
        match &self.data {
            Data::Mapped(bytes) => bytes,
            Data::Read(bytes) => bytes,
        }
    }

    /// Its path.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Is it BTF without anything around it?
    pub(crate) fn is_btf(&self) -> bool {
        self.bytes().starts_with(&[0x9f, 0xeb])
    }

    /// It as an ELF file.
    pub(crate) fn elf(&self) -> Result<ElfFile64<'_>, Error> {
        ElfFile64::parse(self.bytes()).map_err(|source| Error::Image {
            path: self.path.clone(),
            source,
        })
    }

    /// The BTF in it, if there is any.
    pub(crate) fn btf(&self) -> Result<Option<&[u8]>, Error> {
        if self.is_btf() {
            return Ok(Some(self.bytes()));
        }
        self.section(".BTF")
    }

    /// The kernel's types that the BTF in it needs, if it brings them along.
    pub(crate) fn base_btf(&self) -> Result<Option<&[u8]>, Error> {
        match self.is_btf() {
            true => Ok(None),
            false => self.section(".BTF.base"),
        }
    }

    /// The bytes of a section, if there is one of that name.
    fn section(&self, name: &str) -> Result<Option<&[u8]>, Error> {
        let failed = |source| Error::Image {
            path: self.path.clone(),
            source,
        };
        match self.elf()?.section_by_name(name) {
            Some(section) => section.data().map(Some).map_err(failed),
            None => Ok(None),
        }
    }
}
