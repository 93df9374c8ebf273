// SPDX-License-Identifier: GPL-2.0-only

//! Structures and their members.

use crate::btf::Btf;
use crate::files::Folder;
use klp_elf::{Bits, Structure, VMLINUX};

fn structure(btf: &Btf, name: &str) -> Option<Structure> {
    let kernel = Folder::new(&btf.finish()).open();
    let object = kernel.object(VMLINUX).expect("readable").expect("vmlinux");
    object.structure(name)
}

/// Name, offset and size of each member.
fn members(structure: &Structure) -> Vec<(&str, u64, u64)> {
    let members = structure.members.iter();
    members
        .map(|member| (member.name.as_str(), member.offset, member.size))
        .collect()
}

#[test]
fn inner_ones_without_a_name_are_opened() {
    let mut btf = Btf::new();
    let int = btf.signed("int", 4);
    let deep = btf.structure("", 8, &[("low", int, 0, 0), ("high", int, 32, 0)]);
    let union = btf.union("", 8, &[("whole", int), ("", deep)]);
    btf.structure("outer", 16, &[("first", int, 0, 0), ("", union, 64, 0)]);
    let outer = structure(&btf, "outer").expect("the structure");
    assert_eq!(
        members(&outer),
        [
            ("first", 0, 4),
            ("whole", 8, 4),
            ("low", 8, 4),
            ("high", 12, 4)
        ]
    );
    assert_eq!((outer.size, outer.align, outer.union), (16, 4, false));
    assert_eq!(outer.member("high").expect("it").offset, 12);
}

#[test]
fn bit_fields_have_a_place_in_their_bytes() {
    let mut btf = Btf::new();
    let int = btf.unsigned("unsigned int", 4);
    btf.structure(
        "flags",
        4,
        &[("a", int, 0, 3), ("b", int, 3, 7), ("c", int, 16, 8)],
    );
    let flags = structure(&btf, "flags").expect("the structure");
    assert_eq!(members(&flags), [("a", 0, 1), ("b", 0, 2), ("c", 2, 1)]);
    assert_eq!(flags.members[1].bits, Some(Bits { first: 3, count: 7 }));
}

#[test]
fn a_typedef_names_a_structure_too() {
    let mut btf = Btf::new();
    let int = btf.signed("int", 4);
    let inner = btf.structure("", 4, &[("counter", int, 0, 0)]);
    btf.typedef("atomic_t", inner);
    btf.typedef("pid_t", int);
    let atomic = structure(&btf, "atomic_t").expect("the structure");
    assert_eq!(atomic.names, ["atomic_t"]);
    assert_eq!(members(&atomic), [("counter", 0, 4)]);
    assert_eq!(structure(&btf, "pid_t"), None);
    assert_eq!(structure(&btf, ""), None);
}

#[test]
fn a_packed_structure_has_no_alignment() {
    let mut btf = Btf::new();
    let byte = btf.unsigned("unsigned char", 1);
    let long = btf.unsigned("unsigned long", 8);
    btf.structure("packed", 9, &[("a", byte, 0, 0), ("b", long, 8, 0)]);
    let members = [("a", byte, 0, 0), ("b", long, 8, 0)];
    btf.structure("packed_by_8", 16, &members);
    btf.structure("plain", 16, &[("a", byte, 0, 0), ("b", long, 64, 0)]);
    assert_eq!(structure(&btf, "packed").expect("it").align, 1);
    assert_eq!(structure(&btf, "packed_by_8").expect("it").align, 1);
    assert_eq!(structure(&btf, "plain").expect("it").align, 8);
}
