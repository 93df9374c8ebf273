// SPDX-License-Identifier: GPL-2.0-only

//! Builds a livepatch module from a description, of which each test changes a part.

use object::elf;
use object::write::{
    Object, Relocation, SectionId, StandardSegment, Symbol, SymbolId, SymbolSection,
};
use object::{
    Architecture, BinaryFormat, Endianness, RelocationFlags, SectionKind, SymbolFlags, SymbolKind,
    SymbolScope,
};
use std::collections::HashMap;

/// `SHF_ALLOC | SHF_RELA_LIVEPATCH`
pub(crate) const LIVEPATCH: u64 = 0x10_0002;
const SHT_RELA: u32 = 4;
const SHN_LIVEPATCH: u16 = 0xff20;

/// Sizes in some kernel.
const PATCH: u64 = 200;
const OBJECT: u64 = 168;
const FUNCTION: u64 = 152;

/// What a module holds.
#[derive(Clone)]
pub(crate) struct Patch {
    pub(crate) modinfo: Vec<(&'static str, &'static str)>,
    pub(crate) unlinked: u8,
    pub(crate) finished: bool,
    pub(crate) enables: bool,
    pub(crate) objects: Option<Vec<PatchedObject>>,
    /// Functions: name, code; each 16 bytes after the other. Those of `.init.text` are apart.
    pub(crate) code: Vec<(&'static str, Vec<u8>)>,
    pub(crate) undefined: Vec<&'static str>,
    /// Versions of symbols.
    pub(crate) versions: Vec<(&'static str, u64)>,
    /// Livepatch symbols: name, and whether it is marked.
    pub(crate) symbols: Vec<(&'static str, bool)>,
    pub(crate) sections: Vec<Rela>,
    /// Ordinary relocations of `.text`.
    pub(crate) relocations: Vec<(u64, u32, &'static str, i64)>,
    /// Whether the tables have symbols.
    pub(crate) named: bool,
    /// Whether code refers to the patch long before the call that takes it.
    pub(crate) far: bool,
    /// A place in `.data` that `module_init` writes to.
    pub(crate) fills: Option<i64>,
    /// Tables of another tool in place of statics.
    pub(crate) compact: Option<Compact>,
}

/// Tables from which a module's init makes those of the livepatch core.
#[derive(Clone, Copy)]
pub(crate) enum Compact {
    /// Those of klp-build, where the object `vmlinux` says that it has so many functions.
    KlpBuild { count: u32 },
    /// Those of kpatch.
    Kpatch,
    /// An unknown format.
    None,
}

#[derive(Clone)]
pub(crate) struct PatchedObject {
    pub(crate) name: Option<&'static str>,
    pub(crate) functions: Option<Vec<PatchedFunction>>,
}

#[derive(Clone)]
pub(crate) struct PatchedFunction {
    pub(crate) old: Option<&'static str>,
    pub(crate) new: Option<&'static str>,
    pub(crate) sympos: u64,
}

/// A livepatch relocation section.
#[derive(Clone)]
pub(crate) struct Rela {
    pub(crate) name: &'static str,
    pub(crate) kind: u32,
    pub(crate) flags: u64,
    /// Sections by name.
    pub(crate) link: &'static str,
    pub(crate) info: &'static str,
    /// Offset, kind, symbol.
    pub(crate) entries: Vec<(u64, u32, &'static str)>,
    pub(crate) addend: i64,
}

pub(crate) fn replace(old: &'static str, new: &'static str, sympos: u64) -> PatchedFunction {
    PatchedFunction {
        old: Some(old),
        new: Some(new),
        sympos,
    }
}

impl Patch {
    /// One that is good on the kernel of these tests.
    pub(crate) fn good() -> Self {
        // call 0; ret
        let call = b"\xe8\0\0\0\0\xc3".to_vec();
        let rela = |name, symbol, offset| Rela {
            name,
            kind: SHT_RELA,
            flags: LIVEPATCH,
            link: ".symtab",
            info: ".text",
            entries: vec![(offset, elf::R_X86_64_PLT32.0, symbol)],
            addend: -4,
        };
        let object = |name, functions| PatchedObject {
            name,
            functions: Some(functions),
        };
        Self {
            modinfo: vec![
                ("license", "GPL"),
                ("livepatch", "Y"),
                ("name", "fix"),
                ("depends", ""),
                ("vermagic", "7.2.1-test SMP preempt "),
            ],
            unlinked: 0,
            finished: true,
            enables: true,
            objects: Some(vec![
                object(
                    None,
                    vec![
                        replace("show", "new_show", 0),
                        replace("twin", "new_twin", 2),
                    ],
                ),
                object(Some("m"), vec![replace("m_show", "new_m_show", 1)]),
            ]),
            code: vec![
                ("new_show", call.clone()),
                ("new_twin", call.clone()),
                ("new_m_show", call),
            ],
            undefined: vec!["seq_puts"],
            versions: Vec::new(),
            symbols: vec![
                (".klp.sym.vmlinux.hidden,0", true),
                (".klp.sym.m.m_data,1", true),
            ],
            sections: vec![
                rela(".klp.rela.vmlinux..text", ".klp.sym.vmlinux.hidden,0", 1),
                rela(".klp.rela.m..text", ".klp.sym.m.m_data,1", 33),
            ],
            relocations: vec![(17, elf::R_X86_64_PLT32.0, "seq_puts", -4)],
            named: true,
            far: false,
            fills: None,
            compact: None,
        }
    }

    /// The module as a file.
    pub(crate) fn build(&self) -> Vec<u8> {
        let mut writer = Writer::new();
        writer.write(self);
        let mut data = writer.object.write().expect("a complete module");
        let names = Names::new(&data);
        for (name, marked) in &self.symbols {
            if *marked {
                let (_, at) = names.symbols[*name];
                data[at + 6..at + 8].copy_from_slice(&SHN_LIVEPATCH.to_le_bytes());
            }
        }
        for section in &self.sections {
            section.finish(&names, &mut data);
        }
        data
    }
}

impl Rela {
    /// Writes what `object`'s writer does not support.
    fn finish(&self, names: &Names, data: &mut [u8]) {
        let (_, header) = names.sections[self.name];
        let number = |name: &str| match name.parse() {
            Ok(number) => number,
            Err(_) => names.sections[name].0 as u32,
        };
        data[header + 4..header + 8].copy_from_slice(&self.kind.to_le_bytes());
        data[header + 8..header + 16].copy_from_slice(&self.flags.to_le_bytes());
        data[header + 40..header + 44].copy_from_slice(&number(self.link).to_le_bytes());
        data[header + 44..header + 48].copy_from_slice(&number(self.info).to_le_bytes());
        data[header + 56..header + 64].copy_from_slice(&24_u64.to_le_bytes());
        let start = word(data, header + 24);
        for (place, (offset, kind, symbol)) in self.entries.iter().enumerate() {
            let at = start + place * 24;
            let symbol = match symbol.parse::<u64>() {
                Ok(number) => number,
                Err(_) => names.symbols[*symbol].0 as u64,
            };
            let info = symbol << 32 | u64::from(*kind);
            data[at..at + 8].copy_from_slice(&offset.to_le_bytes());
            data[at + 8..at + 16].copy_from_slice(&info.to_le_bytes());
            data[at + 16..at + 24].copy_from_slice(&self.addend.to_le_bytes());
        }
    }
}

/// Where the headers of a file's sections and symbols are, with their numbers.
pub(crate) struct Names {
    pub(crate) sections: HashMap<String, (usize, usize)>,
    pub(crate) symbols: HashMap<String, (usize, usize)>,
}

impl Names {
    pub(crate) fn new(data: &[u8]) -> Self {
        use object::read::elf::{ElfFile64, FileHeader as _};
        use object::{LittleEndian, Object as _, ObjectSymbol as _};
        let file = ElfFile64::<LittleEndian>::parse(data).expect("a module");
        let headers = file.elf_header().e_shoff(LittleEndian) as usize;
        let table = file.elf_section_table();
        let sections = table.enumerate().map(|(index, section)| {
            let name = table.section_name(LittleEndian, section).expect("a name");
            let name = String::from_utf8_lossy(name).into_owned();
            (name, (index.0, headers + index.0 * 64))
        });
        let sections: HashMap<_, _> = sections.collect();
        let (_, symtab) = sections[".symtab"];
        let start = word(data, symtab + 24);
        let symbols = file.symbols().map(|symbol| {
            let number = symbol.index().0;
            let name = symbol.name().expect("a name").to_owned();
            (name, (number, start + number * 24))
        });
        let symbols = symbols.collect();
        Self { sections, symbols }
    }
}

fn word(data: &[u8], at: usize) -> usize {
    u64::from_le_bytes(data[at..at + 8].try_into().expect("eight bytes")) as usize
}

/// Writes a module.
struct Writer {
    object: Object<'static>,
    strings: SectionId,
    symbols: HashMap<&'static str, SymbolId>,
}

impl Writer {
    fn new() -> Self {
        let mut object = Object::new(BinaryFormat::Elf, Architecture::X86_64, Endianness::Little);
        let segment = object.segment_name(StandardSegment::Data).to_vec();
        let strings = object.add_section(segment, b".rodata".to_vec(), SectionKind::ReadOnlyData);
        Self {
            object,
            strings,
            symbols: HashMap::new(),
        }
    }

    fn write(&mut self, patch: &Patch) {
        let modinfo: String = patch
            .modinfo
            .iter()
            .map(|(key, value)| format!("{key}={value}\0"))
            .collect();
        self.section(".modinfo", SectionKind::ReadOnlyData, modinfo.into_bytes());
        self.section(
            ".klp.unlinked",
            SectionKind::ReadOnlyData,
            vec![patch.unlinked],
        );
        if patch.finished {
            let mut this = vec![0; 128];
            this[24..27].copy_from_slice(b"fix");
            let this = self.section(".gnu.linkonce.this_module", SectionKind::Data, this);
            self.symbol("__this_module", this, 0, 128, SymbolKind::Data);
        }
        for name in patch.undefined.iter().chain(&["klp_enable_patch"]) {
            if *name != "klp_enable_patch" || patch.enables {
                self.undefined(name);
            }
        }
        for (name, _) in &patch.symbols {
            self.undefined(name);
        }
        self.code(patch);
        self.versions(patch);
        let data = match patch.compact {
            None => self.tables(patch),
            Some(compact) => self.compact(patch, compact),
        };
        if patch.enables {
            self.init(patch, data);
        }
        for section in &patch.sections {
            let size = section.entries.len() * 24;
            self.section(section.name, SectionKind::ReadOnlyData, vec![0; size]);
        }
    }

    fn section(&mut self, name: &str, kind: SectionKind, data: Vec<u8>) -> SectionId {
        let segment = self.object.segment_name(StandardSegment::Data).to_vec();
        let section = self.object.add_section(segment, name.into(), kind);
        self.object.set_section_data(section, data, 8);
        section
    }

    fn symbol(
        &mut self,
        name: &'static str,
        section: SectionId,
        value: u64,
        size: u64,
        kind: SymbolKind,
    ) {
        let symbol = self.object.add_symbol(Symbol {
            name: name.into(),
            value,
            size,
            kind,
            scope: SymbolScope::Compilation,
            weak: false,
            section: SymbolSection::Section(section),
            flags: SymbolFlags::None,
        });
        self.symbols.insert(name, symbol);
    }

    fn undefined(&mut self, name: &'static str) {
        let symbol = self.object.add_symbol(Symbol {
            name: name.into(),
            value: 0,
            size: 0,
            kind: SymbolKind::Unknown,
            scope: SymbolScope::Linkage,
            weak: false,
            section: SymbolSection::Undefined,
            flags: SymbolFlags::None,
        });
        self.symbols.insert(name, symbol);
    }

    fn relocate(&mut self, at: SectionId, offset: u64, kind: u32, symbol: SymbolId, addend: i64) {
        let relocation = Relocation {
            offset,
            symbol,
            addend,
            flags: RelocationFlags::Elf {
                r_type: elf::RelocationType(kind),
            },
        };
        let added = self.object.add_relocation(at, relocation);
        added.expect("a relocation of a known form");
    }

    /// A pointer to a string.
    fn string(&mut self, at: SectionId, offset: u64, text: &str) {
        let text = [text.as_bytes(), b"\0"].concat();
        let place = self.object.append_section_data(self.strings, &text, 1);
        let strings = self.object.section_symbol(self.strings);
        self.relocate(at, offset, elf::R_X86_64_64.0, strings, place as i64);
    }

    fn code(&mut self, patch: &Patch) {
        let mut text = Vec::new();
        for (_, code) in &patch.code {
            let mut code = code.clone();
            code.resize(16, 0xcc);
            text.extend(code);
        }
        let text = self.section(".text", SectionKind::Text, text);
        for (place, (name, code)) in patch.code.iter().enumerate() {
            let start = place as u64 * 16;
            self.symbol(name, text, start, code.len() as u64, SymbolKind::Text);
        }
        for (offset, kind, symbol, addend) in &patch.relocations {
            let symbol = self.symbols[symbol];
            self.relocate(text, *offset, *kind, symbol, *addend);
        }
    }

    fn versions(&mut self, patch: &Patch) {
        let mut data = Vec::new();
        for (name, version) in &patch.versions {
            data.extend(version.to_le_bytes());
            data.extend(name.as_bytes());
            data.resize(data.len().next_multiple_of(64), 0);
        }
        if !data.is_empty() {
            self.section("__versions", SectionKind::ReadOnlyData, data);
        }
    }

    /// `module_init`: mov $patch, %rdi; call klp_enable_patch; ret
    fn init(&mut self, patch: &Patch, data: SectionId) {
        const MOV: &[u8] = b"\x48\xc7\xc7\0\0\0\0";
        let fill = if patch.fills.is_some() { MOV } else { &[] };
        let nops = vec![0x90; if patch.far { 64 } else { 0 }];
        let call = b"\xe8\0\0\0\0\xc3";
        let code = [fill, MOV, &nops, call].concat();
        let (mov, end) = (fill.len() as u64, code.len() as u64);
        let init = self.section(".init.text", SectionKind::Text, code);
        self.symbol("init_module", init, 0, end, SymbolKind::Text);
        let own = self.object.section_symbol(data);
        if let Some(place) = patch.fills {
            self.relocate(init, 3, elf::R_X86_64_32S.0, own, place);
        }
        self.relocate(init, mov + 3, elf::R_X86_64_32S.0, own, 0);
        let enable = self.symbols["klp_enable_patch"];
        self.relocate(init, end - 5, elf::R_X86_64_PLT32.0, enable, -4);
    }

    /// The patch, its objects, and their functions, one after the other.
    fn tables(&mut self, patch: &Patch) -> SectionId {
        let data = self.section(".data", SectionKind::Data, Vec::new());
        let own = self.object.section_symbol(data);
        let pointer = elf::R_X86_64_64.0;
        let at = self
            .object
            .append_section_data(data, &[0; PATCH as usize], 8);
        if let Some(this) = self.symbols.get("__this_module") {
            self.relocate(data, at, pointer, *this, 0);
        }
        let Some(objects) = &patch.objects else {
            return data;
        };
        let size = (objects.len() as u64 + 1) * OBJECT;
        let table = self
            .object
            .append_section_data(data, &vec![0; size as usize], 8);
        self.relocate(data, at + 8, pointer, own, table as i64);
        if patch.named {
            self.symbol("objs", data, table, size, SymbolKind::Data);
        }
        for (number, object) in (0..).zip(objects) {
            let entry = table + number * OBJECT;
            if let Some(name) = object.name {
                self.string(data, entry, name);
            }
            if let Some(functions) = &object.functions {
                let table = self.functions(data, functions, patch.named);
                self.relocate(data, entry + 8, pointer, own, table as i64);
            }
        }
        data
    }

    fn functions(&mut self, data: SectionId, functions: &[PatchedFunction], named: bool) -> u64 {
        let mut bytes = vec![0; (functions.len() + 1) * FUNCTION as usize];
        for (number, function) in functions.iter().enumerate() {
            let at = number * FUNCTION as usize + 16;
            bytes[at..at + 8].copy_from_slice(&function.sympos.to_le_bytes());
        }
        let table = self.object.append_section_data(data, &bytes, 8);
        if named {
            self.symbol("funcs", data, table, bytes.len() as u64, SymbolKind::Data);
        }
        for (number, function) in (0..).zip(functions) {
            let entry = table + number * FUNCTION;
            if let Some(old) = function.old {
                self.string(data, entry, old);
            }
            if let Some(new) = function.new {
                let new = self.symbols[new];
                self.relocate(data, entry + 8, elf::R_X86_64_64.0, new, 0);
            }
        }
        table
    }

    /// Tables of another tool, beside unrelated data.
    fn compact(&mut self, patch: &Patch, tool: Compact) -> SectionId {
        let objects = patch.objects.as_deref().unwrap_or_default();
        match tool {
            Compact::KlpBuild { count } => self.klp_build(objects, count),
            Compact::Kpatch => self.kpatch(objects),
            Compact::None => {}
        }
        self.section(".data", SectionKind::Data, vec![0; 64])
    }

    fn klp_build(&mut self, objects: &[PatchedObject], first: u32) {
        let size = objects.len() * 64;
        let table = self.section(".init.klp_objects", SectionKind::Data, Vec::new());
        let list = self.section(".init.klp_funcs", SectionKind::Data, Vec::new());
        let mut counts = vec![0; size];
        for (number, object) in objects.iter().enumerate() {
            let at = number as u64 * 64;
            if let Some(name) = object.name {
                self.string(table, at, name);
            }
            let functions = object.functions.as_deref().unwrap_or_default();
            let count = if number == 0 {
                first
            } else {
                functions.len() as u32
            };
            counts[number * 64 + 56..number * 64 + 60].copy_from_slice(&count.to_le_bytes());
            for (place, function) in functions.iter().enumerate() {
                let mut bytes = [0; 24];
                bytes[16..].copy_from_slice(&function.sympos.to_le_bytes());
                let entry = self.object.append_section_data(list, &bytes, 8);
                if place == 0 {
                    let own = self.object.section_symbol(list);
                    self.relocate(table, at + 8, elf::R_X86_64_64.0, own, entry as i64);
                }
                self.pair(list, entry, entry + 8, function);
            }
        }
        self.object.set_section_data(table, counts, 8);
    }

    fn kpatch(&mut self, objects: &[PatchedObject]) {
        let list = self.section(".kpatch.funcs", SectionKind::Data, Vec::new());
        for object in objects {
            for function in object.functions.iter().flatten() {
                let mut bytes = [0; 56];
                bytes[32..40].copy_from_slice(&function.sympos.to_le_bytes());
                let entry = self.object.append_section_data(list, &bytes, 8);
                self.pair(list, entry + 40, entry, function);
                self.string(list, entry + 48, object.name.unwrap_or("vmlinux"));
            }
        }
    }

    /// The pointers to the old name and the new function.
    fn pair(&mut self, at: SectionId, old: u64, new: u64, function: &PatchedFunction) {
        if let Some(name) = function.old {
            self.string(at, old, name);
        }
        if let Some(name) = function.new {
            let symbol = self.symbols[name];
            self.relocate(at, new, elf::R_X86_64_64.0, symbol, 0);
        }
    }
}
