// SPDX-License-Identifier: GPL-2.0-only

//! Modules made byte by byte, and what is read from them.

// Not by a `[[test]]` of the manifest, which cargo-klp carries without the tests.
#![cfg(feature = "code")]

use klp_elf::{Accesses, Error, Frame, Module};
use object::write::{Object, Relocation, Symbol, SymbolId, SymbolSection};
use object::{
    Architecture, BinaryFormat, Endianness, RelocationFlags, SectionKind, SymbolFlags, SymbolKind,
    SymbolScope, elf,
};

/// A module under construction.
struct Builder(Object<'static>);

impl Builder {
    fn new() -> Self {
        Self(Object::new(
            BinaryFormat::Elf,
            Architecture::X86_64,
            Endianness::Little,
        ))
    }

    fn symbol(&mut self, name: &str, kind: SymbolKind, section: SymbolSection) -> SymbolId {
        self.0.add_symbol(Symbol {
            name: name.into(),
            value: 0,
            size: 0,
            kind,
            scope: SymbolScope::Linkage,
            weak: false,
            section,
            flags: SymbolFlags::None,
        })
    }

    /// A symbol that the module does not define.
    fn outside(&mut self, name: &str) -> SymbolId {
        self.symbol(name, SymbolKind::Unknown, SymbolSection::Undefined)
    }

    /// Data or code in a section of its own.
    fn add(&mut self, section: &str, name: &str, kind: SymbolKind, data: &[u8]) -> SymbolId {
        let section_kind = match kind {
            SymbolKind::Text => SectionKind::Text,
            _ => SectionKind::Data,
        };
        let section = self.0.add_section(Vec::new(), section.into(), section_kind);
        let symbol = self.symbol(name, kind, SymbolSection::Section(section));
        self.0.add_symbol_data(symbol, section, data, 1);
        symbol
    }

    fn function(&mut self, name: &str, code: &[u8]) -> SymbolId {
        self.add(&format!(".text.{name}"), name, SymbolKind::Text, code)
    }

    fn relocate(&mut self, at: SymbolId, offset: u64, r_type: u32, to: SymbolId, addend: i64) {
        let SymbolSection::Section(section) = self.0.symbol(at).section else {
            panic!("relocates something outside");
        };
        self.0
            .add_relocation(
                section,
                Relocation {
                    offset,
                    symbol: to,
                    addend,
                    flags: RelocationFlags::Elf {
                        r_type: elf::RelocationType(r_type),
                    },
                },
            )
            .expect("a relocation of a known kind");
    }

    fn finish(&self) -> Vec<u8> {
        self.0.write().expect("a complete module")
    }
}

/// The exits of `name`, as text.
fn exits(data: &[u8], name: &str) -> Vec<String> {
    let module = Module::parse(data).expect("a module");
    let function = module
        .functions()
        .into_iter()
        .find(|function| function.symbol == name)
        .expect("the function");
    module
        .exits(&function)
        .iter()
        .map(ToString::to_string)
        .collect()
}

#[test]
fn a_call_then_a_return_is_no_exit() {
    let mut builder = Builder::new();
    let helper = builder.outside("helper");
    let function = builder.function("f", b"\xe8\0\0\0\0\xc3");
    builder.relocate(function, 1, elf::R_X86_64_PLT32.0, helper, -4);
    assert!(exits(&builder.finish(), "f").is_empty());
}

#[test]
fn a_tail_call_is_an_exit() {
    let mut builder = Builder::new();
    let helper = builder.outside("helper");
    // nop; jmp helper
    let function = builder.function("f", b"\x90\xe9\0\0\0\0");
    builder.relocate(function, 2, elf::R_X86_64_PLT32.0, helper, -4);
    let exits = exits(&builder.finish(), "f");
    assert_eq!(exits.len(), 1);
    assert!(exits[0].starts_with("+0x1: jmp"), "{exits:?}");
    assert!(exits[0].ends_with("to helper"), "{exits:?}");
}

#[test]
fn a_conditional_tail_call_is_an_exit() {
    let mut builder = Builder::new();
    let helper = builder.function("helper", b"\xc3");
    // je helper; ret
    let function = builder.function("f", b"\x0f\x84\0\0\0\0\xc3");
    builder.relocate(function, 2, elf::R_X86_64_PLT32.0, helper, -4);
    let exits = exits(&builder.finish(), "f");
    assert_eq!(exits.len(), 1);
    assert!(exits[0].ends_with("to helper"), "{exits:?}");
}

#[test]
fn a_loop_is_no_exit_but_a_short_jump_past_the_end_is() {
    let mut builder = Builder::new();
    // nop; jmp -3 (to the nop)
    builder.function("looping", b"\x90\xeb\xfd");
    // jmp +0 (to what follows the function)
    builder.function("falling", b"\xeb\x00");
    let data = builder.finish();
    assert!(exits(&data, "looping").is_empty());
    assert_eq!(exits(&data, "falling").len(), 1);
}

#[test]
fn the_return_thunk_is_a_return_and_the_indirect_one_is_not() {
    for (thunk, expected) in [("__x86_return_thunk", 0), ("__x86_indirect_thunk_rax", 1)] {
        let mut builder = Builder::new();
        let thunk = builder.outside(thunk);
        let function = builder.function("f", b"\xe9\0\0\0\0");
        builder.relocate(function, 1, elf::R_X86_64_PLT32.0, thunk, -4);
        assert_eq!(exits(&builder.finish(), "f").len(), expected);
    }
}

#[test]
fn a_jump_through_a_register_is_an_exit() {
    let mut builder = Builder::new();
    builder.function("f", b"\xff\xe0");
    assert_eq!(exits(&builder.finish(), "f"), ["+0x0: jmp rax"]);
}

#[test]
fn a_jump_table_counts_by_where_it_leads() {
    for (inner, expected) in [(true, 0), (false, 1)] {
        let mut builder = Builder::new();
        // jmp *table(,%rax,8); ret
        let function = builder.function("f", b"\xff\x24\xc5\0\0\0\0\xc3");
        let other = builder.function("other", b"\xc3");
        let table = builder.add(".rodata.f", "table", SymbolKind::Data, &[0; 8]);
        builder.relocate(function, 3, elf::R_X86_64_32S.0, table, 0);
        let (target, addend) = if inner { (function, 7) } else { (other, 0) };
        builder.relocate(table, 0, elf::R_X86_64_64.0, target, addend);
        assert_eq!(exits(&builder.finish(), "f").len(), expected);
    }
}

#[test]
fn accesses_are_counted_without_those_to_the_stack() {
    #[rustfmt::skip]
    let code = [
        0x8b, 0x47, 0x08, // mov eax, [rdi+8]
        0x33, 0x07, // xor eax, [rdi]
        0x89, 0x37, // mov [rdi], esi
        0x83, 0x07, 0x01, // add dword [rdi], 1
        0x50, // push rax
        0x48, 0x8d, 0x47, 0x08, // lea rax, [rdi+8]
        0x48, 0x89, 0x04, 0x24, // mov [rsp], rax
        0xc3, // ret
    ];
    let mut module = Builder::new();
    module.function("f", &code);
    let data = module.finish();
    let module = Module::parse(&data).expect("a module");
    let function = module.functions().next().expect("a function");
    let found = module.accesses(&function);
    let wanted = Accesses {
        loads: 3,
        stores: 2,
    };
    assert_eq!(found, wanted);
}

#[test]
fn replacements_are_read_from_the_tables() {
    const ENTRY: u64 = 152;
    let mut builder = Builder::new();
    let strings = builder.add(".rodata", "strings", SymbolKind::Data, b"old_a\0old_b\0");
    let first = builder.function("new_a", b"\xc3");
    let second = builder.function("new_b", b"\xc3");
    let table = builder.add(
        ".data",
        "_RNvNtCs1_5patch11___livepatch7FUNCS_0",
        SymbolKind::Data,
        &[0; 3 * ENTRY as usize],
    );
    for (entry, string, function) in [(0, 0, first), (1, 6, second)] {
        builder.relocate(table, entry * ENTRY, elf::R_X86_64_64.0, strings, string);
        builder.relocate(table, entry * ENTRY + 8, elf::R_X86_64_64.0, function, 0);
    }
    let data = builder.finish();
    let replaced: Vec<_> = Module::parse(&data)
        .expect("a module")
        .replacements()
        .expect("whole tables")
        .into_iter()
        .map(|replacement| (replacement.old_name, replacement.new_func.symbol))
        .collect();
    let expected = [("old_a", "new_a"), ("old_b", "new_b")];
    assert_eq!(
        replaced,
        expected.map(|(old, new)| (old.into(), new.into()))
    );
}

#[test]
fn a_table_without_a_function_is_named() {
    let mut builder = Builder::new();
    let strings = builder.add(".rodata", "strings", SymbolKind::Data, b"old\0");
    let symbol = "_RNvNtCs1_5patch11___livepatch7FUNCS_0";
    let table = builder.add(".data", symbol, SymbolKind::Data, &[0; 16]);
    builder.relocate(table, 0, elf::R_X86_64_64.0, strings, 0);
    let data = builder.finish();
    let error = Module::parse(&data)
        .expect("a module")
        .replacements()
        .expect_err("no new_func");
    assert_eq!(
        error.to_string(),
        "the table `patch::__livepatch::FUNCS_0` at offset 0x0 does not name a function of this module"
    );
}

#[test]
fn modinfo_and_undefined_symbols() {
    let mut builder = Builder::new();
    builder.add(
        ".modinfo",
        "info",
        SymbolKind::Data,
        b"license=GPL\0livepatch=Y\0\0",
    );
    builder.outside("klp_enable_patch");
    builder.outside("_RNvNtCs1EKtwoKEMO2_6kernel5error9to_result");
    let data = builder.finish();
    let module = Module::parse(&data).expect("a module");
    let expected = [("license", "GPL"), ("livepatch", "Y")];
    assert_eq!(
        module.modinfo().expect("readable").entries(),
        expected.map(|(key, value)| (key.into(), value.into()))
    );
    assert_eq!(
        module.undefined(),
        ["klp_enable_patch", "kernel::error::to_result"]
    );
}

#[test]
fn other_files_are_no_modules() {
    assert!(matches!(Module::parse(b"no module"), Err(Error::Elf(_))));
    let own = std::fs::read(std::env::current_exe().expect("a path")).expect("this test");
    let error = Module::parse(&own).err().expect("no module");
    assert!(error.to_string().contains("give the .ko file"), "{error}");
}

/// The frame of a function of this code.
fn frame(code: &[u8]) -> Frame {
    let mut builder = Builder::new();
    builder.function("f", code);
    let data = builder.finish();
    let module = Module::parse(&data).expect("a module");
    let function = module.functions().next().expect("the function");
    module.frame(&function)
}

#[test]
fn frames_include_saved_and_reserved_space() {
    // ret
    assert_eq!(frame(b"\xc3"), Frame::Bytes(0));
    // push rbp; push rbx; sub rsp, 24; add rsp, 24; pop rbx; pop rbp; ret
    let small = b"\x55\x53\x48\x83\xec\x18\x48\x83\xc4\x18\x5b\x5d\xc3";
    assert_eq!(frame(small), Frame::Bytes(40));
    // add rsp, -128; ret
    assert_eq!(frame(b"\x48\x83\xc4\x80\xc3"), Frame::Bytes(128));
    // sub rsp, 65536; ret
    assert_eq!(frame(b"\x48\x81\xec\0\0\x01\0\xc3"), Frame::Bytes(65536));
    // lea rsp, [rsp - 4096]; ret
    assert_eq!(
        frame(b"\x48\x8d\xa4\x24\0\xf0\xff\xff\xc3"),
        Frame::Bytes(4096)
    );
    // and rsp, -64; sub rsp, 24; ret
    assert_eq!(
        frame(b"\x48\x83\xe4\xc0\x48\x83\xec\x18\xc3"),
        Frame::Bytes(88)
    );
    // sub rsp, rax; ret
    assert_eq!(frame(b"\x48\x29\xc4\xc3"), Frame::Varies);
}

#[test]
fn later_pushes_are_not_part_of_the_frame() {
    // je +0; push rax; pop rax; ret
    assert_eq!(frame(b"\x74\0\x50\x58\xc3"), Frame::Bytes(0));
}

/// Why a module must not be loaded that has this function and uses this of the kernel, in words.
fn unfit(code: &[u8], uses: &str, modinfo: &[u8]) -> Vec<String> {
    let mut builder = Builder::new();
    builder.function("f", code);
    builder.outside(uses);
    builder.add(".modinfo", "info", SymbolKind::Data, modinfo);
    let data = builder.finish();
    let module = Module::parse(&data).expect("a module");
    let unfit = module.unfit().expect("small");
    unfit.iter().map(ToString::to_string).collect()
}

#[test]
fn a_patch_with_a_large_frame_is_unfit() {
    // sub rsp, bytes; ret
    let reserves = |bytes: u32| [b"\x48\x81\xec", &bytes.to_le_bytes()[..], b"\xc3"].concat();
    assert!(unfit(&reserves(2048), "kfree", b"").is_empty());
    let found = unfit(&reserves(2049), "kfree", b"klp_unsafe=Y\0");
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(
        found[0].starts_with("`f` takes 2049 bytes of the stack, and the kernel allows 2048"),
        "{found:?}"
    );
}

/// Puts the address of a function somewhere.
type Make = dyn Fn(&mut Builder, SymbolId);

/// A module with a function `later`, whose address stands where `make` puts it.
fn hands_out(modinfo: &[u8], make: impl Fn(&mut Builder, SymbolId)) -> Vec<String> {
    let mut builder = Builder::new();
    let later = builder.function("later", b"\xc3");
    builder.add(
        ".data.p",
        "_RNvNtCs1_3fix11___livepatch5PATCH",
        SymbolKind::Data,
        &[0; 8],
    );
    make(&mut builder, later);
    builder.add(".modinfo", "info", SymbolKind::Data, modinfo);
    let data = builder.finish();
    let unfit = Module::parse(&data)
        .expect("a module")
        .unfit()
        .expect("small");
    unfit.iter().map(ToString::to_string).collect()
}

/// `f` with that code, and a field at this offset.
fn field(
    code: &'static [u8],
    offset: u64,
    kind: elf::RelocationType,
    addend: i64,
) -> impl Fn(&mut Builder, SymbolId) {
    move |builder, later| {
        let function = builder.function("f", code);
        builder.relocate(function, offset, kind.0, later, addend);
    }
}

#[test]
fn a_patch_whose_code_may_be_called_later_is_unfit_without_the_word() {
    let (mov, lea) = (b"\x48\xc7\xc7\0\0\0\0\xc3", b"\x48\x8d\x3d\0\0\0\0\xc3");
    let table = |name: &'static str| {
        move |builder: &mut Builder, later| {
            let table = builder.add(".data.x", name, SymbolKind::Data, &[0; 16]);
            builder.relocate(table, 8, elf::R_X86_64_64.0, later, 0);
        }
    };
    let taken: [Box<Make>; 3] = [
        // mov rdi, later
        Box::new(field(mov, 3, elf::R_X86_64_32S, 0)),
        // lea rdi, [rip + later]
        Box::new(field(lea, 3, elf::R_X86_64_PC32, -4)),
        Box::new(table("_RNvCs1_3fix10OPERATIONS")),
    ];
    for make in taken {
        let found = hands_out(b"livepatch=Y\0", &make);
        assert_eq!(found.len(), 1, "{found:?}");
        for part in [
            "the address of `later` is taken",
            "write `unsafe` in the patch's",
        ] {
            assert!(found[0].contains(part), "{found:?}");
        }
        assert!(hands_out(b"livepatch=Y\0klp_unsafe=Y\0", &make).is_empty());
    }
    // A patch in C.
    let mut builder = Builder::new();
    let later = builder.function("later", b"\xc3");
    table("funcs")(&mut builder, later);
    let data = builder.finish();
    let module = Module::parse(&data).expect("a module");
    assert!(module.unfit().expect("small").is_empty());
    // call later; the middle of it; the tables of the attributes.
    let fine: [Box<Make>; 3] = [
        Box::new(field(b"\xe8\0\0\0\0\xc3", 1, elf::R_X86_64_PLT32, -4)),
        Box::new(field(mov, 3, elf::R_X86_64_32S, 1)),
        Box::new(table("_RNvNtCs1_3fix11___livepatch7FUNCS_0")),
    ];
    for make in fine {
        assert_eq!(hands_out(b"livepatch=Y\0", &make), [""; 0]);
    }
}

#[test]
fn formatting_functions_may_be_referenced() {
    let found = hands_out(b"livepatch=Y\0", |builder, _| {
        let format = "_RNvXCs1_3fixNtB2_4KindNtNtCs2_4core3fmt7Display3fmt";
        let format = builder.function(format, b"\xc3");
        let vtable = builder.add(".rodata.x", "vtable", SymbolKind::Data, &[0; 32]);
        builder.relocate(vtable, 24, elf::R_X86_64_64.0, format, 0);
    });
    assert_eq!(found, [""; 0]);
}

#[test]
fn a_patch_that_takes_references_is_unfit_without_the_word() {
    for takes in [
        "rust_helper_get_task_struct",
        "get_device",
        "_RNvXs_NtCs1_6kernel4credNtB4_10CredentialNtNtNtB6_4sync4aref16AlwaysRefCounted7inc_ref",
    ] {
        let uses = |builder: &mut Builder, _| {
            builder.outside(takes);
        };
        let found = hands_out(b"livepatch=Y\0", uses);
        assert_eq!(found.len(), 1, "{takes}: {found:?}");
        assert!(found[0].contains("it takes a reference"), "{found:?}");
        assert!(hands_out(b"livepatch=Y\0klp_unsafe=Y\0", uses).is_empty());
    }
    let uses = |builder: &mut Builder, _| {
        builder.outside("rust_helper_get_current");
    };
    assert_eq!(hands_out(b"livepatch=Y\0", uses), [""; 0]);
}
