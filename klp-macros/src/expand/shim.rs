// SPDX-License-Identifier: GPL-2.0-only

//! Generates the `extern "C"` replacement, which wraps the author's function.

use super::c_types::c_type;
use super::originals;
use crate::buffers;
use crate::model;
use crate::parse::Function;
use crate::types::{arguments as argument_types, ends, result as result_type, vouched};
use proc_macro2::{Ident, Span, TokenStream};
use quote::{format_ident, quote_spanned, ToTokens};
use syn::{Attribute, Type};

/// The function that the kernel calls, under the author's name, with the author's function inside.
///
/// The author's function is inlined and `stay_on_stack` follows it, so it runs in the frame of the
/// symbol that `new_func` names, where the stack check looks for it.
pub(super) fn shim(
    function: &Function,
    replaced: Option<(&model::Object, &model::Function)>,
) -> TokenStream {
    let name = &function.signature.ident;
    let types: Vec<&Type> = argument_types(&function.signature).collect();
    let arguments: Vec<Ident> = types.iter().enumerate().map(argument).collect();
    let c_types = types.iter().map(|ty| c_type(ty));
    let lengths = buffers::lengths(&function.signature);
    let conversions = arguments
        .iter()
        .zip(&types)
        .zip(lengths)
        .map(|((argument, ty), length)| match length {
            Some(length) => buffer(argument, &arguments[length]),
            None => from_c(argument, ty),
        });
    let claims = buffers::claims(&function.signature);
    let claims = claims.iter().map(vouched);
    let result = result_type(&function.signature);
    let c_result = c_type(&result);
    let (outer, inner): (Vec<&Attribute>, Vec<&Attribute>) = function
        .attributes
        .iter()
        .partition(|attribute| is_outer(attribute));
    let original = replaced
        .and_then(|(object, replaced)| Some((object, replaced, replaced.original.as_ref()?)));
    let declared =
        original.map(|(object, replaced, _)| originals::declaration(object, replaced, function));
    let original = original.map(|(.., original)| original);
    let author = author_function(function, &inner, original);
    let call = original.map(|_| quote_spanned!(Span::mixed_site()=> &__klp_call,));
    let called = quote_spanned!(Span::mixed_site()=> #name(#call #(#conversions),*));
    let converted = into_c(&called, &result);
    quote_spanned! {Span::mixed_site()=>
        #(#outer)*
        unsafe extern "C" fn #name(#(#arguments: #c_types),*) -> #c_result {
            #declared
            #(#claims)*

            #author

            let __klp_call = ::klp::abi::Call::new();
            let __klp_result = #converted;
            ::klp::abi::stay_on_stack();
            __klp_result
        }
    }
}

/// An argument's name. It has its type's span, because rustc reports errors of the type there too,
/// and shows equal messages at one span once.
fn argument((index, ty): (usize, &&Type)) -> Ident {
    format_ident!("__klp_arg{index}", span = ends(ty).1)
}

/// The author's function, always inlined. If it calls the original, it also takes the call.
fn author_function(
    function: &Function,
    attributes: &[&Attribute],
    original: Option<&model::Original>,
) -> TokenStream {
    let mut signature = function.signature.clone();
    buffers::strip(&mut signature);
    let mut body = function.body.to_token_stream();
    if let Some(original) = original {
        let call = quote_spanned!(Span::mixed_site()=> __klp_call: &::klp::abi::Call);
        signature.inputs.insert(0, syn::parse_quote!(#call));
        body = originals::body(original, function);
    }
    quote_spanned! {Span::mixed_site()=>
        #(#attributes)*
        #[inline(always)]
        #signature #body
    }
}

/// Whether the attribute goes on the outer function. Documentation and lints apply to the whole function,
/// its frame included; any other attribute is for the function that the author wrote.
fn is_outer(attribute: &Attribute) -> bool {
    const OUTER: [&str; 7] = ["doc", "allow", "warn", "deny", "forbid", "expect", "cold"];
    OUTER.iter().any(|name| attribute.path().is_ident(name))
}

fn from_c(argument: &Ident, ty: &Type) -> TokenStream {
    let (_, last) = ends(ty);
    let call = Ident::new("__klp_call", Span::mixed_site());
    let converted = quote_spanned!(last=> ::klp::abi::Argument::<#ty>::argument(#argument, &#call));
    quote_spanned! {Span::mixed_site()=>
        // SAFETY: the kernel calls this function instead of one that has these C types.
        unsafe { #converted }
    }
}

/// A buffer of that length; empty if the number is negative.
fn buffer(start: &Ident, length: &Ident) -> TokenStream {
    let call = Ident::new("__klp_call", Span::mixed_site());
    quote_spanned! {Span::mixed_site()=>
        // SAFETY: the author vouches for the length.
        unsafe {
            ::klp::bytes::counted(
                #start,
                ::core::convert::TryInto::<usize>::try_into(#length).unwrap_or(0),
                &#call,
            )
        }
    }
}

fn into_c(called: &TokenStream, ty: &Type) -> TokenStream {
    let (_, last) = ends(ty);
    let c = c_type(ty);
    quote_spanned!(last=> <#c as ::klp::abi::Answer<#ty>>::answer(#called))
}
