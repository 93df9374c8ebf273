// SPDX-License-Identifier: GPL-2.0-only

//! Checks what linking changes in a module, and what it keeps.

use crate::fixture::{Fixture, KINDS, whole};
use crate::read_back::{Relocation, read, relocations};
use klp_elf::livepatch::{SHF_RELA_LIVEPATCH, SHN_LIVEPATCH, link, needs_link};
use object::{SectionKind, elf};

const KERNEL: &str = ".klp.sym.vmlinux.helper.isra.0,0";
const MODULE: &str = ".klp.sym.ext4.counter,2";

fn linked(data: &[u8]) -> Vec<u8> {
    assert!(needs_link(data).expect("a module"));
    let linked = link(data).expect("it can be linked");
    assert!(!needs_link(&linked).expect("a module"));
    linked
}

#[test]
fn relocations_move_to_sections_by_target_and_object() {
    let relocations = relocations(&linked(&whole()));
    let to = |symbol: &str, list: &[(u64, elf::RelocationType, i64)]| -> Vec<Relocation> {
        list.iter()
            .map(|(offset, kind, addend)| (*offset, kind.0, symbol.to_owned(), *addend))
            .collect()
    };
    let kinds: Vec<_> = (0..)
        .map(|index| index * 8)
        .zip(KINDS)
        .map(|(offset, kind)| (offset, kind, -4))
        .collect();
    let (s32, pc32, plt32, s64) = (
        elf::R_X86_64_32S,
        elf::R_X86_64_PC32,
        elf::R_X86_64_PLT32,
        elf::R_X86_64_64,
    );
    let expected = [
        (".rela.text.first", to("printk", &[(48, plt32, -4)])),
        (".rela.text.second", to("printk", &[(0, plt32, -4)])),
        (".rela.debug_info", to(KERNEL, &[(0, s64, 0)])),
        (".klp.rela.vmlinux..text.first", to(KERNEL, &kinds)),
        (".klp.rela.vmlinux..data", to(KERNEL, &[(8, s64, 0)])),
        (".klp.rela.ext4..text.first", to(MODULE, &[(56, pc32, 12)])),
        (".klp.rela.ext4..text.second", to(MODULE, &[(8, s32, 0)])),
        (".klp.rela.ext4..data", to(MODULE, &[(0, s64, 0)])),
    ];
    let expected = expected.map(|(name, list)| (name.to_owned(), list));
    assert_eq!(relocations, expected.into());
}

#[test]
fn sections_are_as_the_document_has_them() {
    let file = read(&linked(&whole()));
    let name_of = |index: u32| file.sections[index as usize].name.as_str();
    let added: Vec<_> = file
        .sections
        .iter()
        .filter(|section| section.flags & SHF_RELA_LIVEPATCH != 0)
        .collect();
    assert_eq!(added.len(), 5);
    for section in added {
        let flags = elf::SHF_ALLOC.0 | elf::SHF_INFO_LINK.0 | SHF_RELA_LIVEPATCH;
        assert_eq!(section.flags, flags);
        assert_eq!(section.kind, elf::SHT_RELA.0);
        assert_eq!((section.align, section.entry_size), (8, 24));
        assert_eq!(section.offset % 8, 0);
        assert_eq!(name_of(section.link), ".symtab");
        assert!(section.name.ends_with(name_of(section.info)), "{section:?}");
    }
}

#[test]
fn symbols_are_as_the_document_has_them() {
    let file = read(&linked(&whole()));
    for name in [KERNEL, MODULE] {
        let symbol = file.symbol(name);
        assert_eq!(symbol.section, SHN_LIVEPATCH);
        assert_eq!(symbol.bind, elf::STB_GLOBAL.0);
        assert_eq!(symbol.kind, elf::STT_NOTYPE.0);
        assert_eq!((symbol.value, symbol.size), (0, 0));
    }
}

#[test]
fn everything_else_is_unchanged() {
    let (before, after) = (whole(), linked(&whole()));
    let (mut before, mut after) = (read(&before), read(&after));
    for (old, new) in before.symbols.iter_mut().zip(&mut after.symbols) {
        if old.name.starts_with(".klp.sym.") {
            assert_eq!(old.name, new.name);
            *new = old.clone();
        }
    }
    assert_eq!(before.symbols, after.symbols);

    assert_eq!(read(&linked(&whole())).section(".klp.unlinked").data, [0]);
    after.sections.truncate(before.sections.len());
    for (old, new) in before.sections.iter_mut().zip(&mut after.sections) {
        match old.name.as_str() {
            // The other tests are about these.
            ".symtab" | ".klp.unlinked" | ".rela.text.first" | ".rela.text.second"
            | ".rela.data" => new.data.clone_from(&old.data),
            ".shstrtab" => {
                assert!(new.data.starts_with(&old.data));
                new.data.clone_from(&old.data);
                new.offset = old.offset;
            }
            _ => {}
        }
    }
    assert_eq!(before.sections, after.sections);
}

#[test]
fn linking_again_does_nothing() {
    let once = linked(&whole());
    assert_eq!(link(&once).expect("a module"), once);
}

#[test]
fn a_module_without_livepatch_symbols_stays() {
    for mut fixture in [Fixture::new(), Fixture::no_patch()] {
        let text = fixture.text(".text", 16);
        let printk = fixture.outside("printk");
        fixture.relocate(text, 0, elf::R_X86_64_PLT32, printk, -4);
        let data = fixture.finish();
        assert!(!needs_link(&data).expect("a module"));
        assert_eq!(link(&data).expect("a module"), data);
    }
}

#[test]
fn a_mark_alone_is_cleared() {
    let mut fixture = Fixture::new();
    fixture.section(".klp.unlinked", SectionKind::Data, &[1, 1]);
    let before = fixture.finish();
    let after = linked(&before);
    let changed: Vec<_> = (0..before.len())
        .filter(|&at| before[at] != after[at])
        .collect();
    assert_eq!((before.len(), changed.len()), (after.len(), 2));
    assert_eq!(read(&after).section(".klp.unlinked").data, [0, 0]);
}

#[test]
fn an_unreferenced_symbol_is_marked_too() {
    let mut fixture = Fixture::new();
    fixture.outside(KERNEL);
    let before = fixture.finish();
    let after = linked(&before);
    assert_eq!(before.len(), after.len());
    assert_eq!(read(&after).symbol(KERNEL).section, SHN_LIVEPATCH);
}

/// A strong reference is what a build leaves that only warns of undefined symbols.
#[test]
fn a_strong_symbol_is_linked_too() {
    let mut fixture = Fixture::new();
    let text = fixture.text(".text", 16);
    let symbol = fixture.symbol(
        KERNEL,
        object::write::SymbolSection::Undefined,
        object::SymbolScope::Linkage,
    );
    fixture.relocate(text, 0, elf::R_X86_64_PLT32, symbol, -4);
    let after = linked(&fixture.finish());
    assert!(relocations(&after).contains_key(".klp.rela.vmlinux..text"));
}

/// vmlinux is there when the patch is loaded.
#[test]
fn sections_for_loading_may_refer_to_vmlinux() {
    let mut fixture = Fixture::new();
    let text = fixture.text(".init.text", 16);
    let symbol = fixture.outside(KERNEL);
    fixture.relocate(text, 0, elf::R_X86_64_PLT32, symbol, -4);
    let after = linked(&fixture.finish());
    assert!(relocations(&after).contains_key(".klp.rela.vmlinux..init.text"));
}

/// The kernel and `object` read tables in place, so each has to begin where its fields may.
#[test]
fn tables_begin_at_multiples_of_eight() {
    for length in 1..=8 {
        let mut fixture = Fixture::new();
        let text = fixture.text(&format!(".text.{}", "f".repeat(length)), 16);
        let symbol = fixture.outside(KERNEL);
        fixture.relocate(text, 0, elf::R_X86_64_PLT32, symbol, -4);
        let mut data = fixture.finish();
        // As if a tool had left something at the end.
        data.resize(data.len() + length, 0);
        let after = linked(&data);
        assert_eq!(u64::from_le_bytes(after[40..48].try_into().unwrap()) % 8, 0);
        let file = read(&after);
        assert!(
            file.sections
                .iter()
                .all(|section| section.align < 8 || section.offset % 8 == 0)
        );
    }
}
