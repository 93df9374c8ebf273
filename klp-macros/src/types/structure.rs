// SPDX-License-Identifier: GPL-2.0-only

//! The attribute `#[kernel_struct]`: an author's view of one of the kernel's structures, whose
//! layout is compared with the kernel's while the patch compiles.

mod keys;
mod layout;

use crate::errors::{structure as errors, Errors};
use keys::{keys, Keys};
use proc_macro2::{Span, TokenStream};
use quote::{quote, quote_spanned, ToTokens};
use syn::{Attribute, Fields, Ident, ItemStruct, Type};

/// The attribute as a function that tests can call.
pub(crate) fn kernel_struct(attribute: TokenStream, item: TokenStream) -> TokenStream {
    let mut errors = Errors::default();
    let keys = keys(attribute, &mut errors);
    let code = match syn::parse2::<ItemStruct>(item.clone()) {
        Ok(item) => view(keys, item, &mut errors),
        Err(_) => {
            let token = item.clone().into_iter().next();
            errors.add(&token, errors::NO_STRUCT);
            item
        }
    };
    let errors = errors.to_compile_errors();
    quote!(#errors #code)
}

/// The structure with everything that makes it a view of the kernel's.
fn view(keys: Option<Keys>, mut item: ItemStruct, errors: &mut Errors) -> TokenStream {
    if !item.generics.params.is_empty() {
        errors.add(&item.generics, errors::GENERIC);
    }
    repr(&mut item, errors);
    if let Fields::Unnamed(fields) = &item.fields {
        errors.add(fields, errors::UNNAMED_FIELDS);
    }
    let Some(keys) = keys.filter(|_| errors.is_empty()) else {
        return item.to_token_stream();
    };
    if item.fields.is_empty() {
        return opaque(&keys, &item, errors);
    }
    // Also with mistakes it is a view, so that what uses it is not told about as well.
    let layout = layout::check(&keys, &item, errors);
    let named = named(&keys, &item.ident);
    let plain = plain(&item);
    let whole = (!keys.partial).then(|| whole(&item.ident));
    quote!(#item #named #plain #whole #layout)
}

/// Makes it `repr(C)` where the author did not.
fn repr(item: &mut ItemStruct, errors: &mut Errors) {
    let is_repr = |attribute: &&Attribute| attribute.path().is_ident("repr");
    let Some(repr) = item.attrs.iter().find(is_repr) else {
        item.attrs.push(syn::parse_quote!(#[repr(C)]));
        return;
    };
    let mut is_c = false;
    // What else is wrong with it, rustc says.
    let _ = repr.parse_nested_meta(|meta| {
        is_c |= meta.path.is_ident("C");
        let _: syn::Result<TokenStream> = meta.input.parse();
        Ok(())
    });
    if !is_c {
        errors.add(repr, errors::REPR);
    }
}

/// A structure that is only pointed to.
fn opaque(keys: &Keys, item: &ItemStruct, errors: &mut Errors) -> TokenStream {
    layout::exists(keys, errors);
    let ItemStruct {
        attrs, vis, ident, ..
    } = item;
    let named = named(keys, ident);
    quote! {
        #(#attrs)*
        #vis struct #ident {
            _contents: [u8; 0],
        }
        #named
    }
}

/// What the view is called in C.
fn named(keys: &Keys, ident: &Ident) -> TokenStream {
    let name = keys.name.value();
    quote_spanned! {Span::mixed_site()=>
        // SAFETY: the name stands for a structure, and the constants beside this compare the
        // layout with the kernel's.
        unsafe impl ::klp::layout::KernelStruct for #ident {
            const NAME: &'static str = #name;
        }
    }
}

/// Every field must be of a type of which C can leave any value there.
fn plain(item: &ItemStruct) -> TokenStream {
    let checks = item.fields.iter().map(|field| {
        let ty = &field.ty;
        let span = last(ty);
        quote_spanned!(span=> ::klp::layout::plain::<#ty>();)
    });
    let ident = &item.ident;
    quote_spanned! {Span::mixed_site()=>
        const _: fn() = || { #(#checks)* };
        // SAFETY: all its fields are plain, as the function above makes sure of.
        unsafe impl ::klp::layout::Plain for #ident {}
    }
}

/// A view of the whole structure can be passed by value, and be made anew.
fn whole(ident: &Ident) -> TokenStream {
    quote_spanned! {Span::mixed_site()=>
        // SAFETY: the constants beside this compare its size with the kernel's.
        unsafe impl ::klp::layout::Whole for #ident {}

        impl ::klp::signature::CType for #ident {
            const SHAPE: ::klp::signature::Shape = ::klp::signature::Shape::Aggregate;
            type Target = Self;
        }

        impl ::klp::abi::CAbi for #ident {
            type C = Self;
        }

        impl ::klp::abi::FromC<'_> for #ident {
            #[inline(always)]
            unsafe fn from_c(c: Self, _: &::klp::abi::Call) -> Self {
                c
            }
        }

        impl ::klp::abi::IntoC for #ident {
            #[inline(always)]
            fn into_c(self) -> Self {
                self
            }
        }

        impl ::klp::abi::ToOriginal for #ident {
            #[inline(always)]
            fn to_original(self) -> Self {
                self
            }
        }

        impl ::klp::abi::FromOriginal for #ident {
            #[inline(always)]
            unsafe fn from_original(c: Self) -> Self {
                c
            }
        }
    }
}

fn last(ty: &Type) -> Span {
    let last = ty.to_token_stream().into_iter().last();
    last.map_or_else(Span::call_site, |token| token.span())
}
