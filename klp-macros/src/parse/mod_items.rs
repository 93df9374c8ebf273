// SPDX-License-Identifier: GPL-2.0-only

//! Parses the items of a patch's mod beside replacements: callbacks, shadow variables, states.

use super::attribute::{is_ours, nested_keys};
use super::{CallbackKind, Function, Keys, Kind, Variable};
use crate::errors::{self, Errors};
use proc_macro2::TokenStream;
use syn::parse::ParseStream;
use syn::{Attribute, Token, Visibility};

/// Removes and parses the attribute of a callback, if the function has one.
pub(super) fn take_callback(
    function: &mut Function,
    errors: &mut Errors,
) -> Option<(CallbackKind, Keys)> {
    let kind = |attribute: &Attribute| {
        let mut all = CallbackKind::ALL.into_iter();
        all.find(|kind| is_ours(attribute.path(), kind.name()))
    };
    take(&mut function.attributes, kind, errors)
}

/// Reports and removes `#[livepatch]` on a callback.
pub(super) fn only_a_callback(function: &mut Function, errors: &mut Errors) {
    function.attributes.retain(|attribute| {
        let found = is_ours(attribute.path(), "livepatch");
        if found {
            errors.add(attribute, errors::CALLBACK_AND_REPLACEMENT);
        }
        !found
    });
}

/// Parses a static that carries one of klp's attributes. For any other item it returns `None` and
/// consumes nothing.
pub(super) fn variable(
    input: ParseStream<'_>,
    errors: &mut Errors,
) -> syn::Result<Option<(Kind, Keys, Variable)>> {
    let ahead = input.fork();
    let attributes = ahead.call(Attribute::parse_outer)?;
    ahead.parse::<Visibility>()?;
    if !ahead.peek(Token![static]) || !attributes.iter().any(|one| kind(one).is_some()) {
        return Ok(None);
    }
    let mut attributes = input.call(Attribute::parse_outer)?;
    let Some((kind, keys)) = take(&mut attributes, kind, errors) else {
        return Ok(None);
    };
    let visibility = input.parse()?;
    input.parse::<Token![static]>()?;
    let mutability = input.parse()?;
    let name = input.parse()?;
    input.parse::<Token![:]>()?;
    let ty = input.parse()?;
    let value = value(input)?;
    input.parse::<Token![;]>()?;
    let variable = Variable {
        attributes,
        visibility,
        mutability,
        name,
        ty,
        value,
    };
    Ok(Some((kind, keys, variable)))
}

/// Parses `= value`, up to the semicolon.
fn value(input: ParseStream<'_>) -> syn::Result<Option<TokenStream>> {
    if !input.peek(Token![=]) {
        return Ok(None);
    }
    let mut value = TokenStream::new();
    while !input.is_empty() && !input.peek(Token![;]) {
        value.extend([input.parse::<proc_macro2::TokenTree>()?]);
    }
    Ok(Some(value))
}

fn kind(attribute: &Attribute) -> Option<Kind> {
    let mut all = [Kind::Shadow, Kind::State].into_iter();
    all.find(|kind| is_ours(attribute.path(), kind.name()))
}

/// Removes the attributes for which `meaning` returns something. Parses the first, and reports the others.
fn take<T>(
    attributes: &mut Vec<Attribute>,
    meaning: impl Fn(&Attribute) -> Option<T>,
    errors: &mut Errors,
) -> Option<(T, Keys)> {
    let mut found = None;
    attributes.retain(|attribute| {
        let Some(meaning) = meaning(attribute) else {
            return true;
        };
        if found.is_some() {
            errors.add(attribute, errors::ONE_ROLE);
        } else {
            found = Some((meaning, nested_keys(attribute, errors)));
        }
        false
    });
    found
}
