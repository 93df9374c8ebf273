// SPDX-License-Identifier: GPL-2.0-only

//! Finds the kernel structure of a view, and its members.

use super::declared::{Declared, Form, View};
use super::keys::Keys;
use crate::errors::{structure as errors, Errors};
use crate::types::kernel::{self, Lookup};
use klp_elf::{Member, NoMember, Object, Structure, VMLINUX};
use proc_macro2::{Span, TokenStream};
use quote::{quote, quote_spanned};
use std::cell::Cell;

/// The result of looking the structure up.
pub(super) enum Found {
    /// The structure and its members.
    Structure(Layout),
    /// A structure that is only declared, or is empty.
    Declared,
    /// No kernel, and a view without members, which needs none.
    Handle,
    /// No kernel. The tokens stop the compiler in a build for a kernel.
    NoKernel(TokenStream),
    /// Nothing, which has been reported.
    Mistaken,
}

/// The kernel's structure, and the members of the view in it.
pub(super) struct Layout {
    pub(super) structure: Structure,
    /// One for each of the view's members; `None` for those with mistakes.
    pub(super) members: Vec<Option<Member>>,
}

/// Finds the structure and the members.
pub(super) fn find(keys: &Keys, view: &View, errors: &mut Errors) -> Found {
    let object = match &keys.object {
        Some(object) => object.value(),
        None => VMLINUX.to_owned(),
    };
    let in_object =
        |_: &_, found: &Object<'_>, errors: &mut Errors| in_object(found, keys, view, errors);
    match kernel::look_up(&object, &keys.name, errors, in_object) {
        Lookup::Found(found) => found,
        Lookup::Unreadable => Found::Mistaken,
        Lookup::NoKernel | Lookup::NoObject if view.members.is_empty() => Found::Handle,
        Lookup::NoKernel => Found::NoKernel(no_kernel()),
        Lookup::NoObject => {
            let text = errors::no_object(&object);
            let span = keys
                .object
                .as_ref()
                .map_or(keys.name.span(), |at| at.span());
            Found::NoKernel(only_in_kernel(span, &text))
        }
    }
}

/// Stops the compiler in a build for a kernel, once for a crate.
fn no_kernel() -> TokenStream {
    thread_local! {
        static REPORTED: Cell<bool> = const { Cell::new(false) };
    }
    match REPORTED.replace(true) {
        true => TokenStream::new(),
        false => only_in_kernel(Span::call_site(), errors::NO_KERNEL),
    }
}

fn only_in_kernel(span: Span, text: &str) -> TokenStream {
    let stop = quote_spanned!(span=> ::core::compile_error!(#text););
    quote!(::klp::__private::in_kernel! { #stop })
}

fn in_object(object: &Object<'_>, keys: &Keys, view: &View, errors: &mut Errors) -> Found {
    let name = keys.name.value();
    let all = object.structures(&name);
    let Some(candidates) = named(object, keys, all.clone(), errors) else {
        return Found::Mistaken;
    };
    let candidates = fitting(object, view, candidates);
    match candidates.as_slice() {
        // An empty structure is opaque, like one that is only declared.
        [structure] if structure.size == 0 => Found::Declared,
        [structure] => layout(object, structure, view, errors),
        [] if object.declares(&name) && view.members.is_empty() => Found::Declared,
        [] => {
            let text = match object.declares(&name) {
                true => errors::only_declared(&name),
                false => errors::not_there(&name, object),
            };
            errors.add(&keys.name, text);
            Found::Mistaken
        }
        several => {
            errors.add(&keys.name, errors::several(&name, object.name(), several));
            Found::Mistaken
        }
    }
}

/// The structures that the function `of` takes or returns. `None` if there are none, which is reported.
fn named(
    object: &Object<'_>,
    keys: &Keys,
    all: Vec<Structure>,
    errors: &mut Errors,
) -> Option<Vec<Structure>> {
    let Some(of) = &keys.of else {
        return Some(all);
    };
    let Some(prototype) = object.function(&of.value()).prototype else {
        errors.add(of, errors::no_function(&of.value(), object.name()));
        return None;
    };
    let contents = object.taken_by(&of.value()).unwrap_or_default();
    let is_taken = |structure: &Structure| contents.contains(&structure.content());
    let taken: Vec<_> = all.into_iter().filter(is_taken).collect();
    if taken.is_empty() {
        errors.add(of, errors::not_of(&keys.name.value(), &prototype));
        return None;
    }
    Some(taken)
}

/// Of several structures, those that have the most declared members.
fn fitting(object: &Object<'_>, view: &View, candidates: Vec<Structure>) -> Vec<Structure> {
    if candidates.len() < 2 {
        return candidates;
    }
    let has = |structure: &Structure| {
        let found = |member: &&Declared| object.member(structure, &member.path).is_ok();
        view.members.iter().filter(found).count()
    };
    let most = candidates.iter().map(has).max();
    let fits = |structure: &Structure| Some(has(structure)) == most;
    candidates.into_iter().filter(fits).collect()
}

fn layout(object: &Object<'_>, structure: &Structure, view: &View, errors: &mut Errors) -> Found {
    let members = view.members.iter();
    let members = members
        .map(|declared| member(object, structure, declared, errors))
        .collect();
    Found::Structure(Layout {
        structure: structure.clone(),
        members,
    })
}

fn member(
    object: &Object<'_>,
    structure: &Structure,
    declared: &Declared,
    errors: &mut Errors,
) -> Option<Member> {
    match object.member(structure, &declared.path) {
        Ok(member) => Some(member),
        // The structure itself is the head of a list: a variable of the kernel, or an argument.
        Err(_) if declared.path == "self" && matches!(declared.form, Form::Listed(_)) => {
            structure.as_member()
        }
        Err(NoMember::Missing { structure, name }) => {
            let text = errors::no_member(&structure, &name);
            errors.add(&declared.path_at, text);
            None
        }
        Err(NoMember::NoStructure(member)) => {
            errors.add(&declared.path_at, errors::no_structure(&member));
            None
        }
    }
}
