// SPDX-License-Identifier: GPL-2.0-only

//! Compares a patch with the kernel: whether its functions exist and can be replaced, and their types.
//!
//! The build passes the kernel's type information (`KLP_VMLINUX` and so on, see
//! `klp_elf::Sources`). The macro reports what it can decide, as an error at the author's
//! token. Only the compiler knows which types the author's names stand for, so `contract` generates constants
//! that the compiler evaluates.

mod claims;
mod contract;
mod function;
mod impossible;
mod inlined;
mod kernel;
mod obvious;
mod place;
mod structure;
mod symbol;

pub(crate) use contract::{arguments, contract, declaration, place, result};
pub(crate) use function::{check, Known, Replaced};
pub(crate) use impossible::report as impossible;
pub(crate) use inlined::{Inlined, Named};
#[cfg(test)]
pub(crate) use kernel::with_sources;
pub(crate) use place::{ends, path_at_type};
pub(crate) use structure::kernel_struct;
pub(crate) use symbol::{find, find_helper, Found};

use crate::errors::types::Role;
use crate::errors::Errors;
use klp_elf::{Match, Prototype};
use proc_macro2::{Delimiter, Group, Ident, Span, TokenStream};
use quote::quote_spanned;
use syn::Signature;

/// A `panic!` that stops the compiler when it evaluates the surrounding constant. Its message is shown at the
/// span of the `panic!`.
pub(crate) fn stop(at: Span, text: &str) -> TokenStream {
    // `panic!` takes a literal for a format.
    let text = text.replace('{', "{{").replace('}', "}}");
    quote_spanned!(at=> ::core::panic!(#text))
}

/// A block with the author's token `unsafe`, which the lint `unsafe_code` finds.
pub(crate) fn vouched(unsafety: &Ident) -> TokenStream {
    let call = quote_spanned!(Span::mixed_site()=> ::klp::signature::vouched(););
    let mut block = Group::new(Delimiter::Brace, call);
    block.set_span(unsafety.span());
    quote_spanned! {Span::mixed_site()=>
        // SAFETY: the author vouches for it by this `unsafe`.
        const _: () = #unsafety #block;
    }
}

/// The symbol that `sympos` selects among those of one name; 0 selects the only one.
fn select(matches: &[Match], sympos: u32) -> Option<&Match> {
    match (sympos, matches) {
        (0, [only]) => Some(only),
        (sympos, all) => all.iter().find(|found| found.sympos == sympos),
    }
}

/// Checks that `signature` has as many arguments as the C prototype.
fn count(signature: &Signature, prototype: &Prototype, role: Role, errors: &mut Errors) {
    let (actual, expected) = (signature.inputs.len(), prototype.parameters.len());
    if actual < expected {
        errors.add(&signature.ident, role.arguments_missing(prototype, actual));
    }
    for argument in signature.inputs.iter().skip(expected) {
        errors.add(argument, role.argument_too_many(prototype));
    }
}
