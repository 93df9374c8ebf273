// SPDX-License-Identifier: GPL-2.0-only

//! Generates the C callbacks of an object.
//!
//! They call the author's callbacks, check the originals that replacements call, and release states: the
//! patch's own when it is reverted or refused, and those of replaced patches when its transition is
//! complete.

use super::originals;
use crate::model::{Callback, Object, Patch};
use crate::parse::CallbackKind;
use proc_macro2::{Ident, Span, TokenStream};
use quote::{format_ident, quote, quote_spanned};

/// `.with_callbacks(...)` for the object's table entry, if it has any.
pub(super) fn entry(patch: &Patch, index: usize, object: &Object) -> TokenStream {
    let fields: Vec<_> = CallbackKind::ALL
        .into_iter()
        .filter(|kind| is_needed(patch, object, *kind))
        .map(|kind| {
            let field = Ident::new(kind.name(), Span::mixed_site());
            let function = function_name(kind, index);
            quote_spanned!(Span::mixed_site()=> #field: ::core::option::Option::Some(#function))
        })
        .collect();
    let rest = match fields.len() {
        0 => return TokenStream::new(),
        4 => TokenStream::new(),
        _ => quote_spanned!(Span::mixed_site()=> ..::klp::table::Callbacks::NONE),
    };
    quote_spanned! {Span::mixed_site()=>
        .with_callbacks(::klp::table::Callbacks { #(#fields,)* #rest })
    }
}

/// The C callbacks of all objects.
pub(super) fn functions(patch: &Patch) -> TokenStream {
    let release = release(patch);
    let functions = patch
        .objects
        .iter()
        .enumerate()
        .flat_map(|(index, object)| {
            CallbackKind::ALL
                .into_iter()
                .filter(|kind| is_needed(patch, object, *kind))
                .map(move |kind| function(patch, index, object, kind))
        });
    quote!(#release #(#functions)*)
}

fn function_name(kind: CallbackKind, index: usize) -> Ident {
    format_ident!("{}_{index}", kind.name(), span = Span::mixed_site())
}

/// Whether the object needs a C callback of that kind.
fn is_needed(patch: &Patch, object: &Object, kind: CallbackKind) -> bool {
    object.callbacks.get(kind).is_some()
        || match kind {
            CallbackKind::PrePatch => object.originals().next().is_some(),
            CallbackKind::PreUnpatch => false,
            CallbackKind::PostPatch => replaces_states(patch),
            CallbackKind::PostUnpatch => releases(patch, object),
        }
}

/// Whether states of replaced patches are released.
fn replaces_states(patch: &Patch) -> bool {
    patch.info.replace && !patch.states.is_empty()
}

/// Whether the patch's states are released when the object is unpatched.
fn releases(patch: &Patch, object: &Object) -> bool {
    !patch.states.is_empty() && patch.ends_with(object)
}

fn function(patch: &Patch, index: usize, object: &Object, kind: CallbackKind) -> TokenStream {
    let name = function_name(kind, index);
    let callback = object.callbacks.get(kind);
    let result = (kind == CallbackKind::PrePatch)
        .then(|| quote_spanned!(Span::mixed_site()=> -> ::core::ffi::c_int));
    let body = match kind {
        CallbackKind::PrePatch => {
            let checked = object.originals().next();
            let checked = checked.map(|_| originals::check(patch, index));
            pre_patch(checked, callback, releases(patch, object))
        }
        CallbackKind::PostPatch => {
            let called = callback.map(notify);
            let released = replaces_states(patch).then(|| release_previous(patch));
            quote!(#called #released)
        }
        CallbackKind::PreUnpatch => callback.map(notify).unwrap_or_default(),
        CallbackKind::PostUnpatch => post_unpatch(callback, releases(patch, object)),
    };
    // The check alone does not use the argument.
    let argument = match callback {
        None if kind == CallbackKind::PrePatch => quote!(_),
        _ => quote_spanned!(Span::mixed_site()=> object),
    };
    quote_spanned! {Span::mixed_site()=>
        unsafe extern "C" fn #name(#argument: *mut ::klp::bindings::klp_object) #result {
            // SAFETY: the livepatch core calls this as the callback of the object, and under its
            // mutex.
            unsafe { #body }
        }
    }
}

/// The path of the author's function. rustc reports errors in its signature at its name.
fn author(callback: &Callback) -> TokenStream {
    let function = &callback.function;
    quote_spanned!(function.span()=> super::#function)
}

fn notify(callback: &Callback) -> TokenStream {
    let author = author(callback);
    quote_spanned!(Span::mixed_site()=> ::klp::callbacks::notify(object, #author);)
}

/// The body of `pre_patch`: the checks, then the author's function, up to the first error.
fn pre_patch(
    checked: Option<TokenStream>,
    callback: Option<&Callback>,
    releases: bool,
) -> TokenStream {
    let author = callback.map(author);
    let called = author.map(
        |author| quote_spanned!(Span::mixed_site()=> ::klp::callbacks::pre_patch(object, #author)),
    );
    let result = match (checked, called) {
        (Some(checked), Some(called)) => quote_spanned! {Span::mixed_site()=>
            match #checked {
                0 => #called,
                errno => errno,
            }
        },
        (checked, called) => quote!(#checked #called),
    };
    if !releases {
        return result;
    }
    quote_spanned! {Span::mixed_site()=>
        let result = #result;
        if result != 0 {
            // No post_unpatch follows, and none of the patch's functions has run.
            release_states();
        }
        result
    }
}

fn post_unpatch(callback: Option<&Callback>, releases: bool) -> TokenStream {
    let with_object = callback
        .filter(|callback| !callback.wants_proof)
        .map(notify);
    let with_proof = callback
        .filter(|callback| callback.wants_proof)
        .map(|callback| {
            let author = author(callback);
            quote_spanned!(Span::mixed_site()=> #author(unpatched);)
        });
    let release = releases.then(|| quote_spanned!(Span::mixed_site()=> release_states();));
    if with_proof.is_none() && release.is_none() {
        return with_object.unwrap_or_default();
    }
    let argument = match with_proof {
        Some(_) => quote_spanned!(Span::mixed_site()=> unpatched),
        None => quote_spanned!(Span::mixed_site()=> _),
    };
    quote_spanned! {Span::mixed_site()=>
        #with_object
        ::klp::callbacks::unpatched(object, &PATCH, |#argument| {
            #with_proof
            #release
        });
    }
}

fn release_previous(patch: &Patch) -> TokenStream {
    let names = patch.states.iter().map(|state| &state.name);
    quote_spanned! {Span::mixed_site()=>
        ::klp::callbacks::notify(object, |object| {
            #(super::#names.release_previous(object);)*
        });
    }
}

/// The function that releases all states.
fn release(patch: &Patch) -> TokenStream {
    if !patch.objects.iter().any(|object| releases(patch, object)) {
        return TokenStream::new();
    }
    let names = patch.states.iter().map(|state| &state.name);
    quote_spanned! {Span::mixed_site()=>
        /// # Safety
        ///
        /// No function of this patch runs.
        unsafe fn release_states() {
            // SAFETY: as the caller vouches.
            unsafe { #(super::#names.release();)* }
        }
    }
}
