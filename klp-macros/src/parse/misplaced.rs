// SPDX-License-Identifier: GPL-2.0-only

//! Reports and removes misplaced `#[livepatch]` attributes.
//!
//! One that stays would expand to another patch and hide the mistake.

use super::attribute::is_livepatch;
use super::tokens::{is_punct, is_word};
use super::Function;
use crate::errors::{self, Errors};
use proc_macro2::{Delimiter, Group, TokenStream, TokenTree};
use quote::quote;
use syn::parse::{ParseStream, Parser};
use syn::{Attribute, Path, Visibility};

/// Reports and removes further `#[livepatch]` attributes on or in a function that is a whole patch.
pub(crate) fn only_one(function: &mut Function, errors: &mut Errors) {
    function.attributes.retain(|attribute| {
        let found = is_livepatch(attribute.path());
        if found {
            errors.add(attribute, errors::TWO_ATTRIBUTES);
        }
        !found
    });
    let body = function.body.clone();
    function.body = strip_token(body, errors::INSIDE_FUNCTION, errors);
}

/// Reports and removes each `#[livepatch]` on or in an item other than a function.
pub(super) fn in_item(tokens: TokenStream, errors: &mut Errors) -> syn::Result<TokenStream> {
    let parser = |input: ParseStream<'_>| {
        let attributes = input.call(Attribute::parse_outer)?;
        let visibility: Visibility = input.parse()?;
        let rest: TokenStream = input.parse()?;
        Ok((attributes, visibility, rest))
    };
    let (mut attributes, visibility, rest) = parser.parse2(tokens)?;
    let first = rest.clone().into_iter().next();
    let is_mod = first.is_some_and(|token| is_word(&token, "mod"));
    let kind = kind(&rest);
    attributes.retain(|attribute| {
        let found = is_livepatch(attribute.path());
        if found && is_mod {
            errors.add(attribute, errors::MOD_INSIDE_MOD);
        } else if found {
            errors.add(attribute, errors::not_replaceable(kind));
        }
        !found
    });
    let inside = match kind {
        "an impl" | "a trait" => errors::METHOD_IN_MOD,
        _ => errors::NOT_AT_TOP,
    };
    let rest = strip(rest, inside, errors);
    Ok(quote!(#(#attributes)* #visibility #rest))
}

/// Removes every `#[livepatch(...)]` from the tokens, however deep, and reports `text` at each.
pub(crate) fn strip(tokens: TokenStream, text: &str, errors: &mut Errors) -> TokenStream {
    let mut kept = TokenStream::new();
    let mut tokens = tokens.into_iter().peekable();
    while let Some(token) = tokens.next() {
        if is_punct(&token, '#') {
            if let Some(attribute) = tokens.next_if(is_livepatch_group) {
                errors.add(&quote!(#token #attribute), text);
                continue;
            }
        }
        kept.extend([strip_token(token, text, errors)]);
    }
    kept
}

pub(super) fn strip_token(token: TokenTree, text: &str, errors: &mut Errors) -> TokenTree {
    let TokenTree::Group(group) = token else {
        return token;
    };
    let before = errors.len();
    let inside = strip(group.stream(), text, errors);
    if errors.len() == before {
        // Unchanged: a new group would lose the spans of its braces.
        return TokenTree::Group(group);
    }
    let mut stripped = Group::new(group.delimiter(), inside);
    stripped.set_span(group.span());
    TokenTree::Group(stripped)
}

/// The kind of an item that is neither function nor mod, for messages.
pub(super) fn kind(item: &TokenStream) -> &'static str {
    for token in item.clone() {
        let TokenTree::Ident(word) = token else {
            continue;
        };
        return match word.to_string().as_str() {
            "unsafe" => continue,
            "struct" => "a struct",
            "enum" => "an enum",
            "union" => "a union",
            "impl" => "an impl",
            "trait" => "a trait",
            "static" => "a static",
            "const" => "a constant",
            "type" => "a type alias",
            "use" => "a `use`",
            "extern" => "an extern block",
            _ => "this item",
        };
    }
    "this item"
}

/// Whether this is the bracketed part of `#[livepatch]`.
fn is_livepatch_group(token: &TokenTree) -> bool {
    let TokenTree::Group(group) = token else {
        return false;
    };
    let path = |input: ParseStream<'_>| {
        let path = input.call(Path::parse_mod_style)?;
        input.parse::<TokenStream>()?;
        Ok(path)
    };
    group.delimiter() == Delimiter::Bracket
        && path
            .parse2(group.stream())
            .is_ok_and(|path| is_livepatch(&path))
}
