// SPDX-License-Identifier: GPL-2.0-only

//! Checks that a declared symbol exists, is unique, and takes as many arguments.

use super::kernel;
use crate::errors::types::Role;
use crate::errors::{helpers, symbols as errors, Errors};
use crate::parse::foreign::{Declared, Symbol};
use klp_elf::{Kernel, Match, Object, Prototype, VMLINUX};
use syn::{LitStr, Signature};

/// The known properties of a declared symbol; none without a kernel.
#[derive(Default)]
pub(crate) struct Found {
    /// What C says of a function.
    pub(crate) prototype: Option<Prototype>,
    /// How large a variable is.
    pub(crate) size: Option<u64>,
    /// How large it can be at most, up to the next symbol.
    pub(crate) room: Option<u64>,
    /// Whether the kernel cannot write to a variable.
    pub(crate) read_only: Option<bool>,
    /// Whether the kernel exports it to modules.
    pub(crate) exported: bool,
}

/// A declared symbol.
struct Meant<'a> {
    object: &'a LitStr,
    symbol: &'a Symbol,
    /// Whether it may be unknown.
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
    let meant = Meant {
        object,
        symbol,
        is_vouched,
        name,
    };
    let ask =
        |kernel: &_, found: &Object<'_>, errors: &mut _| look_up(kernel, found, &meant, errors);
    kernel::ask_known(object, is_vouched, errors, ask).unwrap_or_default()
}

/// The same for a function of the patch's `helpers.c`, whose object the build passes as a module.
pub(crate) fn find_helper(
    object: &LitStr,
    symbol: &Symbol,
    name: &str,
    errors: &mut Errors,
) -> Found {
    let meant = Meant {
        object,
        symbol,
        name,
        is_vouched: false,
    };
    let ask = |_: &_, found: &Object<'_>, errors: &mut _| helper(found, &meant, errors);
    // make alone does not pass it.
    kernel::ask_known(object, true, errors, ask).unwrap_or_default()
}

fn helper(object: &Object<'_>, meant: &Meant<'_>, errors: &mut Errors) -> Found {
    let is_function = matches!(meant.symbol.declared, Declared::Function(_));
    let matches = object.function(meant.name).matches;
    let mut matches = matches.iter().flatten();
    if !matches.any(|found| found.code == is_function) {
        let kind = if is_function { "function" } else { "variable" };
        errors.add(&meant.at(), helpers::missing(meant.name, kind));
        return Found::default();
    }
    match &meant.symbol.declared {
        Declared::Function(signature) => function(object, meant, signature, false, errors),
        Declared::Variable { .. } => variable(object, meant, false, errors),
    }
}

fn look_up(kernel: &Kernel, object: &Object<'_>, meant: &Meant<'_>, errors: &mut Errors) -> Found {
    let exported = is_exported(kernel, meant);
    let found = match &meant.symbol.declared {
        Declared::Function(signature) => function(object, meant, signature, exported, errors),
        Declared::Variable { .. } => variable(object, meant, exported, errors),
    };
    Found { exported, ..found }
}

/// Whether modules can link to it without livepatch. An export of another module would create a dependency on
/// it, and an export in a namespace is restricted.
fn is_exported(kernel: &Kernel, meant: &Meant<'_>) -> bool {
    meant.object.value() == VMLINUX
        && meant.symbol.sympos.is_none()
        && kernel
            .export(meant.name)
            .is_some_and(|export| export.namespace.is_none())
}

fn function(
    object: &Object<'_>,
    meant: &Meant<'_>,
    signature: &Signature,
    exported: bool,
    errors: &mut Errors,
) -> Found {
    let function = object.function(meant.name);
    if let (Some(matches), false) = (&function.matches, exported) {
        if !matches.iter().any(|found| found.code) {
            let text = Role::Declaration.no_function(object, &function);
            errors.add(&meant.at(), text);
            return Found::default();
        }
        position(meant, matches, true, errors);
    }
    match (&function.prototype, &function.untyped) {
        (Some(prototype), _) => count(signature, prototype, errors),
        (None, Some(why)) if !meant.is_vouched => {
            errors.warn(&meant.at(), errors::untyped(meant.name, why));
        }
        (None, _) => {}
    }
    Found {
        prototype: function.prototype,
        ..Found::default()
    }
}

fn variable(object: &Object<'_>, meant: &Meant<'_>, exported: bool, errors: &mut Errors) -> Found {
    let variable = object.variable(meant.name);
    let Some(matches) = &variable.matches else {
        return Found::default();
    };
    if !matches.iter().any(|found| !found.code) {
        let text = errors::no_variable(object.name(), &variable);
        errors.add(&meant.at(), text);
        return Found::default();
    }
    let found = match exported {
        true => matches.iter().find(|found| !found.code),
        false => position(meant, matches, false, errors),
    };
    let Some(found) = found else {
        return Found::default();
    };
    if found.per_cpu {
        errors.add(&meant.at(), errors::per_cpu(meant.name, object.name()));
    }
    Found {
        size: found.size,
        room: found.room,
        read_only: found.read_only,
        ..Found::default()
    }
}

/// Finds the symbol, and checks its kind.
fn position<'m>(
    meant: &Meant<'_>,
    matches: &'m [Match],
    code: bool,
    errors: &mut Errors,
) -> Option<&'m Match> {
    let (name, object) = (meant.name, meant.object.value());
    let sympos = meant.sympos();
    let found = match (sympos, matches) {
        (0, [only]) => only,
        (0, several) => {
            errors.add(&meant.at(), errors::ambiguous(name, &object, several));
            return None;
        }
        (sympos, matches) => {
            let Some(found) = matches.iter().find(|found| found.sympos == sympos) else {
                let text = errors::no_such_position(name, &object, sympos, matches);
                errors.add(&meant.symbol.sympos, text);
                return None;
            };
            found
        }
    };
    if found.code != code {
        let text = errors::other_kind(name, &object, found.sympos, matches);
        errors.add(&meant.at(), text);
        return None;
    }
    if found.init {
        errors.add(&meant.at(), errors::init(name, &object));
    }
    Some(found)
}

impl Meant<'_> {
    fn sympos(&self) -> u32 {
        crate::keys::number(self.symbol.sympos.as_ref())
    }

    /// Where the kernel's name stands.
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
