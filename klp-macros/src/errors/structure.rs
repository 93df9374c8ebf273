// SPDX-License-Identifier: GPL-2.0-only

//! What is wrong with a view of one of the kernel's structures.

use klp_elf::{Identifier, Member, Structure};

/// How many members of a structure a message names.
const NAMED: usize = 64;

pub(crate) const NO_STRUCT: &str =
    "`#[kernel_struct]` stands on a struct: write `#[kernel_struct(\"seq_file\")] struct SeqFile { ... }`, or `struct SeqFile;` for one that is only pointed to";
pub(crate) const GENERIC: &str =
    "the kernel's structure has one layout: remove the generic parameters";
pub(crate) const UNNAMED_FIELDS: &str =
    "fields are compared by their names in C: write `{ name: type, ... }`";
pub(crate) const REPR: &str = "the kernel's structure has C's layout: write `#[repr(C)]`";
pub(crate) const NAME_EXPECTED: &str =
    "expected the structure's name in C: write `#[kernel_struct(\"seq_file\")]`";

pub(crate) fn only_the_tag(tag: &str) -> String {
    format!("expected the structure's name alone: write \"{tag}\"")
}

pub(crate) fn unknown_key(key: &str) -> String {
    format!(
        "unknown key `{key}`: behind the name stand `object = \"a_module\"` and `partial`, which \
         says that the view has only the first fields"
    )
}

pub(crate) fn not_there(name: &str, object: &str) -> String {
    let elsewhere = if object == crate::model::VMLINUX {
        ": write its tag or the name of its `typedef`; for a module's own structure add `object = \"the_module\"`"
    } else {
        ""
    };
    format!("`{object}` has no structure `{name}`{elsewhere}")
}

/// What C calls it.
fn c(structure: &Structure) -> &str {
    structure.names.first().map_or("", Identifier::as_str)
}

fn bytes(count: u64) -> String {
    match count {
        1 => "1 byte".to_owned(),
        count => format!("{count} bytes"),
    }
}

/// The member as C declares it, and where it is.
fn declared(structure: &Structure, member: &Member) -> String {
    format!(
        "\n  C: `{};` of `{}`, {} at offset {}",
        member.ty.declare(&member.name),
        c(structure),
        bytes(member.size),
        member.offset
    )
}

pub(crate) fn no_member(structure: &Structure, name: &str) -> String {
    let members = structure.members.iter().map(|member| member.name.as_str());
    let nearest = members
        .clone()
        .filter(|member| member.len().abs_diff(name.len()) * 3 <= member.len())
        .map(|member| (strsim::damerau_levenshtein(name, member), member))
        .filter(|(distance, member)| distance * 3 <= member.len())
        .min();
    match nearest {
        Some((_, nearest)) => {
            let known = structure.members.iter();
            let declared = known
                .filter(|member| member.name == nearest)
                .map(|member| declared(structure, member))
                .next();
            format!(
                "`{}` has no member `{name}`: did you mean `{nearest}`?{}",
                c(structure),
                declared.unwrap_or_default()
            )
        }
        None => format!(
            "`{0}` has no member `{name}`: padding has a name that begins with `_`\n  C: `{0}` has {1}",
            c(structure),
            members
                .take(NAMED)
                .chain((structure.members.len() > NAMED).then_some("..."))
                .collect::<Vec<_>>()
                .join(", ")
        ),
    }
}

pub(crate) fn bit_field(structure: &Structure, member: &Member) -> String {
    format!(
        "`{}` is a bit field, which Rust has none of: take the bytes that hold it under a name \
         that begins with `_`{}",
        member.name,
        declared(structure, member)
    )
}

pub(crate) fn offset(structure: &Structure, member: &Member) -> String {
    format!(
        "`{}` is at offset {} in C, and not where this field is: a field before it is missing, \
         has another size, or needs padding such as `_gap: [u8; 4]`{}",
        member.name,
        member.offset,
        declared(structure, member)
    )
}

pub(crate) fn size(structure: &Structure, member: &Member) -> String {
    format!(
        "`{}` has {} in C, and this type has not{}",
        member.name,
        bytes(member.size),
        declared(structure, member)
    )
}

pub(crate) fn not_whole(structure: &Structure) -> String {
    format!(
        "`{}` has {} in C, and this view has not: add the fields that are missing at its \
         end, or write `partial` behind the name",
        c(structure),
        bytes(structure.size)
    )
}

pub(crate) fn too_large(structure: &Structure) -> String {
    format!(
        "`{}` has {} in C, and this view has more: remove what does not belong to it",
        c(structure),
        bytes(structure.size)
    )
}
