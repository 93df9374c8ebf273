// SPDX-License-Identifier: GPL-2.0-only

//! Modules as a module build leaves them, made byte by byte.

use object::write::{Comdat, Object, Relocation, SectionId, Symbol, SymbolId, SymbolSection};
use object::{
    Architecture, BinaryFormat, ComdatKind, Endianness, RelocationFlags, SectionKind, SymbolFlags,
    SymbolKind, SymbolScope, elf,
};

/// A module under construction.
pub(crate) struct Fixture(Object<'static>);

impl Fixture {
    /// An empty live patch.
    pub(crate) fn new() -> Self {
        let mut fixture = Self::no_patch();
        fixture.section(
            ".modinfo",
            SectionKind::ReadOnlyData,
            b"name=x\0livepatch=Y\0",
        );
        fixture
    }

    /// A module that is no live patch.
    pub(crate) fn no_patch() -> Self {
        Self(Object::new(
            BinaryFormat::Elf,
            Architecture::X86_64,
            Endianness::Little,
        ))
    }

    pub(crate) fn section(&mut self, name: &str, kind: SectionKind, data: &[u8]) -> SectionId {
        let section = self.0.add_section(Vec::new(), name.into(), kind);
        self.0.append_section_data(section, data, 16);
        section
    }

    /// A section of code, of so many zeroes.
    pub(crate) fn text(&mut self, name: &str, size: usize) -> SectionId {
        self.section(name, SectionKind::Text, &vec![0; size])
    }

    pub(crate) fn symbol(
        &mut self,
        name: &str,
        section: SymbolSection,
        scope: SymbolScope,
    ) -> SymbolId {
        self.0.add_symbol(Symbol {
            name: name.into(),
            value: 0,
            size: 0,
            kind: match section {
                SymbolSection::Undefined => SymbolKind::Unknown,
                _ => SymbolKind::Text,
            },
            scope,
            weak: false,
            section,
            flags: SymbolFlags::None,
        })
    }

    /// An undefined symbol; weak, as sources declare livepatch symbols.
    pub(crate) fn outside(&mut self, name: &str) -> SymbolId {
        let symbol = self.symbol(name, SymbolSection::Undefined, SymbolScope::Unknown);
        self.0.symbol_mut(symbol).weak = name.starts_with(".klp");
        symbol
    }

    pub(crate) fn relocate(
        &mut self,
        section: SectionId,
        offset: u64,
        kind: elf::RelocationType,
        symbol: SymbolId,
        addend: i64,
    ) {
        let flags = RelocationFlags::Elf { r_type: kind };
        let relocation = Relocation {
            offset,
            symbol,
            addend,
            flags,
        };
        self.0
            .add_relocation(section, relocation)
            .expect("a relocation of a known kind");
    }

    /// A group of sections, which goes by their indices.
    pub(crate) fn group(&mut self, symbol: SymbolId, section: SectionId) {
        self.0.add_comdat(Comdat {
            kind: ComdatKind::Any,
            symbol,
            sections: vec![section],
        });
    }

    pub(crate) fn finish(&self) -> Vec<u8> {
        self.0.write().expect("a complete module")
    }
}

/// The kinds that livepatch applies.
pub(crate) const KINDS: [elf::RelocationType; 6] = [
    elf::R_X86_64_64,
    elf::R_X86_64_PC32,
    elf::R_X86_64_PLT32,
    elf::R_X86_64_32,
    elf::R_X86_64_32S,
    elf::R_X86_64_PC64,
];

/// A module with all that linking has to handle: two functions and data, interleaved references to two
/// objects and to the kernel's exports, debug information, and the mark.
pub(crate) fn whole() -> Vec<u8> {
    let mut fixture = Fixture::new();
    let first = fixture.text(".text.first", 64);
    let second = fixture.text(".text.second", 64);
    let data = fixture.section(".data", SectionKind::Data, &[0; 32]);
    let debug = fixture.section(".debug_info", SectionKind::Debug, &[0; 32]);
    fixture.section(".klp.unlinked", SectionKind::Data, &[1]);
    fixture.symbol(
        "local",
        SymbolSection::Section(first),
        SymbolScope::Compilation,
    );
    let global = fixture.symbol(
        "global",
        SymbolSection::Section(second),
        SymbolScope::Linkage,
    );
    fixture.group(global, second);
    let kernel = fixture.outside(".klp.sym.vmlinux.helper.isra.0,0");
    let exported = fixture.outside("printk");
    let module = fixture.outside(".klp.sym.ext4.counter,2");
    for (place, kind) in (0..).map(|index| index * 8).zip(KINDS) {
        fixture.relocate(first, place, kind, kernel, -4);
    }
    fixture.relocate(first, 48, elf::R_X86_64_PLT32, exported, -4);
    fixture.relocate(first, 56, elf::R_X86_64_PC32, module, 12);
    fixture.relocate(second, 0, elf::R_X86_64_PLT32, exported, -4);
    fixture.relocate(second, 8, elf::R_X86_64_32S, module, 0);
    fixture.relocate(data, 0, elf::R_X86_64_64, module, 0);
    fixture.relocate(data, 8, elf::R_X86_64_64, kernel, 0);
    fixture.relocate(debug, 0, elf::R_X86_64_64, kernel, 0);
    fixture.finish()
}
