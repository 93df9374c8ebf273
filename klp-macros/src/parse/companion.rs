// SPDX-License-Identifier: GPL-2.0-only

//! Parses the other items of a patch's mod: callbacks, shadow variables, states.

use super::attribute::{is_ours, nested_keys};
use super::{CallbackKind, Function, Keys, Kind, Variable};
use crate::errors::{self, Errors};
use proc_macro2::TokenStream;
use syn::parse::ParseStream;
use syn::{Attribute, Token, Visibility};

/// Takes the attribute of a callback from among a function's attributes.
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

/// Takes an attribute of a replacement off a callback, and says so.
pub(super) fn only_a_callback(function: &mut Function, errors: &mut Errors) {
    function.attributes.retain(|attribute| {
        let found = is_ours(attribute.path(), "livepatch");
        if found {
            errors.add(attribute, errors::CALLBACK_AND_REPLACEMENT);
        }
        !found
    });
}

/// Reads a static that carries one of our attributes. `None`, and nothing read, for any other item.
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

/// Parses the tokens between the type and the semicolon.
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

/// Takes the first attribute that means something, and says that there should be no other.
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
