// SPDX-License-Identifier: GPL-2.0-only

//! What stands between the parentheses of `#[kernel_struct(...)]`.

use crate::errors::{structure as errors, Errors};
use crate::names;
use proc_macro2::TokenStream;
use syn::parse::{ParseStream, Parser};
use syn::{Expr, Ident, LitStr, Token};

/// The structure that the author means.
pub(super) struct Keys {
    /// Its tag, or the name of its `typedef`.
    pub(super) name: LitStr,
    /// Where its type information is.
    pub(super) object: Option<LitStr>,
    /// A function that takes it or gives it, where there are several of that name.
    pub(super) of: Option<LitStr>,
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
        of: None,
    };
    name(&keys.name, errors);
    while !input.is_empty() {
        input.parse::<Token![,]>()?;
        if input.is_empty() {
            break;
        }
        let key: Ident = input.parse()?;
        match key.to_string().as_str() {
            "object" => keys.object = Some(object(input, errors)?),
            "of" => keys.of = Some(value(input)?),
            "partial" => errors.add(&key, errors::PARTIAL),
            other => {
                errors.add(&key, errors::unknown_key(other));
                if input.peek(Token![=]) {
                    input.parse::<Token![=]>()?;
                    input.parse::<Expr>()?;
                }
            }
        }
    }
    Ok(keys)
}

fn value(input: ParseStream<'_>) -> syn::Result<LitStr> {
    input.parse::<Token![=]>()?;
    input.parse()
}

fn object(input: ParseStream<'_>, errors: &mut Errors) -> syn::Result<LitStr> {
    let object = value(input)?;
    if let Err(text) = names::module("object", &object.value()) {
        errors.add(&object, text);
    }
    Ok(object)
}

fn name(literal: &LitStr, errors: &mut Errors) {
    let value = literal.value();
    if let Some((_, tag)) = value.split_once(' ') {
        errors.add(literal, errors::only_the_tag(tag.trim()));
    } else if !is_name(&value) {
        errors.add(literal, errors::NAME_EXPECTED);
    }
}

/// Whether it can be a name in C.
pub(super) fn is_name(text: &str) -> bool {
    let allowed = |character: char| character == '_' || character.is_ascii_alphanumeric();
    !text.is_empty() && text.chars().all(allowed)
}
