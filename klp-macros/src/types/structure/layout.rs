// SPDX-License-Identifier: GPL-2.0-only

//! Compares a view with the kernel's structure: names here, offsets and sizes by constants that the
//! compiler evaluates.

use super::{last, Keys};
use crate::errors::{structure as errors, Errors};
use crate::types::{kernel, stop};
use klp_elf::{Member, Object, Structure, VMLINUX};
use proc_macro2::{Ident, Literal, Span, TokenStream};
use quote::{quote, quote_spanned};
use syn::ext::IdentExt as _;
use syn::{Field, ItemStruct};

/// Checks that the kernel has the structure, where that is known.
pub(super) fn exists(keys: &Keys, errors: &mut Errors) {
    ask(keys, errors, |object, name| {
        object.declares(name).then_some(())
    });
}

/// The constants that compare a view's layout.
pub(super) fn check(keys: &Keys, item: &ItemStruct, errors: &mut Errors) -> TokenStream {
    let Some(structure) = structure(keys, errors) else {
        return TokenStream::new();
    };
    let mut constants: TokenStream = item
        .fields
        .iter()
        .filter_map(|field| self::field(&structure, item, field, errors))
        .collect();
    constants.extend(size(&structure, keys, &item.ident));
    constants
}

/// The kernel's structure; nothing when it is not known, which is an error only when it should be.
fn structure(keys: &Keys, errors: &mut Errors) -> Option<Structure> {
    ask(keys, errors, |object, name| object.structure(name))
}

/// Asks the object about the structure. That it answers nothing is an error.
fn ask<T>(
    keys: &Keys,
    errors: &mut Errors,
    question: impl FnOnce(&Object<'_>, &str) -> Option<T>,
) -> Option<T> {
    let name = keys.name.value();
    let object = match &keys.object {
        Some(object) => object.value(),
        None => VMLINUX.to_owned(),
    };
    let unknown = || {
        format!(
            "no type information about the module `{object}` is at hand, so the layout of \
             `{name}` is not checked; name the folder that holds {object}.ko in KLP_MODULES"
        )
    };
    kernel::ask(&object, &keys.name, unknown, errors, |_, found, errors| {
        let answer = question(found, &name);
        if answer.is_none() {
            errors.add(&keys.name, errors::not_there(&name, &object));
        }
        answer
    })
    .flatten()
}

/// Compares one field. Padding, whose name begins with `_`, has nothing to compare with.
fn field(
    structure: &Structure,
    item: &ItemStruct,
    field: &Field,
    errors: &mut Errors,
) -> Option<TokenStream> {
    let ident = field.ident.as_ref()?;
    let name = ident.unraw().to_string();
    let members = &structure.members;
    let Some(member) = members.iter().find(|member| member.name == *name) else {
        if !name.starts_with('_') {
            errors.add(ident, errors::no_member(structure, &name));
        }
        return None;
    };
    if member.bits.is_some() {
        errors.add(ident, errors::bit_field(structure, member));
        return None;
    }
    Some(constants(structure, &item.ident, field, ident, member))
}

fn constants(
    structure: &Structure,
    view: &Ident,
    field: &Field,
    ident: &Ident,
    member: &Member,
) -> TokenStream {
    let ty = &field.ty;
    let (offset, bytes) = (literal(member.offset), literal(member.size));
    let elsewhere = errors::offset(structure, member);
    let other_size = errors::size(structure, member);
    let elsewhere = stop(ident.span(), &elsewhere);
    let other_size = stop(last(ty), &other_size);
    quote_spanned! {Span::mixed_site()=>
        const _: () = if ::core::mem::offset_of!(#view, #ident) != #offset { #elsewhere };
        const _: () = if ::core::mem::size_of::<#ty>() != #bytes { #other_size };
    }
}

fn size(structure: &Structure, keys: &Keys, view: &Ident) -> TokenStream {
    let size = literal(structure.size);
    let (differs, text) = if keys.partial {
        (quote!(>), errors::too_large(structure))
    } else {
        (quote!(!=), errors::not_whole(structure))
    };
    let stop = stop(view.span(), &text);
    quote_spanned! {Span::mixed_site()=>
        const _: () = if ::core::mem::size_of::<#view>() #differs #size { #stop };
    }
}

fn literal(number: u64) -> Literal {
    // The kernel is one of 64 bits, and so is the host.
    Literal::u64_unsuffixed(number)
}
