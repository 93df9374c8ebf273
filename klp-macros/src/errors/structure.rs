// SPDX-License-Identifier: GPL-2.0-only

//! Messages about views of kernel structures.

use super::{bytes, quoted};
use klp_elf::{rust, Kind, Member, Object, Pointee, Prototype, Structure, Type, VMLINUX};

// The attribute and the struct.

pub(crate) const NO_STRUCT: &str =
    "`#[kernel_struct]` goes on a struct: write `#[kernel_struct(\"seq_file\")] struct Sequence { count: usize }` with the members that are used, or `struct Sequence;` for one that is only pointed to";
pub(crate) const GENERIC: &str =
    "the kernel's structure has one layout: remove the generic parameters";
pub(crate) const UNNAMED_FIELDS: &str =
    "members are found by their names in C: write `{ name: type, ... }`";
pub(crate) const REPR: &str =
    "the layout is the kernel's, and comes from its type information: remove `#[repr]`";
pub(crate) const NAME_EXPECTED: &str =
    "expected the structure's name in C: write `#[kernel_struct(\"seq_file\")]`";
pub(crate) const COMMA_EXPECTED: &str = "expected a comma after the name: separate keys by commas";
pub(crate) const PARTIAL: &str =
    "a view names the members that are used, in any order, and nothing else: remove `partial` and all padding";

pub(crate) fn only_the_tag(tag: &str) -> String {
    format!("expected the structure's name alone: write \"{tag}\"")
}

pub(crate) fn derive(derived: &str) -> String {
    format!(
        "a view refers to kernel memory that other CPUs use, and cannot be copied, compared or \
         printed as a whole: remove `{derived}`"
    )
}

// The attributes of members.

pub(crate) const PATH: &str = "expected the member's path in C: write `#[path(\"inner.member\")]`";
pub(crate) const CFG: &str =
    "a member cannot depend on `cfg`: put this above the `#[kernel_struct]`, with a view for each case";
pub(crate) const FOLLOW_OF_REFERENCE: &str =
    "`#[follow]` goes on a pointer that is followed: write `&T`, `Option<&T>` where it may be `NULL`, `Result<&T>` where it may be `ERR_PTR()`, or `Result<Option<&T>>`";
pub(crate) const LIFETIME: &str =
    "the target lives as long as the structure or the RCU guard: remove the lifetime";
pub(crate) const MUTABLE: &str =
    "structures of the kernel are shared: remove `mut`; to write a member of the other view, put `#[write(unsafe)]` above it";
pub(crate) const CONTAINER_IS_A_CLAIM: &str =
    "only you can know that each argument is part of such a structure: write `#[container_of(unsafe)]`";
pub(crate) const ACTIVE_IS_A_CLAIM: &str =
    "only you can know that C uses the union as this member whenever the patch does: write `#[active(unsafe)]`";
pub(crate) const ACTIVE_TWICE: &str =
    "the claim of the member's other attribute covers the union too: remove `#[active]`";
pub(crate) const LIST: &str =
    "expected the member that links an entry: write `#[list(node, unsafe)]`, or `#[list(node, rcu, unsafe)]` for a list under RCU";
pub(crate) const LIST_OF_ENTRIES: &str =
    "`#[list]` goes on the head of a list: write its type as `List<T>`, `HList<T>` or `HListNulls<T>` of `klp::list`, where `T` is the view of an entry";
pub(crate) const WRITE_LIST: &str =
    "entries are added and removed by functions of the kernel: remove `#[write]`";
pub(crate) const COUNTED_BY: &str =
    "expected the member that counts the elements: write `#[counted_by(len, unsafe)]`";
pub(crate) const COUNTED_BY_OF_SLICE: &str =
    "`#[counted_by]` goes on a flexible array, `[T]`, or on a pointer to the first of several elements, `&[T]`: write one of these types";
pub(crate) const SLICE: &str =
    "a flexible array does not say how many elements there are: name the member that does, `#[counted_by(len, unsafe)]`";
pub(crate) const COUNTER_TYPE: &str = "a counter of elements is an integer in C: write its type";
pub(crate) const WRITE_RCU: &str =
    "a pointer under RCU is published with a barrier, by functions of the kernel: remove `#[write]`";
pub(crate) const WRITE_FOLLOWED: &str =
    "this pointer is followed, so a written value must satisfy your claim: write `#[write(unsafe)]`";
pub(crate) const WRITE_BEHIND: &str =
    "elements behind a pointer are written through their view: put `#[write(unsafe)]` on its members";
pub(crate) const WRITE_STRUCTURE: &str =
    "a structure is written member by member: put `#[write(unsafe)]` on those of its view";
pub(crate) const WRITE_COUNTER: &str =
    "this member counts the elements of a flexible array, so a written value must be true: write `#[write(unsafe)]`";
pub(crate) const BITS_TOO_WIDE: &str =
    "no single load reads this bit-field: access it in C, in a `helpers.c`";
pub(crate) const WRITE_BITS: &str =
    "no single store writes this bit-field without the bytes beside it: remove `#[write]`";

pub(crate) fn words_expected(known: &[&str]) -> String {
    format!(
        "expected {} here, separated by commas",
        quoted(known.iter().copied())
    )
}

pub(crate) fn follow_is_a_claim(rcu: bool) -> String {
    let rcu = if rcu { "rcu, " } else { "" };
    format!(
        "only you can know what the pointer points to and how long that lives: write \
         `#[follow({rcu}unsafe)]`"
    )
}

pub(crate) fn reference_is_a_claim(target: &str) -> String {
    format!(
        "only you can know that the pointer may be followed: put `#[follow(unsafe)]` above it, or \
         write `*mut {target}`, which claims nothing"
    )
}

pub(crate) fn list_is_a_claim(node: &str, rcu: bool) -> String {
    let rcu = if rcu { "rcu, " } else { "" };
    format!(
        "only you can know what is in the list, and that no entry leaves it during a walk: write \
         `#[list({node}, {rcu}unsafe)]`"
    )
}

pub(crate) fn counting_is_a_claim(by: &str) -> String {
    format!(
        "only you can know that `{by}` says how many elements there are: write \
         `#[counted_by({by}, unsafe)]`"
    )
}

pub(crate) fn no_counter(by: &str) -> String {
    format!("the view has no member `{by}`: add it with its type, `{by}: u32` for example")
}

pub(crate) fn cell(cell: &str, inner: &str) -> String {
    format!(
        "members change behind a reference, and each access is one load or store: write `{inner}` \
         instead of `{cell}`, and `#[write(unsafe)]` above it"
    )
}

pub(crate) fn atomic(atomic: &str, integer: &str) -> String {
    format!(
        "each access to a member is one load or store, as `READ_ONCE()` and `WRITE_ONCE()` are: \
         write `{integer}` instead of `{atomic}`"
    )
}

// Which structure.

pub(crate) const NO_KERNEL: &str =
    "a view needs the kernel's type information (BTF), and this build has none: build the kernel with CONFIG_DEBUG_INFO_BTF=y, or name a vmlinux that has it in KLP_VMLINUX";

pub(crate) fn no_object(object: &str) -> String {
    format!(
        "a view needs the module's type information: nothing is known about `{object}`; build it \
         first, and name the folder that holds {object}.ko in KLP_MODULES"
    )
}

pub(crate) fn not_there(name: &str, object: &Object<'_>) -> String {
    if let Some(why) = object.untyped() {
        return format!("a view needs the module's type information, but {why}");
    }
    let elsewhere = if object.name() == VMLINUX {
        ": write its tag or the name of its `typedef`; for a module's own structure add `object = \"the_module\"`"
    } else {
        ""
    };
    format!("`{}` has no structure `{name}`{elsewhere}", object.name())
}

pub(crate) fn only_declared(name: &str) -> String {
    format!(
        "`{name}` is only declared in this object, so its members are not known. Write `struct \
         View;` to point to one; for a module's own structure add \
         `object = \"the_module\"`"
    )
}

pub(crate) fn several(name: &str, object: &str, several: &[Structure]) -> String {
    const SHOWN: usize = 6;
    let mut text = format!(
        "`{object}` has {} structures `{name}`: add `of = \"a_function\"`, a function that takes \
         or returns the one that you mean, or a member that only that one has",
        several.len()
    );
    for structure in several {
        let members = structure.members.iter().map(|member| member.name.as_str());
        let more = match structure.members.len() > SHOWN {
            true => ", ...",
            false => "",
        };
        text += &format!(
            "\n  {}: {}{more}",
            bytes(structure.size),
            quoted(members.take(SHOWN))
        );
    }
    text
}

pub(crate) fn no_function(of: &str, object: &str) -> String {
    format!("the types of the function `{of}` of `{object}` are not known: name another one")
}

pub(crate) fn not_of(name: &str, prototype: &Prototype) -> String {
    format!(
        "`{}` neither takes nor returns a `{name}`: name a function that does\n  C prototype: {prototype}",
        prototype.name
    )
}

// Members.

/// The member's C declaration and offset.
fn declared(structure: &Structure, member: &Member) -> String {
    let bits = match &member.bits {
        Some(bits) => format!(" : {}", bits.count),
        None => String::new(),
    };
    format!(
        "\n  C: `{}{bits};` of `{}`, {} at offset {}",
        member.ty.declare(&member.name),
        structure.name(),
        bytes(member.size),
        member.offset
    )
}

pub(crate) fn no_member(structure: &Structure, name: &str) -> String {
    /// The most members that the message names.
    const SHOWN: usize = 20;
    let members = structure.members.iter().map(|member| member.name.as_str());
    let of = match structure.name() {
        "" => "this inner structure".to_owned(),
        name => format!("`{name}`"),
    };
    let nearest = members
        .clone()
        .filter(|member| member.len().abs_diff(name.len()) * 3 <= member.len())
        .map(|member| (strsim::damerau_levenshtein(name, member), member))
        .filter(|(distance, member)| distance * 3 <= member.len())
        .min();
    if let Some(member) = nearest.and_then(|(_, nearest)| structure.member(nearest)) {
        return format!(
            "{of} has no member `{name}`: did you mean `{}`?{}",
            member.name,
            declared(structure, member)
        );
    }
    let hint = match name.starts_with('_') {
        true => ": a view has no padding, only the members that are used",
        false => "",
    };
    let more = match structure.members.len().checked_sub(SHOWN) {
        None | Some(0) => String::new(),
        Some(more) => format!(", and {more} more: `cargo klp stub --struct` prints them"),
    };
    let shown = members.take(SHOWN).collect::<Vec<_>>();
    format!(
        "{of} has no member `{name}`{hint}\n  C: {of} has {}{more}",
        shown.join(", ")
    )
}

pub(crate) fn no_structure(member: &Member) -> String {
    let (name, c) = (&member.name, &member.ty.c);
    match member.ty.kind {
        Kind::Pointer { .. } => format!(
            "`{name}` is `{c}` in C, and a path cannot follow a pointer: declare `{name}` \
             itself, and a view of its target"
        ),
        _ => format!("`{name}` is `{c}` in C, which has no members: end the path there"),
    }
}

/// A member of another type.
pub(crate) fn differs(structure: &Structure, member: &Member) -> String {
    format!(
        "`{}` is `{}` in C: {}{}",
        member.name,
        member.ty.c,
        advice(member),
        declared(structure, member)
    )
}

/// A view of another structure of the same name.
pub(crate) fn other_structure(structure: &Structure, member: &Member) -> String {
    format!(
        "this view is of another structure of that name than `{}`: several files of the kernel \
         use that name. Add `of = \"a_function\"` to its `#[kernel_struct]`, a function that \
         takes or returns the right one{}",
        member.name,
        declared(structure, member)
    )
}

/// What to write for a member.
fn advice(member: &Member) -> String {
    if let Some(bits) = &member.bits {
        return match (&member.ty.kind, bits.count) {
            (_, 1) => "write `bool` for its single bit".to_owned(),
            (Kind::Integer { signed } | Kind::Enum { signed }, count) => {
                let letter = if *signed { 'i' } else { 'u' };
                let size = u64::from(count).next_power_of_two().max(8);
                format!("write `{letter}{size}` for its {count} bits")
            }
            _ => NOTHING.to_owned(),
        };
    }
    value(&member.ty).unwrap_or_else(|| NOTHING.to_owned())
}

const NOTHING: &str = "no Rust type stands for that";

fn value(ty: &Type) -> Option<String> {
    match &ty.kind {
        Kind::Array { element, length: 0 } => {
            let element = rust::member(element)?;
            Some(format!(
                "write `[{element}]`, and `#[counted_by(len, unsafe)]` above it, which names the \
                 member that says how many there are"
            ))
        }
        Kind::Aggregate { names } if rust::embedded(names).is_some() => {
            let own = rust::embedded(names)?;
            Some(match own {
                "klp::list::ListNode" => format!(
                    "write `{own}` for what links an entry, and `klp::list::List<T>` with \
                     `#[list(node, unsafe)]` above it for the head of a list"
                ),
                _ => format!("write `{own}`"),
            })
        }
        Kind::Aggregate { names } if rust::list(names).is_some() => Some(format!(
            "write `klp::list::{}<T>` with `#[list(node, unsafe)]` above it, where `T` is the view of \
             an entry, and `node` its member that links it",
            rust::list(names)?
        )),
        Kind::Aggregate { names } => Some(match names.last() {
            Some(tag) => {
                let name = rust::member(ty)?;
                format!(
                    "write `{name}`, and declare that as a view: `#[kernel_struct(\"{tag}\")] \
                     struct {name};`"
                )
            }
            None => "take its members, by `#[path(\"inner.member\")]`".to_owned(),
        }),
        Kind::Pointer {
            to: Pointee::Named(names),
            ..
        } if !names.is_empty() => {
            let pointer = rust::member(ty)?;
            let target = pointer.split_once(' ').map_or("T", |(_, target)| target);
            Some(format!(
                "write `{pointer}`, or `&{target}` with `#[follow(unsafe)]` above it"
            ))
        }
        _ => Some(format!("write `{}`", rust::member(ty)?)),
    }
}

pub(crate) fn claims_in_union(structure: &Structure, member: &Member) -> String {
    format!(
        "`{}` shares its bytes with other members of a union, and this type is a lock, or a view that \
         has locks, or members with `unsafe` in their attributes: that is true only while C uses it as \
         such. Put `#[active(unsafe)]` above it where C does so whenever the patch uses it, or give it a \
         view without those{}",
        member.name,
        declared(structure, member)
    )
}

pub(crate) fn not_aligned(structure: &Structure, member: &Member) -> String {
    format!(
        "`{}` is in a packed structure, at an address that this type cannot have: give it a view, \
         which has no alignment{}",
        member.name,
        declared(structure, member)
    )
}
