// SPDX-License-Identifier: GPL-2.0-only

//! The functions that the livepatch core calls before and after it patches an object.
//!
//! Besides the author's callbacks they check the originals that are called, and do what the patch's
//! states ask for: those that are left are let go when the patch is reverted or refused, and what a
//! replaced patch holds when this one is complete.

use super::originals;
use crate::model::{Callback, Object, Patch};
use crate::parse::Moment;
use proc_macro2::{Ident, Span, TokenStream};
use quote::{format_ident, quote, quote_spanned};

/// `.with_callbacks(...)` for the object's table entry, if it has any.
pub(super) fn entry(patch: &Patch, index: usize, object: &Object) -> TokenStream {
    let fields: Vec<_> = Moment::ALL
        .into_iter()
        .filter(|moment| is_called(patch, object, *moment))
        .map(|moment| {
            let field = Ident::new(moment.name(), Span::mixed_site());
            let function = function_name(moment, index);
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

/// The functions themselves.
pub(super) fn functions(patch: &Patch) -> TokenStream {
    let release = release(patch);
    let functions = patch
        .objects
        .iter()
        .enumerate()
        .flat_map(|(index, object)| {
            Moment::ALL
                .into_iter()
                .filter(|moment| is_called(patch, object, *moment))
                .map(move |moment| function(patch, index, object, moment))
        });
    quote!(#release #(#functions)*)
}

fn function_name(moment: Moment, index: usize) -> Ident {
    format_ident!("{}_{index}", moment.name(), span = Span::mixed_site())
}

/// Whether there is something to do at that moment.
fn is_called(patch: &Patch, object: &Object, moment: Moment) -> bool {
    object.callbacks.get(moment).is_some()
        || match moment {
            Moment::PrePatch => object.originals().next().is_some(),
            Moment::PreUnpatch => false,
            Moment::PostPatch => settles(patch),
            Moment::PostUnpatch => releases(patch, object),
        }
}

/// Whether replaced patches have to let go of states.
fn settles(patch: &Patch) -> bool {
    patch.info.replace && !patch.states.is_empty()
}

/// Whether the patch lets go of its states when the object is unpatched.
fn releases(patch: &Patch, object: &Object) -> bool {
    !patch.states.is_empty() && patch.ends_with(object)
}

fn function(patch: &Patch, index: usize, object: &Object, moment: Moment) -> TokenStream {
    let name = function_name(moment, index);
    let callback = object.callbacks.get(moment);
    let result = (moment == Moment::PrePatch)
        .then(|| quote_spanned!(Span::mixed_site()=> -> ::core::ffi::c_int));
    let body = match moment {
        Moment::PrePatch => {
            let checked = object.originals().next();
            let checked = checked.map(|_| originals::check(patch, index));
            pre_patch(checked, callback, releases(patch, object))
        }
        Moment::PostPatch => {
            let called = callback.map(notify);
            let settled = settles(patch).then(|| settle(patch));
            quote!(#called #settled)
        }
        Moment::PreUnpatch => callback.map(notify).unwrap_or_default(),
        Moment::PostUnpatch => post_unpatch(callback, releases(patch, object)),
    };
    // Not every check looks at it.
    let argument = match callback {
        None if moment == Moment::PrePatch => quote!(_),
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

/// The author's function. What rustc has to say about its signature belongs to its name.
fn author(callback: &Callback) -> TokenStream {
    let function = &callback.function;
    quote_spanned!(function.span()=> super::#function)
}

fn notify(callback: &Callback) -> TokenStream {
    let author = author(callback);
    quote_spanned!(Span::mixed_site()=> ::klp::callbacks::notify(object, #author);)
}

/// What is checked, then the author's function; it stops at the first that fails.
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

fn settle(patch: &Patch) -> TokenStream {
    let names = patch.states.iter().map(|state| &state.name);
    quote_spanned! {Span::mixed_site()=>
        ::klp::callbacks::notify(object, |object| {
            #(super::#names.settle(object);)*
        });
    }
}

/// What lets go of all states.
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
