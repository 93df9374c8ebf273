// SPDX-License-Identifier: GPL-2.0-only

//! A module's file as a plain value, to compare it before and after.

use object::elf::{self, FileHeader64};
use object::read::elf::{FileHeader as _, SectionHeader as _, Sym as _};
use object::{LittleEndian as LE, SymbolIndex};
use std::collections::BTreeMap;

#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct File {
    pub(crate) sections: Vec<Section>,
    pub(crate) symbols: Vec<Symbol>,
}

#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Section {
    pub(crate) name: String,
    pub(crate) kind: u32,
    pub(crate) flags: u64,
    pub(crate) offset: u64,
    pub(crate) align: u64,
    pub(crate) entry_size: u64,
    pub(crate) link: u32,
    pub(crate) info: u32,
    pub(crate) data: Vec<u8>,
}

#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Symbol {
    pub(crate) name: String,
    pub(crate) bind: u8,
    pub(crate) kind: u8,
    pub(crate) section: u16,
    pub(crate) value: u64,
    pub(crate) size: u64,
}

/// Offset, kind, symbol, addend.
pub(crate) type Relocation = (u64, u32, String, i64);

pub(crate) fn read(data: &[u8]) -> File {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).expect("a name");
    let header = FileHeader64::<LE>::parse(data).expect("a header");
    let sections = header.sections(LE, data).expect("sections");
    let symbols = sections
        .symbols(LE, data, elf::SHT_SYMTAB)
        .expect("symbols");
    File {
        sections: sections
            .iter()
            .map(|section| Section {
                name: text(sections.section_name(LE, section).unwrap_or_default()),
                kind: section.sh_type.get(LE).0,
                flags: section.sh_flags.get(LE).0,
                offset: section.sh_offset.get(LE),
                align: section.sh_addralign.get(LE),
                entry_size: section.sh_entsize.get(LE),
                link: section.sh_link.get(LE),
                info: section.sh_info.get(LE),
                data: section.data(LE, data).expect("data").to_vec(),
            })
            .collect(),
        symbols: symbols
            .iter()
            .map(|symbol| Symbol {
                name: text(symbols.symbol_name(LE, symbol).expect("a name")),
                bind: symbol.st_bind().0,
                kind: symbol.st_type().0,
                section: symbol.st_shndx(LE).0,
                value: symbol.st_value(LE),
                size: symbol.st_size(LE),
            })
            .collect(),
    }
}

impl File {
    pub(crate) fn section(&self, name: &str) -> &Section {
        let mut found = self.sections.iter().filter(|section| section.name == name);
        let section = found.next().unwrap_or_else(|| panic!("no section {name}"));
        assert!(found.next().is_none(), "two sections {name}");
        section
    }

    pub(crate) fn symbol(&self, name: &str) -> &Symbol {
        let mut found = self.symbols.iter().filter(|symbol| symbol.name == name);
        found.next().unwrap_or_else(|| panic!("no symbol {name}"))
    }
}

/// The relocations by section, without empty sections.
pub(crate) fn relocations(data: &[u8]) -> BTreeMap<String, Vec<Relocation>> {
    let header = FileHeader64::<LE>::parse(data).expect("a header");
    let sections = header.sections(LE, data).expect("sections");
    let symbols = sections
        .symbols(LE, data, elf::SHT_SYMTAB)
        .expect("symbols");
    let mut found = BTreeMap::new();
    for section in sections.iter() {
        let Some((entries, link)) = section.rela(LE, data).expect("relocations") else {
            continue;
        };
        assert_eq!(link, symbols.section(), "it refers to the table of symbols");
        let name = sections.section_name(LE, section).expect("a name");
        let entries: Vec<Relocation> = entries
            .iter()
            .map(|entry| {
                let index = SymbolIndex(entry.r_sym(LE, false) as usize);
                let symbol = symbols.symbol(index).expect("a symbol");
                let name = symbols.symbol_name(LE, symbol).expect("a name");
                (
                    entry.r_offset.get(LE),
                    entry.r_type(LE, false).0,
                    String::from_utf8(name.to_vec()).expect("a name"),
                    entry.r_addend.get(LE),
                )
            })
            .collect();
        if !entries.is_empty() {
            found.insert(String::from_utf8(name.to_vec()).expect("a name"), entries);
        }
    }
    found
}
