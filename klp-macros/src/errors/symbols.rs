// SPDX-License-Identifier: GPL-2.0-only

//! Messages about declared kernel functions and data.

use super::bytes;
use super::types::Role;
use klp_elf::{quoted, Match, Prototype, Variable};

// The block.

pub(crate) fn no_block(attribute: &str) -> String {
    format!("`{attribute}` goes on a block of declarations: write `unsafe extern \"C\" {{ ... }}`")
}

pub(crate) const NOT_C: &str =
    "the kernel's functions are called as C does: write `unsafe extern \"C\"`";
pub(crate) const NOT_UNSAFE: &str =
    "only you can know that the declarations are right, and which of them are `safe`: write `unsafe extern \"C\"`";
pub(crate) const EMPTY: &str =
    "nothing is declared here: write `safe fn the_function(count: usize) -> i32;`, or remove the block";

// A declaration.

pub(crate) const FUNCTION_OR_VARIABLE: &str =
    "expected a function or a variable: write `safe fn name(argument: Type) -> Type;` or `static NAME: Type;`";
pub(crate) const BODY: &str = "the body of this function is in C: write `;` instead of it";
pub(crate) const VALUE: &str = "the value of this variable is in C: remove it";
pub(crate) const SYMPOS_FORM: &str =
    "`sympos` is a plain integer, counted from 1: write `#[sympos = 1]`";
pub(crate) const LINK_NAME_FORM: &str =
    "`link_name` is the name that `/proc/kallsyms` shows: write `#[link_name = \"name.isra.0\"]`";
pub(crate) const LINK_NAME: &str =
    "this is not a valid symbol name: write it as `/proc/kallsyms` shows it, without parentheses or offset";
pub(crate) const GENERIC: &str =
    "a function of the kernel has one fixed signature: remove the generic parameters; a lifetime may be left out";
pub(crate) const QUALIFIER: &str =
    "a function of the kernel is declared as `safe fn` or as `fn`, which is unsafe to call: remove this word";
pub(crate) const CFG: &str =
    "a declaration cannot depend on `cfg`: move it to a separate block and put this above it";
pub(crate) const SAFE_MUT: &str =
    "data that changes is safe to use only under the kernel's own lock: remove `safe`; or declare an atomic, `safe static NAME: klp::sync::Atomic<u32>`";

/// Two declarations of one symbol.
pub(crate) fn declared_twice(name: &str, first: &str) -> String {
    format!(
        "`{name}` is already declared, as `{first}`: remove one, or distinguish them by \
         `#[sympos = 1]`"
    )
}

// The patch.

/// A replacement calls the replaced function through a declaration.
pub(crate) fn calls_itself(name: &str) -> String {
    format!(
        "the replacement of `{name}` calls `{name}` through this declaration, and so itself without \
         end: write `original(...)` there, which is the kernel's own, and remove this declaration \
         if nothing else needs it"
    )
}

/// Symbols of a module that is not an object of the patch.
pub(crate) fn no_such_object(object: &str) -> String {
    format!(
        "this patch has no object `{object}`, so the kernel would never resolve these symbols \
         for it: replace a function of `{object}` too, or give it a callback, `#[pre_patch(object = \
         \"{object}\")]`"
    )
}

/// A `safe` symbol of a module that need not be loaded.
pub(crate) fn safe_while_gone(object: &str) -> String {
    format!(
        "this patch also runs while `{object}` is not loaded, and then this does not exist: \
         remove `safe`, and use it only where the module is known to be loaded; or make a \
         separate patch for `{object}`"
    )
}

// Messages about the kernel.

/// There is no such data.
pub(crate) fn no_variable(object: &str, variable: &Variable) -> String {
    let name = &variable.name;
    let is_function = variable.matches.as_ref().is_some_and(|all| !all.is_empty());
    if is_function {
        return format!("`{name}` of `{object}` is a function: declare it as `fn`");
    }
    let similar = match variable.similar.is_empty() {
        true => ": the compiler may have removed it or numbered it (`name.0`, for which there is \
             `#[link_name = \"...\"]`); or its part of the kernel was not built"
            .to_owned(),
        false => format!(": did you mean {}?", quoted(&variable.similar)),
    };
    format!("`{object}` has no data `{name}`{similar}")
}

/// Several of that name.
pub(crate) fn ambiguous(name: &str, object: &str, matches: &[Match]) -> String {
    format!(
        "`{object}` has {} symbols `{name}`: write `#[sympos = ...]` above, to choose one{}",
        matches.len(),
        candidates(matches)
    )
}

/// None at that position.
pub(crate) fn no_such_position(name: &str, object: &str, sympos: u32, matches: &[Match]) -> String {
    if let [_] = matches {
        return format!(
            "`{object}` has one symbol `{name}`, and this is not the first: remove `sympos`"
        );
    }
    format!(
        "`{object}` has {} symbols `{name}`, and {sympos} is none of them{}",
        matches.len(),
        candidates(matches)
    )
}

/// The symbol at that position is of the other kind.
pub(crate) fn other_kind(name: &str, object: &str, sympos: u32, matches: &[Match]) -> String {
    let code = matches
        .iter()
        .any(|found| found.sympos == sympos && found.code);
    let (is, declare) = match code {
        true => ("a function", "declare it as `fn`"),
        false => ("data", "declare it as `static`"),
    };
    format!(
        "symbol {sympos} of the name `{name}` in `{object}` is {is}: {declare}, or write another \
         `#[sympos = ...]`{}",
        candidates(matches)
    )
}

/// The symbol is freed before a patch can be loaded.
pub(crate) fn init(name: &str, object: &str) -> String {
    format!(
        "`{name}` of `{object}` is freed once the kernel or the module has started (`__init`), \
         before a patch could use it"
    )
}

fn candidates(matches: &[Match]) -> String {
    super::types::candidates(matches, |candidate| {
        let kind = if candidate.code { "a function" } else { "data" };
        let size = match (candidate.size, candidate.code) {
            (Some(size), false) => format!(" of {}", bytes(size)),
            _ => String::new(),
        };
        format!("{kind} at {:#x}{size}", candidate.address)
    })
}

/// Data of another size.
pub(crate) fn size(name: &str, object: &str, size: u64) -> String {
    format!(
        "`{name}` of `{object}` has {}: write a type of that size",
        bytes(size)
    )
}

/// A per-CPU variable.
pub(crate) fn per_cpu(name: &str, object: &str) -> String {
    format!(
        "`{name}` of `{object}` is a per-CPU variable: each CPU has its own, and this symbol is the \
         template that they were made from; declare a function of the kernel that reads it"
    )
}

/// A type that is larger than the space up to the next symbol.
pub(crate) fn too_large(name: &str, object: &str, room: u64) -> String {
    format!(
        "another symbol begins {} after the start of `{name}` of `{object}`, so it is no \
         larger: write a type of its size; or remove `safe`, if you know better",
        bytes(room)
    )
}

/// Data that the kernel changes, declared with a type that cannot change.
pub(crate) fn changes(name: &str, object: &str) -> String {
    format!(
        "the kernel may change `{name}` of `{object}` at any time, and with this type the compiler \
         need not read it again: write an atomic; or remove `safe`, and say at each use why it \
         does not change"
    )
}

/// Read-only data, declared with a type that can be written.
pub(crate) fn never_changes(name: &str, object: &str) -> String {
    format!(
        "`{name}` of `{object}` is in read-only memory, and writing to this type would stop the \
         machine: write an integer, or an array of these"
    )
}

// Types.

/// The function has no type information.
pub(crate) fn untyped(name: &str, why: &str) -> String {
    format!(
        "the types of `{name}` are not checked: {why}; compare them with the C source, and add \
         `unsafe` after `object`"
    )
}

/// Only one of the C function and its declaration is variadic.
pub(crate) fn variadic(prototype: &Prototype) -> String {
    let name = &prototype.name;
    let lines = Role::Declaration.prototype_lines(prototype);
    match prototype.variadic {
        true => format!(
            "`{name}` takes variable arguments: write `...` as the last{}",
            lines
        ),
        false => format!(
            "`{name}` takes no variable arguments: remove `...`{}",
            lines
        ),
    }
}
