// SPDX-License-Identifier: GPL-2.0-only

//! `#[derive(Persistent)]`: implements the trait with a fingerprint of the structure and its fields.

use crate::errors;
use proc_macro2::{Literal, Span, TokenStream};
use quote::{quote_spanned, ToTokens};
use syn::{Attribute, Field, Item, ItemStruct, Member};

/// Expands the derive to the implementation, or to an error.
pub(crate) fn derive(item: TokenStream) -> TokenStream {
    parse(item).map_or_else(|error| error.to_compile_error(), |item| expand(&item))
}

fn parse(item: TokenStream) -> syn::Result<ItemStruct> {
    let item = match syn::parse2(item)? {
        Item::Struct(item) => item,
        Item::Enum(item) => {
            return Err(syn::Error::new(
                item.enum_token.span,
                errors::PERSISTENT_ENUM,
            ))
        }
        other => {
            return Err(syn::Error::new_spanned(other, errors::PERSISTENT_ENUM));
        }
    };
    let of_view = |attribute: &&Attribute| {
        let last = attribute.path().segments.last();
        last.is_some_and(|last| last.ident == "kernel_struct")
    };
    if let Some(attribute) = item.attrs.iter().find(of_view) {
        return Err(syn::Error::new_spanned(
            attribute,
            errors::PERSISTENT_ABOVE_VIEW,
        ));
    }
    if !item.generics.params.is_empty() {
        return Err(syn::Error::new_spanned(
            &item.generics,
            errors::PERSISTENT_GENERIC,
        ));
    }
    Ok(item)
}

fn expand(item: &ItemStruct) -> TokenStream {
    let name = &item.ident;
    let text = Literal::string(&name.to_string());
    let fields = item.fields.members().zip(&item.fields).map(field);
    quote_spanned! {Span::mixed_site()=>
        // SAFETY: each field is `Persistent`, and the name, layout and fields are all in the fingerprint.
        #[automatically_derived]
        unsafe impl ::klp::Persistent for #name {
            const FINGERPRINT: u64 = ::klp::persistent::Fingerprint::of::<Self>("struct")
                .text(#text)
                #(#fields)*
                .finish();
        }
    }
}

fn field((member, field): (Member, &Field)) -> TokenStream {
    let text = Literal::string(&member.to_token_stream().to_string());
    let ty = &field.ty;
    quote_spanned! {Span::mixed_site()=>
        .field::<#ty>(#text, ::core::mem::offset_of!(Self, #member))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use quote::quote;

    #[test]
    fn structures_only() {
        for (item, expected) in [
            (
                quote!(
                    enum A {
                        B,
                    }
                ),
                "an enum",
            ),
            (quote!(union A { b: u8 }), "an enum"),
            (
                quote!(
                    struct A<T>(T);
                ),
                "generic",
            ),
            (
                quote!(
                    struct A<const N: usize>([u8; N]);
                ),
                "generic",
            ),
            (
                quote!(
                    struct A<'a>(&'a u8);
                ),
                "generic",
            ),
            (
                quote!(
                    #[klp::kernel_struct("a")]
                    struct A;
                ),
                "below",
            ),
        ] {
            let code = derive(item).to_string();
            assert!(
                code.contains("compile_error") && code.contains(expected),
                "{code}"
            );
        }
        for item in [
            quote!(
                struct A;
            ),
            quote!(
                struct A(u8, u16);
            ),
            quote!(
                pub struct A {
                    b: u8,
                }
            ),
        ] {
            let code = derive(item);
            assert!(syn::parse2::<syn::ItemImpl>(code.clone()).is_ok(), "{code}");
        }
    }
}
