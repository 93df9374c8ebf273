// SPDX-License-Identifier: GPL-2.0-only

//! Checks a replacement's signature and attributes. The traits in `klp::abi` check the types.

use crate::buffers;
use crate::errors::{self, Errors};
use crate::parse::tokens::{is_punct, is_word};
use crate::parse::Function;
use proc_macro2::{TokenStream, TokenTree};
use quote::ToTokens;
use syn::{Attribute, FnArg, GenericParam, Generics, Meta, ReturnType, Signature, Type};

/// Checks the signature and the attributes of a replacement.
pub(crate) fn check(function: &Function, errors: &mut Errors) {
    attributes(&function.attributes, errors);
    qualifiers(&function.signature, errors);
    generics(&function.signature.generics, errors);
    arguments(&function.signature, errors);
    buffers::check(&function.signature, errors);
    result(&function.signature.output, errors);
    if !function.has_body() {
        errors.add(&function.signature.ident, errors::NO_BODY);
    }
}

/// Reports `cfg` and `cfg_attr` among the attributes.
///
/// rustc has already applied those on the item with the patch's `#[livepatch]`.
pub(crate) fn no_cfg(attributes: &[Attribute], text: &str, errors: &mut Errors) {
    for attribute in attributes {
        if is_cfg(attribute) {
            errors.add(attribute, text);
        }
    }
}

fn is_cfg(attribute: &Attribute) -> bool {
    attribute.path().is_ident("cfg") || attribute.path().is_ident("cfg_attr")
}

/// Checks that a callback is a plain function with a body.
pub(crate) fn plain(function: &Function, errors: &mut Errors) {
    let signature = &function.signature;
    let words = [
        signature.constness.map(|token| token.to_token_stream()),
        signature.asyncness.map(|token| token.to_token_stream()),
        signature.unsafety.map(|token| token.to_token_stream()),
        signature
            .abi
            .as_ref()
            .map(|abi| abi.extern_token.to_token_stream()),
    ];
    for word in words.into_iter().flatten() {
        errors.add(&word, errors::callback_qualifier(&word.to_string()));
    }
    let generics = &signature.generics;
    if !generics.params.is_empty() || generics.where_clause.is_some() {
        errors.add(&signature.ident, errors::CALLBACK_GENERIC);
    }
    if !function.has_body() {
        errors.add(&signature.ident, errors::CALLBACK_NO_BODY);
    }
}

fn attributes(attributes: &[Attribute], errors: &mut Errors) {
    for attribute in attributes {
        if let Some(text) = name(attribute).as_deref().and_then(errors::attribute) {
            errors.add(attribute, text);
        }
    }
}

/// The attribute's name, also within `#[unsafe(...)]`.
fn name(attribute: &Attribute) -> Option<String> {
    if attribute.path().is_ident("unsafe") {
        if let Meta::List(list) = &attribute.meta {
            let first = list.tokens.clone().into_iter().next()?;
            return Some(first.to_string());
        }
    }
    attribute.path().get_ident().map(ToString::to_string)
}

fn qualifiers(signature: &Signature, errors: &mut Errors) {
    if let Some(token) = &signature.constness {
        errors.add(token, errors::CONST);
    }
    if let Some(token) = &signature.asyncness {
        errors.add(token, errors::ASYNC);
    }
    if let Some(token) = &signature.unsafety {
        errors.add(token, errors::UNSAFE);
    }
    if let Some(token) = &signature.abi {
        errors.add(token, errors::EXTERN);
    }
    if let Some(token) = &signature.variadic {
        errors.add(&token.dots, errors::VARIADIC);
    }
}

fn generics(generics: &Generics, errors: &mut Errors) {
    for parameter in &generics.params {
        match parameter {
            GenericParam::Type(_) => errors.add(parameter, errors::GENERIC_TYPE),
            GenericParam::Const(_) => errors.add(parameter, errors::GENERIC_CONST),
            GenericParam::Lifetime(_) => errors.add(parameter, errors::LIFETIME),
        }
    }
    // A bound on a parameter is reported with the parameter.
    if let Some(clause) = generics
        .where_clause
        .as_ref()
        .filter(|_| generics.params.is_empty())
    {
        errors.add(clause, errors::WHERE);
    }
}

fn arguments(signature: &Signature, errors: &mut Errors) {
    for argument in &signature.inputs {
        match argument {
            FnArg::Receiver(receiver) => errors.add(receiver, errors::SELF),
            FnArg::Typed(typed) => {
                no_cfg(&typed.attrs, errors::CFG_ON_ARGUMENT, errors);
                no_impl(&typed.ty, errors);
                no_static(typed.ty.to_token_stream(), errors);
            }
        }
    }
}

fn result(output: &ReturnType, errors: &mut Errors) {
    let ReturnType::Type(_, output) = output else {
        return;
    };
    match &**output {
        Type::Never(never) => errors.add(never, errors::NEVER),
        Type::Reference(reference) => errors.add(reference, errors::RETURNED_REFERENCE),
        other => {
            no_impl(other, errors);
            no_reference(other, errors);
        }
    }
}

/// Reports references inside a result, such as in `Option<&T>`.
fn no_reference(output: &Type, errors: &mut Errors) {
    let tokens = flat(output.to_token_stream());
    // The arguments of a function pointer are another function's.
    if tokens.iter().any(|token| is_word(token, "fn")) {
        return;
    }
    if let Some(token) = tokens.iter().find(|token| is_punct(token, '&')) {
        errors.add(token, errors::RETURNED_REFERENCE);
    }
}

fn no_impl(ty: &Type, errors: &mut Errors) {
    if let Type::ImplTrait(whole) = ty {
        errors.add(whole, errors::IMPL_TRAIT);
        return;
    }
    let tokens = flat(ty.to_token_stream());
    if let Some(token) = tokens.iter().find(|token| is_word(token, "impl")) {
        errors.add(token, errors::IMPL_TRAIT);
    }
}

fn no_static(ty: TokenStream, errors: &mut Errors) {
    for pair in flat(ty).windows(2) {
        if is_punct(&pair[0], '\'') && is_word(&pair[1], "static") {
            let lifetime: TokenStream = pair.iter().cloned().collect();
            errors.add(&lifetime, errors::STATIC);
        }
    }
}

/// The tokens in order, with the contents of groups.
fn flat(tokens: TokenStream) -> Vec<TokenTree> {
    let mut found = Vec::new();
    for token in tokens {
        match token {
            TokenTree::Group(group) => found.extend(flat(group.stream())),
            token => found.push(token),
        }
    }
    found
}
