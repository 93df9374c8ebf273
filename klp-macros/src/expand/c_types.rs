// SPDX-License-Identifier: GPL-2.0-only

//! Generates the C counterparts of the author's types.
//!
//! Tokens around an author's type carry that type's span, so that rustc's errors about types without a C
//! counterpart point at the author's code.

use crate::types::ends;
use proc_macro2::{Span, TokenStream, TokenTree};
use quote::{quote, quote_spanned};
use syn::Type;

pub(super) fn c_type(ty: &Type) -> TokenStream {
    in_trait(ty, &quote!(CAbi), &quote!(C))
}

/// `<type as ::klp::abi::trait_name>::item`, with the spans of the type.
pub(super) fn in_trait(ty: &Type, trait_name: &TokenStream, item: &TokenStream) -> TokenStream {
    let (first, last) = ends(ty);
    let trait_name = at(last, trait_name);
    let item = at(last, item);
    let open = quote_spanned!(first=> <);
    let rest = quote_spanned!(last=> as ::klp::abi::#trait_name>::#item);
    quote!(#open #ty #rest)
}

/// The tokens, moved to `span`.
fn at(span: Span, tokens: &TokenStream) -> TokenStream {
    let moved = |mut token: TokenTree| {
        token.set_span(span);
        token
    };
    tokens.clone().into_iter().map(moved).collect()
}
