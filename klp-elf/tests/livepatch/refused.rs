// SPDX-License-Identifier: GPL-2.0-only

//! Links modules that cannot be linked, for the errors, and damaged files.

use crate::fixture::{Fixture, whole};
use klp_elf::livepatch::{link, needs_link};
use object::write::SymbolSection;
use object::{SectionKind, SymbolScope, elf};

fn refused(data: &[u8], words: &[&str]) {
    let error = link(data).expect_err("it cannot be linked").to_string();
    for word in words {
        assert!(error.contains(word), "`{word}` is not in `{error}`");
    }
}

/// A patch that refers to `symbol` by `kind` from a section of this name and these bytes.
fn patch(section: &str, bytes: &[u8], symbol: &str, kind: elf::RelocationType) -> Vec<u8> {
    let mut fixture = Fixture::new();
    let section = fixture.section(section, SectionKind::Text, bytes);
    let symbol = fixture.outside(symbol);
    fixture.relocate(section, 4, kind, symbol, -4);
    fixture.finish()
}

const SYMBOL: &str = ".klp.sym.ext4.counter,0";

#[test]
fn what_is_no_module() {
    refused(b"no ELF file at all", &["not a readable ELF file"]);
    let mut program = whole();
    program[16] = elf::ET_EXEC.0 as u8;
    refused(
        &program,
        &["not a kernel module", "ELF type 2", "the .ko file"],
    );
    let mut other = whole();
    other[18..20].copy_from_slice(&elf::EM_RISCV.0.to_le_bytes());
    refused(&other, &["not a kernel module", "machine 243"]);
}

#[test]
fn malformed_names() {
    for (name, words) in [
        (
            ".klp.sym.vmlinux.helper",
            "it is not `.klp.sym.OBJECT.NAME,SYMPOS`",
        ),
        (".klp.sym.snd-hda.show,0", "the kernel writes it `snd_hda`"),
        (".klp.sym.vmlinux.helper,first", "the position `first`"),
    ] {
        let data = patch(".text", &[0; 16], name, elf::R_X86_64_PLT32);
        refused(&data, &[name, words]);
        assert!(needs_link(&data).is_err());
    }
}

#[test]
fn a_defined_symbol() {
    let mut fixture = Fixture::new();
    let text = fixture.text(".text", 16);
    fixture.symbol(SYMBOL, SymbolSection::Section(text), SymbolScope::Linkage);
    refused(
        &fixture.finish(),
        &[
            "defines `.klp.sym.ext4.counter,0` itself",
            "without a value",
        ],
    );
}

#[test]
fn kinds_that_livepatch_does_not_apply() {
    for (kind, words) in [
        (
            elf::R_X86_64_GOTPCREL,
            &["R_X86_64_GOTPCREL,", "without -fPIC"][..],
        ),
        (
            elf::R_X86_64_REX_GOTPCRELX,
            &["R_X86_64_REX_GOTPCRELX,", "relocation-model=static"],
        ),
        (
            elf::R_X86_64_GOTPCRELX,
            &["R_X86_64_GOTPCRELX,", "without -fPIC"],
        ),
        (elf::R_X86_64_16, &["of kind 12,", "PC32"]),
    ] {
        let data = patch(".text.f", &[0; 16], SYMBOL, kind);
        refused(
            &data,
            &["`.text.f` at offset 0x4 refers to `.klp.sym.ext4.counter,0`"],
        );
        refused(&data, words);
    }
}

#[test]
fn sections_freed_before_a_module_is_loaded() {
    for section in [
        ".init.text",
        ".init.data",
        ".altinstr_replacement",
        "__jump_table",
    ] {
        let data = patch(section, &[0; 16], SYMBOL, elf::R_X86_64_PC32);
        refused(&data, &[section, "`ext4` may be loaded later"]);
    }
}

#[test]
fn places_that_cannot_be_written() {
    let short = patch(".text", &[0; 7], SYMBOL, elf::R_X86_64_PC32);
    refused(
        &short,
        &["`.text` has a relocation at offset 0x4, which is past its end"],
    );
    let full = patch(
        ".text",
        &[0, 0, 0, 0, 0, 0, 0, 1],
        SYMBOL,
        elf::R_X86_64_PC32,
    );
    refused(&full, &["`.text` at offset 0x4", "holds something already"]);
}

#[test]
fn a_module_that_is_no_patch() {
    let mut fixture = Fixture::no_patch();
    fixture.outside(SYMBOL);
    refused(
        &fixture.finish(),
        &[SYMBOL, "no livepatch=Y", "MODULE_INFO(livepatch, \"Y\")"],
    );
}

#[test]
fn a_module_that_is_signed() {
    let mut data = whole();
    data.extend_from_slice(b"signature~Module signature appended~\n");
    refused(&data, &["it is signed", "then sign it"]);
}

#[test]
fn an_invalid_mark() {
    for bytes in [&b"yes"[..], &[1, 2], &[]] {
        let mut fixture = Fixture::new();
        fixture.section(".klp.unlinked", SectionKind::Data, bytes);
        refused(
            &fixture.finish(),
            &["`.klp.unlinked` must hold bytes of value 1"],
        );
    }
}

/// As when modules were put together after one of them was linked.
#[test]
fn a_module_that_is_linked_in_part() {
    let mut data = link(&whole()).expect("it can be linked");
    let symbol = [&0xff20_u16.to_le_bytes()[..], &[0; 16]].concat();
    let place = data
        .windows(symbol.len())
        .position(|window| window == symbol)
        .expect("a livepatch symbol");
    data[place..place + 2].fill(0);
    refused(
        &data,
        &["livepatch relocations already (`.klp.rela.", "start again"],
    );
}

/// Changes each byte of a module in a few ways: linking succeeds or returns an error.
#[test]
fn damaged_files_do_not_panic() {
    let whole = whole();
    let mut data = whole.clone();
    for place in 0..whole.len() {
        for wrong in [0, 1, 0x7f, 0xff, !whole[place]] {
            data[place] = wrong;
            let _ = link(&data);
        }
        data[place] = whole[place];
        let _ = link(&whole[..place]);
    }
}
