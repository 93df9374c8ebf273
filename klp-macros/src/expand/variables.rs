// SPDX-License-Identifier: GPL-2.0-only

//! Generates the values of shadow variables and states, which the author only declares.

use crate::model::{Patch, State};
use crate::parse::{Kind, Variable};
use proc_macro2::{Literal, Span, TokenStream};
use quote::{quote, quote_spanned};
use syn::spanned::Spanned;
use syn::Type;

/// The static, with its value.
pub(super) fn variable(patch: &Patch, variable: &Variable) -> TokenStream {
    let name = &variable.name;
    let fingerprint = fingerprint(&variable.ty);
    if let Some(shadow) = patch.shadows.iter().find(|shadow| shadow.name == *name) {
        return with_value(variable, &shadow_value(variable, shadow.id, &fingerprint));
    }
    let index = patch.states.iter().position(|state| state.name == *name);
    let index = Literal::usize_unsuffixed(index.unwrap_or_default());
    let entry = quote_spanned!(Span::mixed_site()=> __LIVEPATCH_STATES.entry(#index));
    with_value(variable, &state_value(variable, &entry, &fingerprint))
}

/// The static in a patch with mistakes, so that its uses cause no further errors.
pub(super) fn alone(kind: Kind, variable: &Variable) -> TokenStream {
    if !kind.is_type(&variable.ty) {
        return TokenStream::new();
    }
    // Without the types' traits, which could cause further errors.
    let fingerprint = quote!(0);
    let value = match kind {
        Kind::Shadow => shadow_value(variable, 0, &fingerprint),
        Kind::State => {
            let entry = quote_spanned! {Span::mixed_site()=>
                {
                    static ENTRY: ::klp::state::Entry = ::klp::state::Entry::new(1, 0);
                    &ENTRY
                }
            };
            state_value(variable, &entry, &fingerprint)
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

fn shadow_value(variable: &Variable, id: u32, fingerprint: &TokenStream) -> TokenStream {
    let name = &variable.name;
    let path = path(variable);
    let id = Literal::u32_unsuffixed(id);
    quote_spanned! {Span::mixed_site()=>
        {
            unsafe extern "C" fn collect(
                _: *mut ::core::ffi::c_void,
                data: *mut ::core::ffi::c_void,
            ) {
                // SAFETY: the kernel passes the data of this variable's id.
                unsafe { #name.collect(data) }
            }
            // SAFETY: no other shadow variable of this patch has the id, which the module declares,
            // and the fingerprint is that of the type.
            unsafe { ::klp::Shadow::new(#id, #path, #fingerprint, collect) }
        }
    }
}

fn state_value(variable: &Variable, entry: &TokenStream, fingerprint: &TokenStream) -> TokenStream {
    let path = path(variable);
    quote_spanned! {Span::mixed_site()=>
        // SAFETY: the entry is this state's, in the table of this module's patch, and the
        // fingerprint is that of the type.
        unsafe { ::klp::State::new(#entry, #path, #fingerprint) }
    }
}

/// The type's fingerprint. rustc reports errors of its traits at the type.
fn fingerprint(ty: &Type) -> TokenStream {
    let span = ty.span();
    let typed = quote_spanned!(span=> as ::klp::persistent::Typed>::FINGERPRINT);
    let open = quote_spanned!(span=> <);
    quote!(#open #ty #typed)
}

/// The variable's path, for the log.
fn path(variable: &Variable) -> TokenStream {
    let name = Literal::string(&format!("::{}", variable.name));
    quote_spanned!(Span::mixed_site()=> ::core::concat!(::core::module_path!(), #name))
}

/// The table of states, in the author's mod because it names the author's types.
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
    let fingerprints = patch.states.iter().map(|State { ty, .. }| fingerprint(ty));
    quote_spanned! {Span::mixed_site()=>
        #[doc(hidden)]
        static __LIVEPATCH_STATES: ::klp::state::States<#count> = {
            static FINGERPRINTS: ::klp::state::Fingerprints<#count> =
                ::klp::state::Fingerprints::new(&__livepatch::PATCH, [#(#fingerprints),*]);
            ::klp::state::States::new([#(#entries),*], &FINGERPRINTS)
        };
    }
}
