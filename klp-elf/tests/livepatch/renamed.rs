// SPDX-License-Identifier: GPL-2.0-only

//! Renames modules.

use crate::fixture::Fixture;
use klp_elf::Module;
use klp_elf::livepatch::{link, rename};
use object::{Object as _, ObjectSection as _, SectionKind};

const THIS_MODULE: &str = ".gnu.linkonce.this_module";

/// The bytes of `struct module` of a module of this name.
fn this_module(name: &str) -> Vec<u8> {
    let mut this = vec![0; 128];
    this[24..24 + name.len()].copy_from_slice(name.as_bytes());
    this
}

/// A patch named `x`, whose `struct module` has this name.
fn patch(name: &str) -> Vec<u8> {
    let mut fixture = Fixture::new();
    fixture.section(THIS_MODULE, SectionKind::Data, &this_module(name));
    let symbol = fixture.outside(".klp.sym.vmlinux.helper,0");
    let text = fixture.text(".text.first", 64);
    fixture.relocate(text, 0, object::elf::R_X86_64_PC32, symbol, -4);
    fixture.finish()
}

#[test]
fn both_places_have_the_new_name() {
    let linked = link(&patch("x")).expect("it can be linked");
    for module in [patch("x"), linked] {
        let renamed = rename(&module, "x_1_2").expect("it can be renamed");
        let file = object::File::parse(renamed.as_slice()).expect("an ELF file");
        let this = file.section_by_name(THIS_MODULE).expect("there");
        let this = this.data().expect("readable");
        assert_eq!(&this[24..30], b"x_1_2\0");
        assert!(this[30..].iter().all(|&byte| byte == 0));
        let modinfo = Module::parse(&renamed).expect("a module").modinfo();
        let modinfo = modinfo.expect("readable");
        let names: Vec<_> = modinfo.values("name").map(ToString::to_string).collect();
        assert_eq!(names, ["x_1_2"]);
        assert_eq!(modinfo.value("klp_series").expect("there").to_string(), "x");
        assert!(modinfo.is_livepatch());
        let sections = |data: &[u8]| {
            let file = object::File::parse(data).expect("an ELF file");
            let names = file
                .sections()
                .map(|it| it.name().expect("text").to_owned());
            names.collect::<Vec<_>>()
        };
        assert_eq!(sections(&renamed), sections(&module));
    }
}

#[test]
fn unrenamable_modules_are_refused() {
    let error = |module: &[u8], name: &str| rename(module, name).expect_err("refused").to_string();
    for name in ["", "a-b", "a.b", &"x".repeat(56)] {
        assert!(
            error(&patch("x"), name).contains("no module can be named"),
            "{name}"
        );
    }
    rename(&patch("x"), &"x".repeat(55)).expect("just short enough");
    assert!(error(&patch("y"), "z").contains("two names"));
    let signed = [&patch("x")[..], b"~Module signature appended~\n"].concat();
    assert!(error(&signed, "z").contains("it is signed"));
    assert!(error(&Fixture::new().finish(), "z").contains("no `struct module`"));
}

/// A module with this modinfo, and these contents of `struct module`.
fn module(modinfo: &[u8], this: &[u8]) -> Vec<u8> {
    let mut fixture = Fixture::no_patch();
    fixture.section(".modinfo", SectionKind::ReadOnlyData, modinfo);
    fixture.section(THIS_MODULE, SectionKind::Data, this);
    fixture.finish()
}

#[test]
fn an_entry_without_an_end_stays_one() {
    let module = module(b"name=x\0livepatch=Y", &this_module("x"));
    let renamed = rename(&module, "x_1_2").expect("it can be renamed");
    let modinfo = Module::parse(&renamed).expect("a module").modinfo();
    let modinfo = modinfo.expect("readable");
    let value = |key| modinfo.value(key).expect("there").to_string();
    assert_eq!([value("livepatch"), value("name")], ["Y", "x_1_2"]);
}

#[test]
fn a_struct_module_without_a_name_is_refused() {
    for name in ["", "x"] {
        let modinfo = format!("livepatch=Y\0name={name}\0");
        for size in [0, 24, 25, 79] {
            let short = module(modinfo.as_bytes(), &this_module(name)[..size]);
            let error = rename(&short, "z").expect_err("refused");
            assert!(error.to_string().contains("damaged"), "{error}");
        }
        // A section without bytes in the file may have any offset.
        let mut data = module(modinfo.as_bytes(), &this_module(name));
        let file = object::File::parse(data.as_slice()).expect("an ELF file");
        let index = file.section_by_name(THIS_MODULE).expect("there").index().0;
        let table = u64::from_le_bytes(data[40..48].try_into().expect("8 bytes"));
        let header = usize::try_from(table).expect("small") + index * 64;
        data[header + 4..header + 8].copy_from_slice(&object::elf::SHT_NOBITS.0.to_le_bytes());
        data[header + 24..header + 32].fill(0xff);
        rename(&data, "z").expect_err("refused");
    }
}
