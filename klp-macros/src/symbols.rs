// SPDX-License-Identifier: GPL-2.0-only

//! The attribute `#[klp::symbols]`: kernel functions and data that are not exported, which livepatch resolves
//! when the patch is loaded.

use crate::errors::{symbols as errors, Errors};
use crate::keys::{self, Place, Values};
use crate::model::Linked;
use crate::parse::foreign::{self, Block, Declared, Symbol};
use crate::parse::{self, Keys};
use crate::types;
use crate::{expand, names, signature};
use klp_elf::livepatch::SymbolName;
use proc_macro2::{Ident, Span, TokenStream};
use quote::{quote, ToTokens};
use syn::{LitStr, Signature};

/// Expands the attribute.
pub(crate) fn symbols(keys: TokenStream, item: TokenStream) -> TokenStream {
    let mut errors = Errors::default();
    let attribute = Ident::new("symbols", Span::call_site()).into_token_stream();
    let keys = parse::keys(attribute, keys, &mut errors);
    let code = match foreign::block_under("#[klp::symbols]", item, &mut errors) {
        Some(block) => code(&keys, &block, &mut errors),
        None => TokenStream::new(),
    };
    let errors = errors.to_diagnostics();
    quote!(#errors #code)
}

fn code(keys: &Keys, block: &Block, errors: &mut Errors) -> TokenStream {
    let values = keys::values(keys, Place::Symbols, errors);
    let is_vouched = values.unsafety.is_some();
    let object = object(values, errors);
    check(block, errors);
    let Some(object) = object else {
        return expand::symbols_alone(block);
    };
    let symbols: Vec<_> = block
        .symbols
        .iter()
        .map(|symbol| linked(&object, is_vouched, symbol, errors))
        .collect();
    unique(&symbols, errors);
    match errors.is_empty() {
        true => expand::symbols(&object, block, &symbols),
        false => expand::symbols_alone(block),
    }
}

/// The object of the symbols, if its name is valid.
fn object(values: Values, errors: &mut Errors) -> Option<LitStr> {
    let object = values.object?;
    let before = errors.len();
    errors.check(&object, names::module("object", &object.value()));
    (errors.len() == before).then_some(object)
}

/// Checks what needs no kernel.
pub(crate) fn check(block: &Block, errors: &mut Errors) {
    if let Some(name) = &block.abi.name {
        if name.value() != "C" {
            errors.add(name, errors::NOT_C);
        }
    }
    if block.symbols.is_empty() {
        errors.add(&block.abi, errors::EMPTY);
    }
    let is_safe = block.symbols.iter().any(|symbol| symbol.safe.is_some());
    if is_safe && block.unsafety.is_none() {
        errors.add(&block.abi, errors::NOT_UNSAFE);
    }
    for symbol in &block.symbols {
        signature::no_cfg(&symbol.attributes, errors::CFG, errors);
        if let Some(name) = &symbol.link_name {
            if names::symbol(&name.value()).is_err() {
                errors.add(name, errors::LINK_NAME);
            }
        }
        match &symbol.declared {
            Declared::Function(signature) => function(signature, errors),
            Declared::Variable { mutability, .. } => {
                if let (Some(safe), Some(_)) = (&symbol.safe, mutability) {
                    errors.add(safe, errors::SAFE_MUT);
                }
            }
        }
    }
}

fn function(signature: &Signature, errors: &mut Errors) {
    if !signature.generics.params.is_empty() || signature.generics.where_clause.is_some() {
        errors.add(&signature.ident, errors::GENERIC);
    }
    let words = [
        signature.constness.map(|token| token.to_token_stream()),
        signature.asyncness.map(|token| token.to_token_stream()),
        signature.abi.as_ref().map(ToTokens::to_token_stream),
    ];
    for word in words.into_iter().flatten() {
        errors.add(&word, errors::QUALIFIER);
    }
}

fn linked<'a>(
    object: &LitStr,
    is_vouched: bool,
    symbol: &'a Symbol,
    errors: &mut Errors,
) -> Linked<'a> {
    let name = symbol.kernel_name();
    let found = types::find(object, is_vouched, symbol, &name, errors);
    let link_name = match found.exported {
        true => name.clone(),
        // The name of the livepatch symbol. Its parts were checked.
        false => SymbolName::new(&object.value(), &name, keys::number(symbol.sympos.as_ref()))
            .map(|name| name.to_string())
            .unwrap_or_default(),
    };
    Linked {
        symbol,
        name,
        link_name,
        found,
    }
}

/// Checks that no symbol is declared twice in a block.
fn unique(symbols: &[Linked<'_>], errors: &mut Errors) {
    for (index, this) in symbols.iter().enumerate() {
        let first = symbols[..index]
            .iter()
            .find(|first| first.link_name == this.link_name);
        if let Some(first) = first {
            let text = errors::declared_twice(&this.name, &first.symbol.name().to_string());
            errors.add(this.symbol.name(), text);
        }
    }
}
