// SPDX-License-Identifier: GPL-2.0-only

//! Writes the files of a kernel: vmlinux, modules, copies of `/proc` and tracefs files.

use crate::btf::Btf;
use klp_elf::{Kernel, Sources};
use object::write::{Object, Relocation, SectionId, StandardSegment, Symbol, SymbolSection};
use object::{
    Architecture, BinaryFormat, Endianness, RelocationFlags, SectionKind, SymbolFlags, SymbolKind,
    SymbolScope, elf,
};
use std::path::PathBuf;
use tempfile::TempDir;

/// The addresses of vmlinux' code, and of its list of patch sites.
pub(crate) const TEXT: u64 = 0xffff_ffff_8100_0000;
pub(crate) const INIT: u64 = 0xffff_ffff_8200_0000;
pub(crate) const LIST: u64 = 0xffff_ffff_8300_0000;

/// The section with the relocations of a kernel that relocates itself.
const RELATIVE: &str = ".rela.dyn";

/// An ELF file under construction.
pub(crate) struct File {
    object: Object<'static>,
    addresses: Vec<(&'static str, u64)>,
}

impl File {
    pub(crate) fn new() -> Self {
        Self {
            object: Object::new(BinaryFormat::Elf, Architecture::X86_64, Endianness::Little),
            addresses: Vec::new(),
        }
    }

    pub(crate) fn section(&mut self, name: &'static str, address: u64, data: &[u8]) -> SectionId {
        let kind = match name {
            ".text" | ".init.text" => SectionKind::Text,
            _ => SectionKind::Data,
        };
        let segment = self.object.segment_name(StandardSegment::Data).to_vec();
        let section = self.object.add_section(segment, name.into(), kind);
        self.object.set_section_data(section, data.to_vec(), 1);
        self.addresses.push((name, address));
        section
    }

    pub(crate) fn symbol(&mut self, section: SectionId, name: &str, value: u64, size: u64) {
        self.object.add_symbol(Symbol {
            name: name.into(),
            value,
            size,
            kind: SymbolKind::Text,
            scope: SymbolScope::Compilation,
            weak: false,
            section: SymbolSection::Section(section),
            flags: SymbolFlags::None,
        });
    }

    /// An address in `section` that is written into `at`.
    pub(crate) fn relocate(&mut self, at: SectionId, offset: u64, section: SectionId, to: i64) {
        let symbol = self.object.section_symbol(section);
        let relocation = Relocation {
            offset,
            symbol,
            addend: to,
            flags: RelocationFlags::Elf {
                r_type: elf::R_X86_64_64,
            },
        };
        let added = self.object.add_relocation(at, relocation);
        added.expect("a relocation of a known kind");
    }

    /// Relocations of a kernel that relocates itself: where, and the pointer there.
    pub(crate) fn relative(&mut self, pointers: &[(u64, u64)]) {
        let words = pointers.iter().flat_map(|(at, to)| {
            let kind = u64::from(elf::R_X86_64_RELATIVE.0);
            [*at, kind, *to].into_iter().flat_map(u64::to_le_bytes)
        });
        let data: Vec<u8> = words.collect();
        self.section(RELATIVE, 0, &data);
    }

    /// The file as a linker would place it.
    pub(crate) fn finish(&self) -> Vec<u8> {
        let mut data = self.object.write().expect("a complete file");
        let word = |data: &[u8], at: usize| {
            u64::from_le_bytes(data[at..at + 8].try_into().expect("eight bytes"))
        };
        let headers = word(&data, 0x28) as usize;
        // Sections stand in the file in the order in which they were added, after an empty one.
        for (number, (name, address)) in (1..).zip(&self.addresses) {
            let header = headers + number * 64;
            if *name == RELATIVE {
                data[header + 4..header + 8].copy_from_slice(&elf::SHT_RELA.0.to_le_bytes());
            }
            data[header + 16..header + 24].copy_from_slice(&address.to_le_bytes());
        }
        data
    }
}

/// A vmlinux with functions of 16 bytes: name, address, can it be traced.
pub(crate) fn vmlinux(btf: &Btf, functions: &[(&str, u64, bool)]) -> Vec<u8> {
    placed(btf, functions, false)
}

/// The same of a kernel that relocates itself: its list has zeros.
pub(crate) fn relocatable_vmlinux(btf: &Btf, functions: &[(&str, u64, bool)]) -> Vec<u8> {
    placed(btf, functions, true)
}

fn placed(btf: &Btf, functions: &[(&str, u64, bool)], relocates: bool) -> Vec<u8> {
    let mut file = File::new();
    let text = file.section(".text", TEXT, &[0; 4096]);
    let init = file.section(".init.text", INIT, &[0; 4096]);
    let places = functions.iter().filter(|(_, _, traceable)| *traceable);
    // The place follows the function's `endbr64`.
    let places: Vec<_> = places.map(|(_, address, _)| address + 4).collect();
    let mut list: Vec<u8> = places.iter().flat_map(|it| it.to_le_bytes()).collect();
    if relocates {
        list.fill(0);
    }
    let data = file.section(".init.data", LIST, &list);
    if relocates {
        let places = (LIST..).step_by(8).zip(places);
        file.relative(&places.collect::<Vec<_>>());
    }
    file.section(".BTF", 0, &btf.finish());
    file.symbol(text, "_text", TEXT, 0);
    file.symbol(init, "_sinittext", INIT, 0);
    file.symbol(init, "_einittext", INIT + 4096, 0);
    file.symbol(data, "__start_mcount_loc", LIST, 0);
    file.symbol(data, "__stop_mcount_loc", LIST + list.len() as u64, 0);
    for (name, address, _) in functions {
        let section = if *address >= INIT { init } else { text };
        let section = if *address >= LIST { data } else { section };
        file.symbol(section, name, *address, 16);
    }
    file.finish()
}

/// A folder with the files of a kernel.
pub(crate) struct Folder {
    folder: TempDir,
    pub(crate) sources: Sources,
}

impl Folder {
    pub(crate) fn new(vmlinux: &[u8]) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let sources = Sources::default();
        let mut new = Self { folder, sources };
        new.sources.vmlinux = new.add("vmlinux", vmlinux);
        new
    }

    pub(crate) fn add(&self, name: &str, data: &[u8]) -> PathBuf {
        let path = self.folder.path().join(name);
        let parent = path.parent().expect("a folder");
        std::fs::create_dir_all(parent).expect("a new folder");
        std::fs::write(&path, data).expect("a new file");
        path
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.folder.path().to_owned()
    }

    pub(crate) fn open(&self) -> Kernel {
        Kernel::open(self.sources.clone()).expect("readable files")
    }
}
