// SPDX-License-Identifier: GPL-2.0-only

//! Parses the item under the attribute: a function, or a mod with its items.

use super::attribute::take_livepatch;
use super::misplaced::{in_item, kind, strip, strip_token};
use super::mod_items::{only_a_callback, take_callback, variable};
use super::{Function, Item, Module, Target};
use crate::errors::{self, Errors};
use proc_macro2::{Group, Ident, TokenStream};
use quote::{quote, ToTokens};
use syn::parse::{ParseStream, Parser};
use syn::{Abi, Attribute, Token, Visibility};

/// Parses the item under the attribute.
pub(crate) fn target(item: TokenStream, errors: &mut Errors) -> syn::Result<Target> {
    let parser = |input: ParseStream<'_>| {
        if is_function(input)? {
            return Ok(Target::Function(Box::new(function(input)?)));
        }
        let attributes = input.call(Attribute::parse_outer)?;
        let visibility = input.parse()?;
        if input.peek(Token![mod]) {
            return module(attributes, visibility, input, errors);
        }
        let rest: TokenStream = input.parse()?;
        Ok(Target::Other(
            kind(&rest),
            rest.into_iter().take(1).collect(),
        ))
    };
    parser.parse2(item)
}

/// Whether the next item is a function.
fn is_function(input: ParseStream<'_>) -> syn::Result<bool> {
    let ahead = input.fork();
    ahead.call(Attribute::parse_outer)?;
    ahead.parse::<Visibility>()?;
    ahead.parse::<Option<Token![const]>>()?;
    ahead.parse::<Option<Token![async]>>()?;
    ahead.parse::<Option<Token![unsafe]>>()?;
    ahead.parse::<Option<Abi>>()?;
    Ok(ahead.peek(Token![fn]))
}

fn function(input: ParseStream<'_>) -> syn::Result<Function> {
    Ok(Function {
        attributes: input.call(Attribute::parse_outer)?,
        visibility: input.parse()?,
        signature: input.parse()?,
        body: input.parse()?,
    })
}

fn module(
    attributes: Vec<Attribute>,
    visibility: Visibility,
    input: ParseStream<'_>,
    errors: &mut Errors,
) -> syn::Result<Target> {
    let keyword = input.parse::<Token![mod]>()?;
    let name: Ident = input.parse()?;
    if input.peek(Token![;]) {
        input.parse::<Token![;]>()?;
        return Ok(Target::ModuleFile(quote!(#keyword #name)));
    }
    let content: Group = input.parse()?;
    let parser = |input: ParseStream<'_>| {
        let inner_attributes = input.call(Attribute::parse_inner)?;
        let mut items = Vec::new();
        while !input.is_empty() {
            items.push(item(input, errors)?);
        }
        Ok((inner_attributes, items))
    };
    let (inner_attributes, items) = parser.parse2(content.stream())?;
    Ok(Target::Module(Box::new(Module {
        attributes,
        visibility,
        keyword,
        name,
        inner_attributes,
        items,
        braces: content.span(),
    })))
}

/// Parses one item of the mod.
fn item(input: ParseStream<'_>, errors: &mut Errors) -> syn::Result<Item> {
    if is_function(input)? {
        let mut function = function(input)?;
        if let Some((kind, keys)) = take_callback(&mut function, errors) {
            only_a_callback(&mut function, errors);
            return Ok(Item::Callback(kind, keys, Box::new(function)));
        }
        let keys = take_livepatch(&mut function.attributes, errors);
        return Ok(match keys {
            Some(keys) => {
                function.body = strip_token(function.body, errors::INSIDE_FUNCTION, errors);
                Item::Replacement(keys, Box::new(function))
            }
            None => Item::Other(strip(
                function.to_token_stream(),
                errors::INSIDE_FUNCTION,
                errors,
            )),
        });
    }
    if let Some((kind, keys, variable)) = variable(input, errors)? {
        return Ok(Item::Variable(kind, keys, Box::new(variable)));
    }
    let start = input.fork();
    input.parse::<syn::Item>()?;
    let tokens = between(&start, input);
    Ok(Item::Other(in_item(tokens, errors)?))
}

/// The tokens from `start` to `end`. They are not those of the parsed item, because printing could change them.
fn between(start: ParseStream<'_>, end: ParseStream<'_>) -> TokenStream {
    let mut tokens = TokenStream::new();
    while start.cursor() < end.cursor() {
        match start.step(|cursor| cursor.token_tree().ok_or_else(|| cursor.error("end"))) {
            Ok(token) => tokens.extend([token]),
            Err(_) => break,
        }
    }
    tokens
}
