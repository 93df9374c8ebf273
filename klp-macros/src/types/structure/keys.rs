// SPDX-License-Identifier: GPL-2.0-only

//! What stands between the parentheses of `#[kernel_struct(...)]`.

use crate::errors::{structure as errors, Errors};
use crate::names;
use proc_macro2::TokenStream;
use syn::parse::{ParseStream, Parser};
use syn::{Ident, LitStr, Token};

/// The structure that the author means.
pub(super) struct Keys {
    /// Its tag, or the name of its `typedef`.
    pub(super) name: LitStr,
    /// Where its type information is.
    pub(super) object: Option<LitStr>,
    /// Whether the view shows only its beginning.
    pub(super) partial: bool,
}

/// Reads them. Nothing when there is no name to go on with.
pub(super) fn keys(attribute: TokenStream, errors: &mut Errors) -> Option<Keys> {
    let parser = |input: ParseStream<'_>| parse(input, errors);
    match parser.parse2(attribute) {
        Ok(keys) => Some(keys),
        Err(error) => {
            errors.add_syntax(error);
            None
        }
    }
}

fn parse(input: ParseStream<'_>, errors: &mut Errors) -> syn::Result<Keys> {
    if !input.peek(LitStr) {
        return Err(input.error(errors::NAME_EXPECTED));
    }
    let mut keys = Keys {
        name: input.parse()?,
        object: None,
        partial: false,
    };
    name(&keys.name, errors);
    while !input.is_empty() {
        input.parse::<Token![,]>()?;
        if input.is_empty() {
            break;
        }
        let key: Ident = input.parse()?;
        match key.to_string().as_str() {
            "partial" => keys.partial = true,
            "object" => {
                input.parse::<Token![=]>()?;
                let object: LitStr = input.parse()?;
                if let Err(text) = names::module("object", &object.value()) {
                    errors.add(&object, text);
                }
                keys.object = Some(object);
            }
            other => errors.add(&key, errors::unknown_key(other)),
        }
    }
    Ok(keys)
}

fn name(literal: &LitStr, errors: &mut Errors) {
    let value = literal.value();
    if let Some((_, tag)) = value.split_once(' ') {
        errors.add(literal, errors::only_the_tag(tag.trim()));
    } else if value.is_empty()
        || !value
            .chars()
            .all(|character| character == '_' || character.is_ascii_alphanumeric())
    {
        errors.add(literal, errors::NAME_EXPECTED);
    }
}
