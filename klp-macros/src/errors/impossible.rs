// SPDX-License-Identifier: GPL-2.0-only

//! Messages about types that no C function has.

use super::types::{argument_in_c, prototype_lines, suggestion, Role};
use klp_elf::{rust, Prototype, Type};

/// Why a type cannot be that of an argument or a result.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Impossible {
    /// `&mut T`
    MutableReference,
    /// `&i64`
    ReferenceToValue,
    /// `&str`
    Str,
    /// `&[T]`, `[T]`
    Slice,
    /// `[T; N]`
    Array,
    /// `(A, B)`
    Tuple,
    /// `f64`
    Float,
    /// `char`
    Char,
    /// `i128`
    Wide,
    /// `Result` as an argument.
    ResultArgument,
    /// `Option<u32>`
    OptionOfValue,
    /// `KBox<T>` as an argument.
    Movable,
}

/// What is wrong with a type, and what to write if the C type is unknown.
fn texts(why: Impossible) -> (&'static str, &'static str) {
    match why {
        Impossible::MutableReference => (
            "`&mut` promises that nothing else uses its target, and C does not promise that",
            "write `&T` for a structure, whose members are changed through cells or accessors, `InOut<'_, T>` for an integer, or `*mut T`",
        ),
        Impossible::ReferenceToValue => (
            "a reference stands for a structure of the kernel",
            "write `InOut<'_, T>` for an integer that is not `const` in C, `*mut T` or `*const T`",
        ),
        Impossible::Str => (
            "C has no `&str`",
            "write `&CStr` for a NUL-terminated string, or `*const c_char`",
        ),
        Impossible::Slice => (
            "C passes a pointer and a separate length",
            "write `*mut T` or `*const T`, and the length as in C",
        ),
        Impossible::Array => ("C passes an array as a pointer", "write `*mut T` or `*const T`"),
        Impossible::Tuple => ("C has no tuples", "write each value as a separate argument"),
        Impossible::Float => ("the kernel passes no floating point", "write an integer"),
        Impossible::Char => ("a Rust `char` has four bytes, C's has one", "write `u8` or `c_char`"),
        Impossible::Wide => (
            "128-bit values cannot cross to C",
            "write the type that C has, of at most 64 bits",
        ),
        Impossible::ResultArgument => (
            "a `Result` can only be a result",
            "write a raw pointer where C may pass `ERR_PTR()`, and an integer for an errno",
        ),
        Impossible::OptionOfValue => (
            "only a pointer can be absent, as `NULL`",
            "write the value without `Option`",
        ),
        Impossible::Movable => (
            "C may have pointers into the structure, and what is in a `KBox` can be moved",
            "write `Pin<KBox<T>>`, or `Option<Pin<KBox<T>>>`",
        ),
    }
}

/// An argument of such a type.
pub(crate) fn argument(known: Option<&Prototype>, index: usize, why: Impossible) -> String {
    let (what, instead) = texts(why);
    let Some(prototype) = known else {
        return format!("{what}: {instead}");
    };
    let (argument, c) = argument_in_c(prototype, index);
    if why == Impossible::Movable {
        return format!(
            "{argument} is `{c}` in C: {instead}; {what}{}",
            prototype_lines(prototype)
        );
    }
    let rust = suggestion(instead_of(&prototype.parameters[index].ty, why));
    format!(
        "{argument} is `{c}` in C: {rust}; {what}{}",
        prototype_lines(prototype)
    )
}

/// The type that the argument can have.
fn instead_of(ty: &Type, why: Impossible) -> Option<String> {
    let is_reference = matches!(
        why,
        Impossible::MutableReference | Impossible::ReferenceToValue
    );
    let in_out = is_reference.then(|| rust::in_out(ty)).flatten();
    in_out.or_else(|| rust::argument(ty))
}

/// A result of such a type.
pub(crate) fn result(known: Option<&Prototype>, why: Impossible) -> String {
    let (what, instead) = texts(why);
    match known {
        Some(prototype) => {
            let text = Role::Replacement.result(prototype);
            let (first, rest) = text.split_once('\n').unwrap_or((&text, ""));
            format!("{first}; {what}\n{rest}")
        }
        None => format!("{what}: {instead}"),
    }
}
