// SPDX-License-Identifier: GPL-2.0-only

//! Checks that a declared symbol exists, is unique, and takes as many arguments.

use super::kernel;
use crate::errors::types::Role;
use crate::errors::{helpers, symbols as errors, Errors};
use crate::parse::foreign::{Declared, Symbol};
use klp_elf::{Kernel, Match, Object, Prototype, VMLINUX};
use syn::{LitStr, Signature};

/// The known properties of a declared symbol. Without a kernel there are none.
#[derive(Default)]
pub(crate) struct Found {
    /// A function's C prototype.
    pub(crate) prototype: Option<Prototype>,
    /// A variable's size.
    pub(crate) size: Option<u64>,
    /// The most bytes that it can have, up to the next symbol.
    pub(crate) room: Option<u64>,
    /// Whether the kernel cannot write to a variable.
    pub(crate) read_only: Option<bool>,
    /// Whether the kernel exports it to modules.
    pub(crate) exported: bool,
}

/// The declaration to look up.
struct Query<'a> {
    object: &'a LitStr,
    symbol: &'a Symbol,
    /// Whether the author vouches for what is unknown.
    is_vouched: bool,
    /// The kernel's name for it.
    name: &'a str,
}

/// Looks the symbol up in the kernel, and reports mistakes of its declaration.
pub(crate) fn find(
    object: &LitStr,
    is_vouched: bool,
    symbol: &Symbol,
    name: &str,
    errors: &mut Errors,
) -> Found {
    let query = Query {
        object,
        symbol,
        is_vouched,
        name,
    };
    let in_object =
        |kernel: &_, found: &Object<'_>, errors: &mut _| look_up(kernel, found, &query, errors);
    kernel::look_up_known(object, is_vouched, errors, in_object).unwrap_or_default()
}

/// The same for a symbol of the patch's `helpers.c`, whose object file the build passes as a module.
pub(crate) fn find_helper(
    object: &LitStr,
    symbol: &Symbol,
    name: &str,
    errors: &mut Errors,
) -> Found {
    let query = Query {
        object,
        symbol,
        name,
        is_vouched: false,
    };
    let in_object = |_: &_, found: &Object<'_>, errors: &mut _| helper(found, &query, errors);
    // A plain make does not pass it.
    kernel::look_up_known(object, true, errors, in_object).unwrap_or_default()
}

fn helper(object: &Object<'_>, query: &Query<'_>, errors: &mut Errors) -> Found {
    let is_function = matches!(query.symbol.declared, Declared::Function(_));
    let matches = object.function(query.name).matches;
    let mut matches = matches.iter().flatten();
    if !matches.any(|found| found.code == is_function) {
        let kind = if is_function { "function" } else { "variable" };
        errors.add(&query.at(), helpers::missing(query.name, kind));
        return Found::default();
    }
    match &query.symbol.declared {
        Declared::Function(signature) => function(object, query, signature, false, errors),
        Declared::Variable { .. } => variable(object, query, false, errors),
    }
}

fn look_up(kernel: &Kernel, object: &Object<'_>, query: &Query<'_>, errors: &mut Errors) -> Found {
    let exported = is_exported(kernel, query);
    let found = match &query.symbol.declared {
        Declared::Function(signature) => function(object, query, signature, exported, errors),
        Declared::Variable { .. } => variable(object, query, exported, errors),
    };
    Found { exported, ..found }
}

/// Whether modules can link to the symbol without livepatch. Exports of other modules do not count,
/// because they would create a dependency, nor do exports in a namespace, which are restricted.
fn is_exported(kernel: &Kernel, query: &Query<'_>) -> bool {
    query.object.value() == VMLINUX
        && query.symbol.sympos.is_none()
        && kernel
            .export(query.name)
            .is_some_and(|export| export.namespace.is_none())
}

fn function(
    object: &Object<'_>,
    query: &Query<'_>,
    signature: &Signature,
    exported: bool,
    errors: &mut Errors,
) -> Found {
    let function = object.function(query.name);
    if let (Some(matches), false) = (&function.matches, exported) {
        if !matches.iter().any(|found| found.code) {
            let text = Role::Declaration.no_function(object, &function);
            errors.add(&query.at(), text);
            return Found::default();
        }
        position(query, matches, true, errors);
    }
    match (&function.prototype, &function.untyped) {
        (Some(prototype), _) => count(signature, prototype, errors),
        (None, Some(why)) if !query.is_vouched => {
            errors.warn(&query.at(), errors::untyped(query.name, why));
        }
        (None, _) => {}
    }
    Found {
        prototype: function.prototype,
        ..Found::default()
    }
}

fn variable(object: &Object<'_>, query: &Query<'_>, exported: bool, errors: &mut Errors) -> Found {
    let variable = object.variable(query.name);
    let Some(matches) = &variable.matches else {
        return Found::default();
    };
    if !matches.iter().any(|found| !found.code) {
        let text = errors::no_variable(object.name(), &variable);
        errors.add(&query.at(), text);
        return Found::default();
    }
    let found = match exported {
        true => matches.iter().find(|found| !found.code),
        false => position(query, matches, false, errors),
    };
    let Some(found) = found else {
        return Found::default();
    };
    if found.per_cpu {
        errors.add(&query.at(), errors::per_cpu(query.name, object.name()));
    }
    Found {
        size: found.size,
        room: found.room,
        read_only: found.read_only,
        ..Found::default()
    }
}

/// Finds the symbol that the name and `sympos` select, and checks its kind.
fn position<'m>(
    query: &Query<'_>,
    matches: &'m [Match],
    code: bool,
    errors: &mut Errors,
) -> Option<&'m Match> {
    let (name, object) = (query.name, query.object.value());
    let sympos = query.sympos();
    let Some(found) = super::select(matches, sympos) else {
        match sympos {
            0 => errors.add(&query.at(), errors::ambiguous(name, &object, matches)),
            _ => {
                let text = errors::no_such_position(name, &object, sympos, matches);
                errors.add(&query.symbol.sympos, text);
            }
        }
        return None;
    };
    if found.code != code {
        let text = errors::other_kind(name, &object, found.sympos, matches);
        errors.add(&query.at(), text);
        return None;
    }
    if found.init {
        errors.add(&query.at(), errors::init(name, &object));
    }
    Some(found)
}

impl Query<'_> {
    fn sympos(&self) -> u32 {
        crate::keys::number(self.symbol.sympos.as_ref())
    }

    /// The tokens of the kernel's name.
    fn at(&self) -> proc_macro2::TokenStream {
        use quote::ToTokens as _;
        match &self.symbol.link_name {
            Some(name) => name.to_token_stream(),
            None => self.symbol.name().to_token_stream(),
        }
    }
}

fn count(signature: &Signature, prototype: &Prototype, errors: &mut Errors) {
    super::count(signature, prototype, Role::Declaration, errors);
    match &signature.variadic {
        Some(dots) if !prototype.variadic => errors.add(dots, errors::variadic(prototype)),
        None if prototype.variadic => {
            errors.add(&signature.ident, errors::variadic(prototype));
        }
        _ => {}
    }
}
