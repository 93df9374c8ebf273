// SPDX-License-Identifier: GPL-2.0-only

//! A module gets another name.

use crate::fixture::Fixture;
use klp_elf::Module;
use klp_elf::livepatch::{link, rename};
use object::{Object as _, ObjectSection as _, SectionKind};

const THIS_MODULE: &str = ".gnu.linkonce.this_module";

/// A patch named `x`, whose `struct module` has this name.
fn patch(name: &str) -> Vec<u8> {
    let mut fixture = Fixture::new();
    let mut this = vec![0; 128];
    this[24..24 + name.len()].copy_from_slice(name.as_bytes());
    fixture.section(THIS_MODULE, SectionKind::Data, &this);
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
fn what_cannot_be_renamed_is_refused() {
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
