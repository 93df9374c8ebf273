// SPDX-License-Identifier: GPL-2.0-only

//! The values of shadow variables and states, which the author only declares.

use crate::companions::is_declared_as;
use crate::model::{Patch, State};
use crate::parse::{Kind, Variable};
use proc_macro2::{Literal, Span, TokenStream};
use quote::{quote, quote_spanned};

/// The static, with its value.
pub(super) fn variable(patch: &Patch, variable: &Variable) -> TokenStream {
    let name = &variable.name;
    if let Some(shadow) = patch.shadows.iter().find(|shadow| shadow.name == *name) {
        return with_value(variable, &shadow_value(variable, shadow.id));
    }
    let index = patch.states.iter().position(|state| state.name == *name);
    with_value(variable, &state_value(variable, index.unwrap_or_default()))
}

/// The static in a patch with mistakes: what uses it should not be wrong as well.
pub(super) fn alone(kind: Kind, variable: &Variable) -> TokenStream {
    if !is_declared_as(kind, &variable.ty) {
        return TokenStream::new();
    }
    let value = match kind {
        Kind::Shadow => shadow_value(variable, 0),
        Kind::State => {
            let new = new(variable);
            quote_spanned! {Span::mixed_site()=>
                {
                    static ENTRY: ::klp::state::Entry = ::klp::state::Entry::new(1, 0);
                    unsafe { #new(&ENTRY, "") }
                }
            }
        }
    };
    let item = with_value(variable, &value);
    quote!(#[allow(dead_code)] #item)
}

fn with_value(variable: &Variable, value: &TokenStream) -> TokenStream {
    let Variable {
        attributes,
        visibility,
        name,
        ty,
        ..
    } = variable;
    quote_spanned! {Span::mixed_site()=>
        #(#attributes)*
        #visibility static #name: #ty = #value;
    }
}

fn shadow_value(variable: &Variable, id: u32) -> TokenStream {
    let name = &variable.name;
    let path = path(variable);
    let new = new(variable);
    let id = Literal::u32_unsuffixed(id);
    quote_spanned! {Span::mixed_site()=>
        {
            unsafe extern "C" fn collect(
                _: *mut ::core::ffi::c_void,
                data: *mut ::core::ffi::c_void,
            ) {
                // SAFETY: the kernel passes what is kept under this variable's id.
                unsafe { #name.collect(data) }
            }
            // SAFETY: no other shadow variable of this patch has the id, which the module declares.
            unsafe { #new(#id, #path, collect) }
        }
    }
}

fn state_value(variable: &Variable, index: usize) -> TokenStream {
    let path = path(variable);
    let new = new(variable);
    let index = Literal::usize_unsuffixed(index);
    quote_spanned! {Span::mixed_site()=>
        // SAFETY: the entry is this state's, in the table of this module's patch.
        unsafe { #new(__LIVEPATCH_STATES.entry(#index), #path) }
    }
}

/// `<type>::new`.
fn new(variable: &Variable) -> TokenStream {
    let ty = &variable.ty;
    quote_spanned!(Span::mixed_site()=> <#ty>::new)
}

/// Names the variable in the log.
fn path(variable: &Variable) -> TokenStream {
    let name = Literal::string(&format!("::{}", variable.name));
    quote_spanned!(Span::mixed_site()=> ::core::concat!(::core::module_path!(), #name))
}

/// The table of states. In the author's mod, because it names the author's types.
pub(super) fn state_table(patch: &Patch) -> TokenStream {
    if patch.states.is_empty() {
        return TokenStream::new();
    }
    let count = patch.states.len();
    let entries = patch.states.iter().map(|state| {
        let (id, version) = (
            Literal::u32_unsuffixed(state.id),
            Literal::u32_unsuffixed(state.version),
        );
        quote_spanned!(Span::mixed_site()=> ::klp::state::Entry::new(#id, #version))
    });
    let fingerprints = patch
        .states
        .iter()
        .map(|State { ty, .. }| quote_spanned!(Span::mixed_site()=> <#ty>::FINGERPRINT));
    quote_spanned! {Span::mixed_site()=>
        #[doc(hidden)]
        static __LIVEPATCH_STATES: ::klp::state::States<#count> = {
            static FINGERPRINTS: ::klp::state::Fingerprints<#count> =
                ::klp::state::Fingerprints::new([#(#fingerprints),*]);
            ::klp::state::States::new([#(#entries),*], &FINGERPRINTS)
        };
    }
}
