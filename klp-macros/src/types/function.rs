// SPDX-License-Identifier: GPL-2.0-only

//! Checks that the replaced function exists, can be replaced and called, and takes as many arguments.

use super::kernel;
use crate::errors::types::{self as errors, Role};
use crate::errors::Errors;
use crate::{keys, parse};
use klp_elf::{Function, Kind, Machine, Match, Object, Prototype};
use proc_macro2::Ident;
use syn::{FnArg, LitInt, LitStr, Type};

/// What the author declares about one replacement.
pub(crate) struct Replaced<'a> {
    pub(crate) object: &'a LitStr,
    pub(crate) name: &'a LitStr,
    pub(crate) sympos: Option<&'a LitInt>,
    pub(crate) by: &'a parse::Function,
    /// The `original` in the replacement, if it calls the kernel's function.
    pub(crate) original: Option<&'a Ident>,
    /// Whether the author claims what cannot be checked.
    pub(crate) is_vouched: bool,
}

/// The known properties of the function.
#[derive(Default)]
pub(crate) struct Known {
    /// Its C prototype.
    pub(crate) prototype: Option<Prototype>,
    /// The length of its entry in bytes.
    pub(crate) entry: Option<u64>,
}

/// Checks the replaced function against the kernel.
pub(crate) fn check(replaced: &Replaced<'_>, errors: &mut Errors) -> Known {
    let look_up = |_: &_, object: &Object<'_>, errors: &mut _| in_object(object, replaced, errors);
    kernel::look_up_known(replaced.object, replaced.is_vouched, errors, look_up).unwrap_or_default()
}

fn in_object(object: &Object<'_>, replaced: &Replaced<'_>, errors: &mut Errors) -> Known {
    let function = object.function(&replaced.name.value());
    if is_missing(&function) {
        let name = replaced.name.value();
        let text = match super::inlined::callers(object.name(), &name) {
            callers if callers.is_empty() => Role::Replacement.no_function(object, &function),
            callers => errors::only_inlined(object.name(), &name, &callers),
        };
        errors.add(replaced.name, text);
        return Known::default();
    }
    let meant = position(replaced, &function, errors);
    Known {
        entry: meant.and_then(|meant| entry(object.machine(), replaced, &meant, errors)),
        prototype: prototype(replaced, function, errors),
    }
}

/// The prototype, if the replacement's signature matches.
fn prototype(
    replaced: &Replaced<'_>,
    function: Function,
    errors: &mut Errors,
) -> Option<Prototype> {
    let Some(prototype) = function.prototype else {
        if let (Some(why), false) = (&function.untyped, replaced.is_vouched) {
            errors.add(
                replaced.name,
                errors::unchecked(&replaced.name.value(), why),
            );
        }
        return None;
    };
    if prototype.variadic {
        errors.add(replaced.name, errors::variadic(&prototype));
        return None;
    }
    let signature = &replaced.by.signature;
    super::count(signature, &prototype, Role::Replacement, errors);
    warn_of_const(replaced, &prototype, errors);
    Some(prototype)
}

/// Whether the object has no such function. Only symbols show that: type information omits some functions.
fn is_missing(function: &Function) -> bool {
    let matches = function.matches.as_ref();
    matches.is_some_and(|matches| !matches.iter().any(|found| found.code))
}

/// The length of the entry: a call of the original begins after it.
fn entry(
    machine: Machine,
    replaced: &Replaced<'_>,
    meant: &Match,
    errors: &mut Errors,
) -> Option<u64> {
    let (word, length) = (replaced.original?, meant.entry?);
    if !machine.entries().contains(&length) {
        let (name, object) = (replaced.name.value(), replaced.object.value());
        errors.add(word, errors::strange_entry(&name, &object, length));
    }
    Some(length)
}

/// Finds the one function that the name and `sympos` select, and checks that ftrace can redirect it.
fn position(replaced: &Replaced<'_>, function: &Function, errors: &mut Errors) -> Option<Match> {
    let matches = function.matches.as_ref()?;
    let (name, object) = (replaced.name.value(), replaced.object.value());
    let prototype = function.prototype.as_ref();
    let sympos = keys::number(replaced.sympos);
    let Some(meant) = super::select(matches, sympos) else {
        match replaced.sympos.filter(|_| sympos != 0) {
            Some(at) => {
                let text = errors::no_such_position(&name, &object, sympos, matches, prototype);
                errors.add(at, text);
            }
            None => {
                let text = errors::ambiguous(&name, &object, matches, prototype);
                errors.add(replaced.name, text);
            }
        }
        return None;
    };
    if meant.init {
        errors.add(replaced.name, errors::init(&name, &object, prototype));
    } else if meant.traceable == Some(false) {
        let text = errors::not_traceable(&name, &object, prototype);
        errors.add(replaced.name, text);
    }
    Some(*meant)
}

/// Warns of writing through a C `const`. It is not an error: `const` binds the caller, and casting it away is
/// allowed.
fn warn_of_const(replaced: &Replaced<'_>, prototype: &Prototype, errors: &mut Errors) {
    let arguments = replaced.by.signature.inputs.iter();
    for ((index, argument), parameter) in arguments.enumerate().zip(&prototype.parameters) {
        let FnArg::Typed(typed) = argument else {
            continue;
        };
        let mutable = matches!(&*typed.ty, Type::Ptr(pointer) if pointer.mutability.is_some());
        if mutable && matches!(parameter.ty.kind, Kind::Pointer { constant: true, .. }) {
            let name = &replaced.by.signature.ident;
            errors.warn(&typed.ty, errors::only_read(name, prototype, index));
        }
    }
}
