// SPDX-License-Identifier: GPL-2.0-only

//! Parses the arguments of `#[livepatch(...)]`, and finds that attribute.
//!
//! Not a syn parser, which would stop at the first mistake: this continues with the next key.

use super::tokens::{is_punct, is_word};
use super::{Key, Keys, Value};
use crate::errors::{self, Errors};
use crate::keys::table;
use proc_macro2::{Delimiter, Ident, TokenStream, TokenTree};
use quote::ToTokens;
use syn::{Attribute, Lit, Meta, Path};

type Tokens = std::iter::Peekable<proc_macro2::token_stream::IntoIter>;

/// Parses the keys between the parentheses of the attribute.
pub(crate) fn keys(attribute: TokenStream, inside: TokenStream, errors: &mut Errors) -> Keys {
    let mut keys = Keys {
        attribute,
        keys: Vec::new(),
        garbled: false,
    };
    let mut tokens = inside.into_iter().peekable();
    while let Some(token) = tokens.next() {
        if let TokenTree::Ident(name) = token {
            keys.keys.push(key(name, &mut tokens, errors));
            continue;
        }
        errors.add(&token, errors::KEY_EXPECTED);
        keys.garbled = true;
        if !is_punct(&token, ',') {
            skip_to_comma(&mut tokens);
        }
    }
    keys
}

/// Parses the rest of a key, up to the next key.
fn key(name: Ident, tokens: &mut Tokens, errors: &mut Errors) -> Key {
    let value = match tokens.peek() {
        None => Value::None,
        Some(token) if is_punct(token, ',') => Value::None,
        Some(token) if is_punct(token, '=') => {
            let equals = tokens.next();
            value(&name, equals, tokens, errors)
        }
        Some(_) => {
            errors.add(
                &name,
                errors::equals_expected(&name, &table::example(&name)),
            );
            skip_to_comma(tokens);
            return Key {
                name,
                value: Value::Broken,
            };
        }
    };
    match tokens.peek() {
        Some(token) if !is_punct(token, ',') => errors.add(token, errors::comma_expected(&name)),
        _ => drop(tokens.next()),
    }
    Key { name, value }
}

/// Parses the value after `=`.
fn value(
    name: &Ident,
    equals: Option<TokenTree>,
    tokens: &mut Tokens,
    errors: &mut Errors,
) -> Value {
    let Some(first) = tokens.next_if(|token| !is_punct(token, ',')) else {
        errors.add(
            &equals,
            errors::equals_expected(name, &table::example(name)),
        );
        return Value::Broken;
    };
    // A name after a complete value is the next key: the comma is missing.
    let ends = |token: &TokenTree| is_punct(token, ',') || matches!(token, TokenTree::Ident(_));
    if tokens.peek().is_none_or(ends) {
        if let Some(literal) = literal(&first) {
            return Value::Literal(literal);
        }
        match first {
            TokenTree::Group(group) if group.delimiter() == Delimiter::Bracket => {
                return Value::List(group);
            }
            _ => {}
        }
    }
    let mut other = TokenStream::from(first);
    while let Some(token) = tokens.next_if(|token| !is_punct(token, ',')) {
        other.extend([token]);
    }
    Value::Other(other)
}

/// A literal, also one passed on by a `macro_rules!` macro.
pub(crate) fn literal(token: &TokenTree) -> Option<Lit> {
    syn::parse2(token.to_token_stream()).ok()
}

fn skip_to_comma(tokens: &mut Tokens) {
    while tokens.next_if(|token| !is_punct(token, ',')).is_some() {}
    tokens.next();
}

/// Takes the `#[livepatch(...)]` from among a function's attributes.
pub(super) fn take_livepatch(attributes: &mut Vec<Attribute>, errors: &mut Errors) -> Option<Keys> {
    let mut found: Option<Keys> = None;
    attributes.retain(|attribute| {
        if is_conditional_livepatch(attribute) {
            errors.add(attribute, errors::CFG_ATTR);
            return false;
        }
        if !is_livepatch(attribute.path()) {
            return true;
        }
        if found.is_some() {
            errors.add(attribute, errors::TWO_ATTRIBUTES);
        } else {
            found = Some(nested_keys(attribute, errors));
        }
        false
    });
    found
}

/// The keys of an attribute on an item inside the mod.
pub(super) fn nested_keys(attribute: &Attribute, errors: &mut Errors) -> Keys {
    let tokens = attribute.to_token_stream();
    match &attribute.meta {
        Meta::Path(_) => keys(tokens, TokenStream::new(), errors),
        Meta::List(list) => keys(tokens, list.tokens.clone(), errors),
        Meta::NameValue(_) => {
            errors.add(
                attribute,
                errors::attribute_form(&last_word(attribute.path())),
            );
            Keys {
                attribute: tokens,
                keys: Vec::new(),
                garbled: true,
            }
        }
    }
}

/// Whether the path names `#[livepatch]`: `livepatch`, `klp::livepatch`, `klp::prelude::livepatch`.
pub(super) fn is_livepatch(path: &Path) -> bool {
    is_ours(path, "livepatch")
}

/// Whether the path names klp's attribute `name`.
pub(super) fn is_ours(path: &Path, name: &str) -> bool {
    let first = path.segments.first().map(|segment| &segment.ident);
    last_word(path) == name
        && (path.segments.len() == 1
            || first.is_some_and(|name| name == "klp" || name == "klp_macros"))
}

fn last_word(path: &Path) -> String {
    path.segments
        .last()
        .map_or_else(String::new, |segment| segment.ident.to_string())
}

/// Whether this is `#[cfg_attr(..., livepatch(...))]`.
fn is_conditional_livepatch(attribute: &Attribute) -> bool {
    let Meta::List(list) = &attribute.meta else {
        return false;
    };
    list.path.is_ident("cfg_attr")
        && list
            .tokens
            .clone()
            .into_iter()
            .any(|token| is_word(&token, "livepatch"))
}
