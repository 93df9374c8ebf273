// SPDX-License-Identifier: GPL-2.0-only

//! The spans at which rustc reports errors in a replacement's signature.
//!
//! A type that cannot cross to C is reported at its position, and again for each use of the
//! function. Equal messages at one position are shown once.

use super::{arguments, result};
use proc_macro2::{Ident, Span};
use quote::ToTokens as _;
use syn::{Signature, Type};

/// `super` and the replacement's name, with the spans of the only type that may be the author's, else of
/// the name.
pub(crate) fn path_at_type(signature: &Signature) -> [Ident; 2] {
    let name = &signature.ident;
    let result = result(signature);
    let mut own = arguments(signature)
        .chain([&result])
        .filter(|ty| is_own(ty));
    let (first, last) = match (own.next(), own.next()) {
        (Some(ty), None) => ends(ty),
        _ => (name.span(), name.span()),
    };
    let mut replacement = name.clone();
    replacement.set_span(last.resolved_at(name.span()));
    [
        Ident::new("super", first.resolved_at(name.span())),
        replacement,
    ]
}

/// Whether a type is a plain name that is neither klp's nor primitive.
fn is_own(ty: &Type) -> bool {
    let Type::Path(path) = ty else {
        return false;
    };
    let Some(last) = path.path.segments.last() else {
        return false;
    };
    last.arguments.is_empty() && last.ident != "Result" && !super::obvious::is_primitive(ty)
}

/// The spans of the type's first and last tokens. On stable, no span joins them.
pub(crate) fn ends(ty: &Type) -> (Span, Span) {
    let mut tokens = ty.to_token_stream().into_iter();
    let first = tokens
        .next()
        .map_or_else(Span::call_site, |token| token.span());
    let last = tokens.last().map_or(first, |token| token.span());
    (first, last)
}
