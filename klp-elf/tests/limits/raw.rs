// SPDX-License-Identifier: GPL-2.0-only

//! Writes modules whose tables are large, byte by byte.

use std::collections::HashMap;

pub(crate) const PROGBITS: u32 = 1;
pub(crate) const SYMTAB: u32 = 2;
pub(crate) const STRTAB: u32 = 3;
pub(crate) const RELA: u32 = 4;

pub(crate) const ALLOC: u64 = 2;
pub(crate) const CODE: u64 = 6;
pub(crate) const LIVEPATCH: u64 = 0x10_0002;

pub(crate) const R_64: u32 = 1;
pub(crate) const R_PC32: u32 = 2;

pub(crate) const SHN_LIVEPATCH: u16 = 0xff20;

/// `STT_FUNC` and `STT_OBJECT`, global.
pub(crate) const FUNCTION: u8 = 0x12;
pub(crate) const OBJECT: u8 = 0x11;

pub(crate) struct Section {
    pub(crate) name: Vec<u8>,
    pub(crate) kind: u32,
    pub(crate) flags: u64,
    pub(crate) link: u32,
    pub(crate) info: u32,
    pub(crate) data: Vec<u8>,
}

/// A module under construction. Sections 1 to 5 are the same in each.
pub(crate) struct Raw {
    pub(crate) sections: Vec<Section>,
    pub(crate) symbols: Vec<u8>,
    pub(crate) strings: Vec<u8>,
    names: HashMap<String, u32>,
}

pub(crate) const TEXT: u16 = 2;
pub(crate) const DATA: u16 = 3;
pub(crate) const RODATA: u16 = 4;

impl Raw {
    /// An empty livepatch module: `.modinfo`, `.text`, `.data`, `.rodata`, and the section of a finished
    /// module.
    pub(crate) fn new() -> Self {
        let mut raw = Self {
            sections: Vec::new(),
            symbols: vec![0; 24],
            strings: vec![0],
            names: HashMap::new(),
        };
        let info = b"license=GPL\0livepatch=Y\0name=fix\0vermagic=7.2.1-test SMP preempt \0";
        raw.add(".modinfo", PROGBITS, ALLOC, info);
        raw.add(".text", PROGBITS, CODE, b"");
        raw.add(".data", PROGBITS, ALLOC, b"");
        raw.add(".rodata", PROGBITS, ALLOC, b"");
        let mut this = [0; 128];
        this[24..27].copy_from_slice(b"fix");
        raw.add(".gnu.linkonce.this_module", PROGBITS, ALLOC, &this);
        raw.symbol("klp_enable_patch", 0, 0, 0, 0x10);
        raw.symbol("__this_module", 5, 0, 128, OBJECT);
        raw
    }

    /// Adds a section and returns its index.
    pub(crate) fn add(&mut self, name: &str, kind: u32, flags: u64, data: &[u8]) -> u32 {
        self.sections.push(Section {
            name: name.into(),
            kind,
            flags,
            link: 0,
            info: 0,
            data: data.to_vec(),
        });
        self.sections.len() as u32
    }

    pub(crate) fn section(&mut self, number: u16) -> &mut Section {
        &mut self.sections[usize::from(number) - 1]
    }

    /// Adds relocations of a section; the link to the symbols is made at the end.
    pub(crate) fn relocations(&mut self, name: &str, flags: u64, of: u32, data: Vec<u8>) {
        self.sections.push(Section {
            name: name.into(),
            kind: RELA,
            flags,
            link: u32::MAX,
            info: of,
            data,
        });
    }

    pub(crate) fn string(&mut self, text: &str) -> u32 {
        if let Some(offset) = self.names.get(text) {
            return *offset;
        }
        let offset = self.strings.len() as u32;
        self.strings.extend(text.as_bytes());
        self.strings.push(0);
        self.names.insert(text.to_owned(), offset);
        offset
    }

    /// Adds a symbol and returns its index.
    pub(crate) fn symbol(
        &mut self,
        name: &str,
        section: u16,
        value: u64,
        size: u64,
        info: u8,
    ) -> u32 {
        let name = self.string(name);
        self.symbol_at(name, section, value, size, info)
    }

    /// The same, for a name that is in the strings.
    pub(crate) fn symbol_at(
        &mut self,
        name: u32,
        section: u16,
        value: u64,
        size: u64,
        info: u8,
    ) -> u32 {
        self.symbols.extend(name.to_le_bytes());
        self.symbols.extend([info, 0]);
        self.symbols.extend(section.to_le_bytes());
        self.symbols.extend(value.to_le_bytes());
        self.symbols.extend(size.to_le_bytes());
        (self.symbols.len() / 24 - 1) as u32
    }

    pub(crate) fn finish(mut self) -> Vec<u8> {
        let strings = self.sections.len() as u32 + 2;
        let symbols = std::mem::take(&mut self.symbols);
        let text = std::mem::take(&mut self.strings);
        self.add(".symtab", SYMTAB, 0, &[]);
        self.add(".strtab", STRTAB, 0, &[]);
        let count = self.sections.len();
        self.sections[count - 2].data = symbols;
        self.sections[count - 2].link = strings;
        self.sections[count - 1].data = text;
        file(self.sections)
    }
}

/// A relocation.
pub(crate) fn relocation(offset: u64, kind: u32, symbol: u32, addend: i64) -> [u8; 24] {
    let mut bytes = [0; 24];
    bytes[..8].copy_from_slice(&offset.to_le_bytes());
    bytes[8..16].copy_from_slice(&(u64::from(symbol) << 32 | u64::from(kind)).to_le_bytes());
    bytes[16..].copy_from_slice(&addend.to_le_bytes());
    bytes
}

/// A file of these sections. The table of symbols is the last but one.
pub(crate) fn file(mut sections: Vec<Section>) -> Vec<u8> {
    let symtab = sections.len() as u32 - 1;
    let mut names = vec![0];
    let mut places = Vec::new();
    for section in &sections {
        places.push(names.len() as u32);
        names.extend(&section.name);
        names.push(0);
    }
    places.push(names.len() as u32);
    names.extend(b".shstrtab\0");
    sections.push(Section {
        name: Vec::new(),
        kind: STRTAB,
        flags: 0,
        link: 0,
        info: 0,
        data: names,
    });
    let total: usize = sections.iter().map(|section| section.data.len() + 80).sum();
    let mut data = Vec::with_capacity(total + 128);
    data.extend(b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0\x01\0\x3e\0\x01\0\0\0");
    data.resize(64, 0);
    let mut headers = vec![0; 64];
    for (section, name) in sections.iter().zip(places) {
        data.resize(data.len().next_multiple_of(8), 0);
        let link = if section.link == u32::MAX {
            symtab
        } else {
            section.link
        };
        headers.extend(name.to_le_bytes());
        headers.extend(section.kind.to_le_bytes());
        headers.extend(section.flags.to_le_bytes());
        headers.extend([0; 8]);
        headers.extend((data.len() as u64).to_le_bytes());
        headers.extend((section.data.len() as u64).to_le_bytes());
        headers.extend(link.to_le_bytes());
        headers.extend(section.info.to_le_bytes());
        headers.extend([8_u64.to_le_bytes(), 24_u64.to_le_bytes()].concat());
        data.extend(&section.data);
    }
    data.resize(data.len().next_multiple_of(8), 0);
    let start = data.len() as u64;
    data.extend(headers);
    data[40..48].copy_from_slice(&start.to_le_bytes());
    data[52..54].copy_from_slice(&64_u16.to_le_bytes());
    data[58..60].copy_from_slice(&64_u16.to_le_bytes());
    data[60..62].copy_from_slice(&(sections.len() as u16 + 1).to_le_bytes());
    data[62..64].copy_from_slice(&(sections.len() as u16).to_le_bytes());
    data
}
