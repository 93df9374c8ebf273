// SPDX-License-Identifier: GPL-2.0-only

//! Reads the code of arm64 modules, and links them.

// Not by a `[[test]]` of the manifest, which cargo-klp carries without the tests.
#![cfg(all(feature = "code", feature = "link"))]

use klp_elf::livepatch;
use klp_elf::{Frame, Machine, Module};
use object::elf::{self, RelocationType};
use object::read::elf::{FileHeader as _, SectionHeader as _};
use object::write::{Object, Relocation, SectionId, Symbol, SymbolId, SymbolSection};
use object::{
    Architecture, BinaryFormat, Endianness, LittleEndian as LE, RelocationFlags, SectionKind,
    SymbolFlags, SymbolKind, SymbolScope,
};

/// Instructions by their names in the manual.
const PACIASP: u32 = 0xd503_233f;
const AUTIASP: u32 = 0xd503_23bf;
const RET: u32 = 0xd65f_03c0;
const B: u32 = 0x1400_0000;
const BL: u32 = 0x9400_0000;
/// `stp x29, x30, [sp, #-32]!`
const PUSH: u32 = 0xa9be_7bfd;
/// `ldp x29, x30, [sp], #32`
const POP: u32 = 0xa8c2_7bfd;
/// `sub sp, sp, #1, lsl #12`
const SUB_PAGE: u32 = 0xd140_07ff;
/// `adrp x0, 0`, `add x0, x0, #0`
const ADRP: u32 = 0x9000_0000;
const ADD: u32 = 0x9100_0000;

/// A module under construction.
struct Builder(Object<'static>);

impl Builder {
    fn new() -> Self {
        let mut builder = Self(Object::new(
            BinaryFormat::Elf,
            Architecture::Aarch64,
            Endianness::Little,
        ));
        let info = b"name=x\0livepatch=Y\0";
        let section =
            builder
                .0
                .add_section(Vec::new(), b".modinfo".into(), SectionKind::ReadOnlyData);
        builder.0.append_section_data(section, info, 1);
        builder
    }

    fn symbol(&mut self, name: &str, section: SymbolSection) -> SymbolId {
        self.0.add_symbol(Symbol {
            name: name.into(),
            value: 0,
            size: 0,
            kind: match section {
                SymbolSection::Undefined => SymbolKind::Unknown,
                _ => SymbolKind::Text,
            },
            scope: SymbolScope::Linkage,
            weak: name.starts_with(".klp"),
            section,
            flags: SymbolFlags::None,
        })
    }

    fn outside(&mut self, name: &str) -> SymbolId {
        self.symbol(name, SymbolSection::Undefined)
    }

    fn function(&mut self, name: &str, code: &[u32]) -> SectionId {
        let section = format!(".text.{name}").into();
        let section = self.0.add_section(Vec::new(), section, SectionKind::Text);
        let symbol = self.symbol(name, SymbolSection::Section(section));
        let bytes: Vec<u8> = code.iter().flat_map(|word| word.to_le_bytes()).collect();
        self.0.add_symbol_data(symbol, section, &bytes, 4);
        section
    }

    fn relocate(
        &mut self,
        section: SectionId,
        offset: u64,
        r_type: RelocationType,
        symbol: SymbolId,
        addend: i64,
    ) {
        let relocation = Relocation {
            offset,
            symbol,
            addend,
            flags: RelocationFlags::Elf { r_type },
        };
        self.0
            .add_relocation(section, relocation)
            .expect("a relocation of a known kind");
    }

    fn finish(&self) -> Vec<u8> {
        self.0.write().expect("a complete module")
    }
}

/// The exits of `f`, as text, and its frame.
fn read(data: &[u8]) -> (Vec<String>, Frame) {
    let module = Module::parse(data).expect("a module");
    assert_eq!(module.machine(), Machine::Arm64);
    let function = module
        .functions()
        .find(|function| function.symbol == "f")
        .expect("the function");
    let exits = module.exits(&function);
    (
        exits.iter().map(ToString::to_string).collect(),
        module.frame(&function),
    )
}

#[test]
fn a_call_then_a_return_is_no_exit() {
    let mut builder = Builder::new();
    let helper = builder.outside("helper");
    let f = builder.function("f", &[PACIASP, PUSH, BL, POP, AUTIASP, RET]);
    builder.relocate(f, 8, elf::R_AARCH64_CALL26, helper, 0);
    assert_eq!(read(&builder.finish()), (vec![], Frame::Bytes(32)));
}

#[test]
fn a_tail_call_is_an_exit() {
    let mut builder = Builder::new();
    let helper = builder.outside("helper");
    let f = builder.function("f", &[PACIASP, B]);
    builder.relocate(f, 4, elf::R_AARCH64_JUMP26, helper, 0);
    let (exits, _) = read(&builder.finish());
    assert_eq!(exits, ["+0x4: b 0x4 to helper"]);
}

#[test]
fn a_branch_within_a_function_is_no_exit_and_one_behind_it_is() {
    let mut builder = Builder::new();
    // cbz x0, +8; b -4; ret; b +4
    builder.function("f", &[0xb400_0040, 0x17ff_ffff, RET, 0x1400_0001]);
    let (exits, _) = read(&builder.finish());
    assert_eq!(exits, ["+0xc: b 0x10 to offset 0x10"]);
}

#[test]
fn an_indirect_branch_is_an_exit() {
    let mut builder = Builder::new();
    builder.function("f", &[0xd61f_0200]);
    let (exits, _) = read(&builder.finish());
    assert_eq!(exits, ["+0x0: br x16"]);
}

#[test]
fn frames_are_reserved_in_several_steps() {
    let mut builder = Builder::new();
    builder.function("f", &[PACIASP, PUSH, SUB_PAGE, SUB_PAGE, RET]);
    let (_, frame) = read(&builder.finish());
    assert_eq!(frame, Frame::Bytes(32 + 2 * 4096));
}

#[test]
fn relocations_of_instructions_are_linked() {
    let mut builder = Builder::new();
    let function = builder.outside(".klp.sym.vmlinux.f,0");
    let data = builder.outside(".klp.sym.vmlinux.data,0");
    let f = builder.function("f", &[ADRP, ADD, BL, RET]);
    builder.relocate(f, 0, elf::R_AARCH64_ADR_PREL_PG_HI21, data, 0);
    builder.relocate(f, 4, elf::R_AARCH64_ADD_ABS_LO12_NC, data, 0);
    builder.relocate(f, 8, elf::R_AARCH64_CALL26, function, 12);
    let linked = livepatch::link(&builder.finish()).expect("it can be linked");
    let header = elf::FileHeader64::<object::LittleEndian>::parse(&*linked).expect("ELF");
    let sections = header.sections(LE, &*linked).expect("sections");
    let (_, moved) = sections
        .section_by_name(LE, b".klp.rela.vmlinux..text.f")
        .expect("a section for livepatch");
    let (relocations, _) = moved
        .rela(LE, &*linked)
        .expect("relocations")
        .expect("a table");
    let found: Vec<_> = relocations
        .iter()
        .map(|it| {
            (
                it.r_offset.get(LE),
                it.r_type(LE, false),
                it.r_addend.get(LE),
            )
        })
        .collect();
    assert_eq!(
        found,
        [
            (0, elf::R_AARCH64_ADR_PREL_PG_HI21, 0),
            (4, elf::R_AARCH64_ADD_ABS_LO12_NC, 0),
            (8, elf::R_AARCH64_CALL26, 12),
        ]
    );
}

#[test]
fn relocations_through_address_tables_are_refused() {
    let mut builder = Builder::new();
    let data = builder.outside(".klp.sym.vmlinux.data,0");
    let f = builder.function("f", &[ADRP, RET]);
    builder.relocate(f, 0, elf::R_AARCH64_ADR_GOT_PAGE, data, 0);
    let error = livepatch::link(&builder.finish()).expect_err("the kernel knows no such table");
    let text = error.to_string();
    for part in ["R_AARCH64_ADR_GOT_PAGE,", "ABS64", "without -fPIC"] {
        assert!(text.contains(part), "{text}");
    }
}

#[test]
fn data_is_to_be_zero_before() {
    let mut builder = Builder::new();
    let data = builder.outside(".klp.sym.vmlinux.data,0");
    let f = builder.function("f", &[RET, 1]);
    builder.relocate(f, 4, elf::R_AARCH64_ABS32, data, 0);
    let error = livepatch::link(&builder.finish()).expect_err("something is there");
    assert!(matches!(error, livepatch::Error::NotZero { .. }), "{error}");
}
