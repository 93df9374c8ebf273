// SPDX-License-Identifier: GPL-2.0-only

//! Checks the callbacks of a patch's mod.

use crate::errors::{self, Errors};
use crate::keys::{self, Place};
use crate::model::{self, Callback, Object};
use crate::parse::{self, CallbackKind, Item, Keys};
use crate::{names, signature};
use syn::{FnArg, Ident, LitStr, ReturnType, Type};

/// A valid callback, and its key `object`.
struct Found<'a> {
    kind: CallbackKind,
    keys: &'a Keys,
    object: Option<LitStr>,
    function: &'a parse::Function,
    wants_proof: bool,
}

/// Whether the mod has callbacks, valid or not.
pub(super) fn any(module: &parse::Module) -> bool {
    let is_callback = |item: &Item| matches!(item, Item::Callback(..));
    module.items.iter().any(is_callback)
}

/// Checks the callbacks and adds them to their objects, which may have no functions.
pub(super) fn check(module: &parse::Module, objects: &mut Vec<Object>, errors: &mut Errors) {
    let found: Vec<_> = module
        .items
        .iter()
        .filter_map(|item| match item {
            Item::Callback(kind, keys, function) => callback(*kind, keys, function, errors),
            _ => None,
        })
        .collect();
    for object in found.iter().filter_map(|found| found.object.as_ref()) {
        model::object(objects, &object.value());
    }
    for found in &found {
        if let Some(index) = index(found, objects, errors) {
            add(found, index, objects, errors);
        }
    }
}

/// Checks one callback.
fn callback<'a>(
    kind: CallbackKind,
    keys: &'a Keys,
    function: &'a parse::Function,
    errors: &mut Errors,
) -> Option<Found<'a>> {
    let before = errors.len();
    let values = keys::values(keys, Place::Callback, errors);
    if let Some(object) = &values.object {
        errors.check(object, names::module("object", &object.value()));
    }
    signature::no_cfg(&function.attributes, errors::CFG_ON_MOD_ITEM, errors);
    signature::plain(function, errors);
    result(kind, function, errors);
    let wants_proof = argument(kind, function, errors);
    (errors.len() == before).then_some(Found {
        kind,
        keys,
        object: values.object,
        function,
        wants_proof,
    })
}

/// Checks the argument. Returns whether it is `&Unpatched`.
fn argument(kind: CallbackKind, function: &parse::Function, errors: &mut Errors) -> bool {
    let signature = &function.signature;
    let text = errors::callback_arguments(kind.name(), kind == CallbackKind::PostUnpatch);
    let mut arguments = signature.inputs.iter();
    let argument = match (arguments.next(), arguments.next()) {
        (Some(FnArg::Typed(argument)), None) => argument,
        (None, _) => {
            errors.add(&signature.ident, text);
            return false;
        }
        _ => {
            errors.add(&signature.inputs, text);
            return false;
        }
    };
    match referent(&argument.ty)
        .map(|name| name.to_string())
        .as_deref()
    {
        Some("Object") => false,
        Some("Unpatched") if kind == CallbackKind::PostUnpatch => true,
        Some("Unpatched") => {
            errors.add(&argument.ty, errors::UNPATCHED_TOO_EARLY);
            false
        }
        _ => {
            errors.add(&argument.ty, text);
            false
        }
    }
}

/// The name of the type behind `&`.
fn referent(ty: &Type) -> Option<&Ident> {
    match ty {
        Type::Reference(reference) if reference.mutability.is_none() => {
            parse::last_segment(&reference.elem).map(|(name, _)| name)
        }
        _ => None,
    }
}

fn result(kind: CallbackKind, function: &parse::Function, errors: &mut Errors) {
    let output = &function.signature.output;
    let nothing = match output {
        ReturnType::Default => true,
        ReturnType::Type(_, ty) => matches!(&**ty, Type::Tuple(tuple) if tuple.elems.is_empty()),
    };
    match (kind, nothing) {
        (CallbackKind::PrePatch, true) => {
            errors.add(&function.signature.ident, errors::PRE_PATCH_RESULT);
        }
        (CallbackKind::PrePatch, false) | (_, true) => {}
        (_, false) => errors.add(output, errors::callback_result(kind.name())),
    }
}

/// The index of the callback's object.
fn index(found: &Found<'_>, objects: &mut Vec<Object>, errors: &mut Errors) -> Option<usize> {
    if let Some(object) = &found.object {
        return Some(model::object(objects, &object.value()));
    }
    if objects.len() == 1 {
        return Some(0);
    }
    let names: Vec<_> = objects
        .iter()
        .map(|object| object.name().to_owned())
        .collect();
    // Invalid replacements, which have been reported, add no object.
    if !names.is_empty() || errors.is_empty() {
        let text = errors::callback_needs_object(found.kind.name(), &names);
        errors.add(&found.keys.attribute, text);
    }
    None
}

fn add(found: &Found<'_>, index: usize, objects: &mut [Object], errors: &mut Errors) {
    let alone = objects.len() == 1;
    let Some(object) = objects.get_mut(index) else {
        return;
    };
    if let Some(module) = object
        .module
        .as_ref()
        .filter(|_| found.wants_proof && !alone)
    {
        let inputs = &found.function.signature.inputs;
        errors.add(inputs, errors::unpatched_of_module(module));
        return;
    }
    let name = object.name().to_owned();
    let function = &found.function.signature.ident;
    let slot = object.callbacks.slot(found.kind);
    if let Some(first) = slot {
        let first = first.function.to_string();
        let text = errors::callback_twice(found.kind.name(), &name, &first);
        errors.add(function, text);
        return;
    }
    *slot = Some(Callback {
        function: function.clone(),
        wants_proof: found.wants_proof,
    });
}

#[cfg(test)]
mod tests {
    use crate::check::testing::{one, replacement, right};
    use quote::quote;

    #[test]
    fn an_object_may_have_callbacks_only() {
        right(quote!(
            #[pre_patch(object = "ext4")]
            fn a(object: &klp::Object) -> Result {}
        ));
        let vmlinux = replacement("vmlinux");
        right(quote! {
            #vmlinux
            #[klp::post_patch(object = "ext4")] fn a(_: &Object) {}
            #[klp::prelude::post_patch(object = "vmlinux")] fn b(_: &Object) -> () {}
        });
    }

    #[test]
    fn the_key_object_is_required_if_there_are_several() {
        right(
            replacement("ext4")
                .into_iter()
                .chain(quote!(
                    #[post_patch]
                    fn a(_: &Object) {}
                ))
                .collect(),
        );
        one(
            quote!(
                #[post_patch]
                fn a(_: &Object) {}
            ),
            "has no object yet",
        );
        let (ext4, xfs) = (replacement("ext4"), replacement("xfs"));
        one(
            quote!(#ext4 #xfs #[post_patch] fn a(_: &Object) {}),
            "`#[post_patch(object = \"ext4\")]` or `#[post_patch(object = \"xfs\")]`",
        );
    }

    #[test]
    fn an_object_has_one_callback_of_each_kind() {
        let vmlinux = replacement("vmlinux");
        one(
            quote! {
                #vmlinux
                #[post_patch] fn a(_: &Object) {}
                #[post_patch(object = "vmlinux")] fn b(_: &Object) {}
            },
            "`vmlinux` already has the `#[post_patch]` callback `a`",
        );
    }

    #[test]
    fn unpatched_is_only_for_the_last_object() {
        let (vmlinux, ext4) = (replacement("vmlinux"), replacement("ext4"));
        right(quote!(#ext4 #[post_unpatch] fn a(_: &klp::Unpatched) {}));
        let of_vmlinux = quote!(
            #[post_unpatch(object = "vmlinux")]
            fn a(_: &Unpatched) {}
        );
        right(quote!(#vmlinux #ext4 #of_vmlinux));
        let of_module = quote!(
            #[post_unpatch(object = "ext4")]
            fn a(_: &Unpatched) {}
        );
        one(quote!(#vmlinux #ext4 #of_module), "`ext4` may be unloaded");
        let early = quote!(
            #[pre_unpatch]
            fn a(_: &Unpatched) {}
        );
        one(quote!(#ext4 #early), "functions of the patch may run here");
    }

    #[test]
    fn a_callback_has_a_fixed_signature() {
        let vmlinux = replacement("vmlinux");
        for (wrong, expected) in [
            (
                quote!(
                    #[post_patch]
                    fn a() {}
                ),
                "takes the object",
            ),
            (
                quote!(
                    #[post_patch]
                    fn a(_: Object) {}
                ),
                "takes the object",
            ),
            (
                quote!(
                    #[post_patch]
                    fn a(_: &mut Object) {}
                ),
                "takes the object",
            ),
            (
                quote!(
                    #[post_patch]
                    fn a(_: &u8) {}
                ),
                "takes the object",
            ),
            (
                quote!(
                    #[post_patch]
                    fn a(_: &Object, _: u8) {}
                ),
                "takes the object",
            ),
            (
                quote!(
                    #[post_unpatch]
                    fn a() {}
                ),
                "Unpatched",
            ),
            (
                quote!(
                    #[post_patch]
                    fn a(_: &Object) -> Result {}
                ),
                "remove the result",
            ),
            (
                quote!(
                    #[pre_patch]
                    fn a(_: &Object) {}
                ),
                "write `-> Result`",
            ),
            (
                quote!(
                    #[post_patch]
                    fn a<T>(_: &Object) {}
                ),
                "remove the generic",
            ),
            (
                quote!(
                    #[post_patch]
                    async fn a(_: &Object) {}
                ),
                "remove `async`",
            ),
            (
                quote!(
                    #[post_patch]
                    unsafe fn a(_: &Object) {}
                ),
                "remove `unsafe`",
            ),
            (
                quote!(
                    #[post_patch]
                    const fn a(_: &Object) {}
                ),
                "remove `const`",
            ),
            (
                quote!(
                    #[post_patch]
                    extern "C" fn a(_: &Object) {}
                ),
                "remove `extern`",
            ),
            (
                quote!(
                    #[post_patch]
                    fn a(_: &Object);
                ),
                "needs a body",
            ),
            (
                quote!(
                    #[post_patch]
                    #[cfg(x)]
                    fn a(_: &Object) {}
                ),
                "cannot depend on `cfg`",
            ),
            (
                quote!(
                    #[post_patch]
                    #[pre_unpatch]
                    fn a(_: &Object) {}
                ),
                "one of klp's attributes",
            ),
            (
                quote!(
                    #[post_patch]
                    #[livepatch(object = "vmlinux", replaces = "g")]
                    fn a(_: &Object) {}
                ),
                "cannot be a replacement",
            ),
            (
                quote!(
                    #[post_patch(object = "a.ko")]
                    fn a(_: &Object) {}
                ),
                "object = \"a\"",
            ),
            (
                quote!(
                    #[post_patch(objekt = "a")]
                    fn a(_: &Object) {}
                ),
                "write `object`",
            ),
            (
                quote!(
                    #[post_patch(sympos = 1)]
                    fn a(_: &Object) {}
                ),
                "the keys here are `object`",
            ),
        ] {
            one(quote!(#vmlinux #wrong), expected);
        }
    }
}
