// SPDX-License-Identifier: GPL-2.0-only

//! Structures and their members.

use crate::btf::Btf;
use crate::files::Folder;
use klp_elf::{Bits, Kernel, Member, NoMember, Structure, VMLINUX};

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
fn a_structure_is_a_member_of_all_of_it() {
    let mut btf = Btf::new();
    let long = btf.signed("long", 8);
    btf.structure(
        "list_head",
        16,
        &[("next", long, 0, 0), ("prev", long, 64, 0)],
    );
    let head = structure(&btf, "list_head").expect("the structure");
    let member = head.as_member().expect("it has a name");
    assert_eq!((member.offset, member.size, member.ty.align), (0, 16, 8));
    assert_eq!(member.ty.identity.content(), Some(head.content()));
    assert_eq!(member.ty.c, "list_head");
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
    let kernel = Folder::new(&two_of_a_name().finish()).open();
    let object = kernel.object(VMLINUX).expect("readable").expect("vmlinux");
    assert_eq!(object.structure_tags().collect::<Vec<_>>(), ["slot"]);
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

/// The members that these paths lead to.
fn paths(kernel: &Kernel, name: &str, paths: &[&str]) -> Vec<Result<Member, NoMember>> {
    let object = kernel.object(VMLINUX).expect("readable").expect("vmlinux");
    let structure = object.structure(name).expect("the structure");
    let paths = paths.iter();
    paths.map(|path| object.member(&structure, path)).collect()
}

#[test]
fn paths_lead_into_named_members() {
    let mut btf = Btf::new();
    let byte = btf.unsigned("unsigned char", 1);
    let int = btf.signed("int", 4);
    let deep = btf.structure("", 4, &[("low", byte, 0, 3), ("high", byte, 8, 0)]);
    let union = btf.union("", 4, &[("number", int), ("parts", deep)]);
    let inner = btf.structure("inner", 8, &[("first", int, 0, 0), ("", union, 32, 0)]);
    let pointer = btf.pointer(inner);
    let alias = btf.typedef("inner_t", inner);
    let members = [("ptr", pointer, 0, 0), ("in", alias, 64, 0)];
    btf.structure("outer", 16, &members);
    let kernel = Folder::new(&btf.finish()).open();
    let found = paths(
        &kernel,
        "outer",
        &["in.first", "in.parts.high", "in.parts.low", "in", "ptr"],
    );
    let places: Vec<_> = found
        .iter()
        .map(|found| {
            let member = found.as_ref().expect("a member");
            (member.name.as_str(), member.offset, member.shared)
        })
        .collect();
    let wanted = [
        ("first", 8, false),
        ("high", 13, true),
        ("low", 12, true),
        ("in", 8, false),
        ("ptr", 0, false),
    ];
    assert_eq!(places, wanted);
    let low = found[2].as_ref().expect("a member");
    assert_eq!(low.bits, Some(Bits { first: 0, count: 3 }));
    for found in paths(&kernel, "outer", &["ptr.first", "in.first.x"]) {
        assert!(matches!(found, Err(NoMember::NoStructure(_))), "{found:?}");
    }
    let missing = paths(&kernel, "outer", &["in.none", "", "in..first", "in."]);
    for found in missing {
        assert!(matches!(found, Err(NoMember::Missing { .. })), "{found:?}");
    }
}

#[test]
fn a_structure_in_itself_ends_a_path_somewhere() {
    let mut btf = Btf::new();
    btf.structure("s", 8, &[("s", 1, 0, 0)]);
    let kernel = Folder::new(&btf.finish()).open();
    let object = kernel.object(VMLINUX).expect("readable").expect("vmlinux");
    assert_eq!(object.structure("s"), None);
}

/// Two files of a kernel with a structure of the same name each, and functions that take them.
pub(crate) fn two_of_a_name() -> Btf {
    let mut btf = Btf::new();
    let int = btf.signed("int", 4);
    let long = btf.signed("long int", 8);
    for (function, ty) in [("first", int), ("second", long)] {
        let slot = btf.structure("slot", 8, &[("number", ty, 0, 0)]);
        let pointer = btf.pointer(slot);
        btf.function(function, int, &[("slot", pointer)]);
    }
    btf
}

#[test]
fn structures_of_one_name_are_compared_by_content() {
    let kernel = Folder::new(&two_of_a_name().finish()).open();
    let object = kernel.object(VMLINUX).expect("readable").expect("vmlinux");
    let mut taken = Vec::new();
    for function in ["first", "second"] {
        let prototype = object.function(function).prototype.expect("it");
        taken.extend(prototype.parameters[0].ty.identity.content());
        assert_eq!(prototype.result.identity.content(), None);
    }
    let mut contents: Vec<_> = object
        .structures("slot")
        .iter()
        .map(Structure::content)
        .collect();
    assert_ne!(taken[0], taken[1]);
    taken.sort_unstable();
    contents.sort_unstable();
    assert_eq!(taken, contents);
}

/// The order of types in BTF differs from one build of a kernel to the next: `pahole` reads files in
/// parallel.
#[test]
fn structures_of_one_name_have_the_same_order_in_each_build() {
    let listed = |sizes: [u32; 3]| {
        let mut btf = Btf::new();
        let int = btf.signed("int", 4);
        for size in sizes {
            let member = format!("of_{size}");
            let structure = btf.structure("slot", size.min(8), &[(&member, int, 0, 0)]);
            btf.function(&member, int, &[("slot", structure)]);
        }
        let kernel = Folder::new(&btf.finish()).open();
        let object = kernel.object(VMLINUX).expect("readable").expect("vmlinux");
        object.structures("slot")
    };
    let expected = listed([4, 8, 16]);
    assert_eq!(expected.len(), 3);
    for other in [[16, 8, 4], [8, 16, 4], [16, 4, 8]] {
        assert_eq!(listed(other), expected);
    }
}
