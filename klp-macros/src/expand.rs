// SPDX-License-Identifier: GPL-2.0-only

//! Generates the code of a module from a checked patch, which cannot fail.
//!
//! Generated code has `mixed_site` spans: its names cannot conflict with the author's, and lints such as
//! `unsafe_code` ignore it.

mod c_types;
mod callbacks;
mod names;
mod originals;
mod shim;
mod symbols;
mod tables;
mod variables;

use crate::model::Patch;
use crate::parse::{self, Item, Module};
use crate::types::{contract, vouched};
use proc_macro2::{Delimiter, Group, TokenStream};
use quote::{quote, ToTokens};
use shim::shim;
pub(crate) use symbols::{helpers, symbols, symbols_alone};
use tables::{module_macro, tables};

/// The code of a patch of one function, at the crate's root.
pub(crate) fn function(patch: &Patch, function: &parse::Function) -> TokenStream {
    let shim = replacement(patch, function);
    let tables = tables(patch);
    let module = module_macro(patch, &quote!(__livepatch::Module));
    quote! {
        #shim
        #tables
        #module
    }
}

/// The author's mod with the tables in it, and items for the crate's root.
pub(crate) fn module(patch: &Patch, module: &Module) -> TokenStream {
    let mut content = inner_attributes(module);
    content.extend(module.items.iter().map(|item| match item {
        Item::Replacement(_, function) => replacement(patch, function),
        Item::Callback(_, _, function) => function.to_token_stream(),
        Item::Variable(_, _, variable) => variables::variable(patch, variable),
        Item::Other(tokens) => tokens.clone(),
    }));
    content.extend(variables::state_table(patch));
    content.extend(tables(patch));
    content.extend(patch.info.unsafety.as_ref().map(vouched));
    let name = &module.name;
    let author = author_mod(module, content);
    let module = module_macro(patch, &quote!(#name::__livepatch::Module));
    quote! {
        #author
        #module
    }
}

/// The function that the kernel calls, and the constants that check its signature.
fn replacement(patch: &Patch, function: &parse::Function) -> TokenStream {
    let replaced = patch.replaced(&function.signature.ident);
    let prototype = replaced.and_then(|(_, replaced)| replaced.prototype.as_ref());
    let unsafety = replaced.and_then(|(_, replaced)| replaced.unsafety.as_ref());
    let vouched = unsafety.map(vouched);
    let contract = prototype.map(|prototype| contract(function, prototype, unsafety.is_some()));
    let shim = shim(function, replaced);
    quote!(#vouched #contract #shim)
}

/// The author's function without the attribute, for a patch with mistakes: uses of it still resolve.
pub(crate) fn function_alone(function: &parse::Function) -> TokenStream {
    // rustc itself reports these functions.
    if !function.has_body() || function.signature.variadic.is_some() {
        return TokenStream::new();
    }
    let mut function = function.clone();
    let mut unused = None;
    if parse::original::original(&function).is_some() {
        // Without `original`, rustc would report the mistake again.
        let body = quote!(::core::unimplemented!());
        function.body = Group::new(Delimiter::Brace, body).into();
        unused = Some(quote!(#[allow(unused_variables)]));
    }
    quote! {
        #[allow(dead_code)]
        #unused
        #function
    }
}

/// The author's mod without the attributes, for a patch with mistakes.
pub(crate) fn module_alone(module: &Module) -> TokenStream {
    let mut content = inner_attributes(module);
    content.extend(module.items.iter().map(|item| match item {
        Item::Replacement(_, function) | Item::Callback(_, _, function) => function_alone(function),
        Item::Variable(kind, _, variable) => variables::alone(*kind, variable),
        Item::Other(tokens) => tokens.clone(),
    }));
    author_mod(module, content)
}

fn inner_attributes(module: &Module) -> TokenStream {
    let attributes = &module.inner_attributes;
    quote!(#(#attributes)*)
}

/// The author's mod around other content.
fn author_mod(module: &Module, content: TokenStream) -> TokenStream {
    let Module {
        attributes,
        visibility,
        keyword,
        name,
        ..
    } = module;
    let mut braces = Group::new(Delimiter::Brace, content);
    braces.set_span(module.braces);
    quote!(#(#attributes)* #visibility #keyword #name #braces)
}
