// SPDX-License-Identifier: GPL-2.0-only

//! Parses the block under `#[klp::symbols(...)]` or `#[klp::helpers]`, which declares C functions and data.

use super::attribute::is_ours;
use crate::errors::{symbols as errors, Errors};
use proc_macro2::{Group, Ident, Span, TokenStream, TokenTree};
use quote::ToTokens;
use syn::ext::IdentExt as _;
use syn::parse::{ParseStream, Parser};
use syn::{Abi, Attribute, Expr, Lit, LitInt, LitStr, Meta, Signature, Token, Type, Visibility};

syn::custom_keyword!(safe);

/// `unsafe extern "C" { ... }`. Without `unsafe` nothing in it can be `safe`.
pub(crate) struct Block {
    pub(crate) attributes: Vec<Attribute>,
    pub(crate) unsafety: Option<Token![unsafe]>,
    pub(crate) abi: Abi,
    /// The span of the braces.
    pub(crate) braces: Span,
    pub(crate) symbols: Vec<Symbol>,
}

/// A declared function or variable.
pub(crate) struct Symbol {
    /// Attributes other than klp's.
    pub(crate) attributes: Vec<Attribute>,
    pub(crate) visibility: Visibility,
    /// The token `safe`.
    pub(crate) safe: Option<safe>,
    pub(crate) declared: Declared,
    /// The position among the object's symbols of that name.
    pub(crate) sympos: Option<LitInt>,
    /// The kernel's name, if it is not the author's.
    pub(crate) link_name: Option<LitStr>,
}

pub(crate) enum Declared {
    Function(Box<Signature>),
    Variable {
        mutability: Option<Token![mut]>,
        name: Ident,
        ty: Box<Type>,
    },
}

impl Symbol {
    /// The author's name for it.
    pub(crate) fn name(&self) -> &Ident {
        match &self.declared {
            Declared::Function(signature) => &signature.ident,
            Declared::Variable { name, .. } => name,
        }
    }

    /// The name that C has for it.
    pub(crate) fn kernel_name(&self) -> String {
        match &self.link_name {
            Some(name) => name.value(),
            None => self.name().unraw().to_string(),
        }
    }
}

/// Parses the item under `attribute`. `None` if it is not such a block, which is reported.
pub(crate) fn block_under(
    attribute: &str,
    item: TokenStream,
    errors: &mut Errors,
) -> Option<Block> {
    let first = item.clone().into_iter().next();
    let parser = |input: ParseStream<'_>| {
        let attributes = input.call(Attribute::parse_outer)?;
        let unsafety = input.parse()?;
        if !is_block(input) {
            input.parse::<TokenStream>()?;
            return Ok(None);
        }
        let abi = input.parse()?;
        let content: Group = input.parse()?;
        let symbols = |input: ParseStream<'_>| symbols(input, errors);
        Ok(Some(Block {
            attributes,
            unsafety,
            abi,
            braces: content.span(),
            symbols: symbols.parse2(content.stream())?,
        }))
    };
    match parser.parse2(item) {
        Ok(Some(block)) => Some(block),
        Ok(None) => {
            errors.add(&first, errors::no_block(attribute));
            None
        }
        Err(error) => {
            errors.add_syntax(error);
            None
        }
    }
}

/// Whether the next token begins `extern "C" {`.
fn is_block(input: ParseStream<'_>) -> bool {
    let ahead = input.fork();
    ahead.parse::<Abi>().is_ok() && ahead.peek(syn::token::Brace)
}

fn symbols(input: ParseStream<'_>, errors: &mut Errors) -> syn::Result<Vec<Symbol>> {
    let mut found = Vec::new();
    while !input.is_empty() {
        found.push(symbol(input, errors)?);
    }
    Ok(found)
}

fn symbol(input: ParseStream<'_>, errors: &mut Errors) -> syn::Result<Symbol> {
    let mut attributes = input.call(Attribute::parse_outer)?;
    let sympos = sympos(&mut attributes, errors);
    let link_name = link_name(&mut attributes, errors);
    let visibility = input.parse()?;
    let safe = input.parse()?;
    let declared = declared(input, errors)?;
    Ok(Symbol {
        attributes,
        visibility,
        safe,
        declared,
        sympos,
        link_name,
    })
}

fn declared(input: ParseStream<'_>, errors: &mut Errors) -> syn::Result<Declared> {
    let ahead = input.fork();
    ahead.parse::<Option<Token![unsafe]>>()?;
    if ahead.peek(Token![static]) {
        // Declarations are unsafe by default.
        input.parse::<Option<Token![unsafe]>>()?;
        return variable(input, errors);
    }
    let Ok(signature) = input.parse::<Signature>() else {
        return Err(ahead.error(errors::FUNCTION_OR_VARIABLE));
    };
    if input.peek(syn::token::Brace) {
        let body: TokenTree = input.parse()?;
        errors.add(&body, errors::BODY);
    } else {
        input.parse::<Token![;]>()?;
    }
    Ok(Declared::Function(Box::new(signature)))
}

fn variable(input: ParseStream<'_>, errors: &mut Errors) -> syn::Result<Declared> {
    input.parse::<Token![static]>()?;
    let mutability = input.parse()?;
    let name = input.parse()?;
    input.parse::<Token![:]>()?;
    let ty = input.parse()?;
    if input.peek(Token![=]) {
        input.parse::<Token![=]>()?;
        let value: Expr = input.parse()?;
        errors.add(&value, errors::VALUE);
    }
    input.parse::<Token![;]>()?;
    Ok(Declared::Variable {
        mutability,
        name,
        ty,
    })
}

/// Removes and parses `#[sympos = 2]`.
fn sympos(attributes: &mut Vec<Attribute>, errors: &mut Errors) -> Option<LitInt> {
    match literal(attributes, "sympos", errors::SYMPOS_FORM, errors)? {
        Lit::Int(number) if number.suffix().is_empty() && number.base10_parse::<u32>().is_ok() => {
            Some(number)
        }
        other => {
            errors.add(&other, errors::SYMPOS_FORM);
            None
        }
    }
}

/// Removes and parses `#[link_name = "f.isra.0"]`.
fn link_name(attributes: &mut Vec<Attribute>, errors: &mut Errors) -> Option<LitStr> {
    match literal(attributes, "link_name", errors::LINK_NAME_FORM, errors)? {
        Lit::Str(name) if name.suffix().is_empty() => Some(name),
        other => {
            errors.add(&other, errors::LINK_NAME_FORM);
            None
        }
    }
}

/// Removes and parses `#[key = literal]`; `form` is the message if it has another form.
fn literal(
    attributes: &mut Vec<Attribute>,
    key: &str,
    form: &str,
    errors: &mut Errors,
) -> Option<Lit> {
    let mut found = None;
    attributes.retain(|attribute| {
        if !is_ours(attribute.path(), key) {
            return true;
        }
        let value = value(attribute);
        if found.is_some() {
            errors.add(attribute, crate::errors::key_twice(key));
        } else if value.is_none() {
            errors.add(attribute, form);
        } else {
            found = value;
        }
        false
    });
    found
}

fn value(attribute: &Attribute) -> Option<Lit> {
    match &attribute.meta {
        // Also a literal that a `macro_rules!` macro passed on.
        Meta::NameValue(pair) => syn::parse2(pair.value.to_token_stream()).ok(),
        _ => None,
    }
}
