// SPDX-License-Identifier: GPL-2.0-only

//! The attribute `#[kernel_struct]`, which declares a view of a kernel structure.
//!
//! `keys` and `declared` parse the declaration, `find` looks the structure and its members up in
//! the kernel's type information, `compare` compares their types, and `expand` generates the view.

mod attributes;
mod bits;
mod compare;
mod declared;
mod expand;
mod find;
mod keys;

use crate::errors::{structure as errors, Errors};
use find::Found;
use proc_macro2::TokenStream;
use quote::quote;
use syn::ItemStruct;

/// Expands the attribute.
pub(crate) fn kernel_struct(attribute: TokenStream, item: TokenStream) -> TokenStream {
    let mut errors = Errors::default();
    let keys = keys::keys(attribute, &mut errors);
    let code = match syn::parse2::<ItemStruct>(item.clone()) {
        Ok(item) => view(keys, item, &mut errors),
        Err(_) => {
            let token = item.clone().into_iter().next();
            errors.add(&token, errors::NO_STRUCT);
            item
        }
    };
    let errors = errors.to_diagnostics();
    quote!(#errors #code)
}

/// Checks and generates the view. A view with mistakes is generated too, so that its uses cause no
/// further errors.
fn view(keys: Option<keys::Keys>, item: ItemStruct, errors: &mut Errors) -> TokenStream {
    let view = declared::view(item, errors);
    let (found, name) = match &keys {
        Some(keys) if errors.is_empty() => (find::find(keys, &view, errors), keys.name.value()),
        _ => (Found::Mistaken, String::new()),
    };
    let comparison = match &found {
        Found::Structure(layout) => compare::compare(layout, &view, errors),
        _ => TokenStream::new(),
    };
    let code = expand::expand(&view, &name, &found);
    quote!(#code #comparison)
}
