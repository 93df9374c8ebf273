// SPDX-License-Identifier: GPL-2.0-only

//! Checks a patch and builds its model.
//!
//! Each check continues after a mistake, so that all mistakes are reported at once.

mod callbacks;
#[cfg(test)]
mod testing;
mod variables;

use crate::errors::{self, Errors};
use crate::info::info;
use crate::keys::{self, Place, Values};
use crate::model::{self, Function, Info, Original, Patch};
use crate::parse::original::ORIGINAL;
use crate::parse::{self, Item, Keys};
use crate::types::{self, Known, Replaced};
use crate::{names, signature};
use syn::{Ident, LitInt, LitStr};

/// A replacement with valid keys.
struct Replacement {
    object: LitStr,
    replaces: LitStr,
    sympos: Option<LitInt>,
    /// Callers whose inlined copies the author accepts.
    inlined_into: Vec<LitStr>,
    function: Function,
}

/// Checks a patch of one function.
pub(crate) fn function(
    keys: &Keys,
    function: &parse::Function,
    default_name: Option<String>,
    errors: &mut Errors,
) -> Option<Patch> {
    let mut values = keys::values(keys, Place::Function, errors);
    let info = info(&keys.attribute, &mut values, default_name, errors);
    let replacement = replacement(values, function, errors);
    signature::check(function, errors);
    not_itself(info.as_ref(), replacement.as_slice(), errors);
    no_inlined_copies(replacement.as_slice(), errors);
    errors.is_empty().then_some(Patch {
        info: info?,
        objects: objects(replacement),
        shadows: Vec::new(),
        states: Vec::new(),
    })
}

/// Checks a patch in a mod.
pub(crate) fn module(
    keys: &Keys,
    module: &parse::Module,
    default_name: Option<String>,
    errors: &mut Errors,
) -> Option<Patch> {
    let mut values = keys::values(keys, Place::Mod, errors);
    let info = info(&keys.attribute, &mut values, default_name, errors);
    let replacements = replacements(module, errors);
    unique(&replacements, errors);
    not_itself(info.as_ref(), &replacements, errors);
    no_inlined_copies(&replacements, errors);
    no_other_original(module, &replacements, errors);
    let mut objects = objects(replacements);
    callbacks::check(module, &mut objects, errors);
    let (shadows, states) = variables::check(module, errors);
    let register = info.as_ref().and_then(|info| info.register.as_ref());
    if let Some(word) = register.filter(|_| !states.is_empty()) {
        errors.add(word, errors::REGISTER_AND_STATES);
    }
    errors.is_empty().then_some(Patch {
        info: info?,
        objects,
        shadows,
        states,
    })
}

fn objects(replacements: impl IntoIterator<Item = Replacement>) -> Vec<model::Object> {
    let functions = replacements
        .into_iter()
        .map(|replacement| (replacement.object.value(), replacement.function));
    model::objects(functions)
}

fn replacements(module: &parse::Module, errors: &mut Errors) -> Vec<Replacement> {
    let mut any = false;
    let mut found = Vec::new();
    for item in &module.items {
        let Item::Replacement(keys, function) = item else {
            continue;
        };
        any = true;
        let values = keys::values(keys, Place::Inside, errors);
        found.extend(replacement(values, function, errors));
        signature::no_cfg(&function.attributes, errors::CFG_ON_REPLACEMENT, errors);
        signature::check(function, errors);
    }
    // Misplaced replacements have been reported.
    if !any && errors.is_empty() && !callbacks::any(module) {
        errors.add(&module.name, errors::NO_REPLACEMENT);
    }
    found
}

fn replacement(
    values: Values,
    function: &parse::Function,
    errors: &mut Errors,
) -> Option<Replacement> {
    let before = errors.len();
    if let Some(object) = &values.object {
        errors.check(object, names::module("object", &object.value()));
    }
    if let Some(replaces) = &values.replaces {
        errors.check(replaces, names::symbol(&replaces.value()));
        if klp_elf::never_returns(&replaces.value()) {
            errors.add(replaces, errors::never_returns(&replaces.value()));
        }
    }
    let (object, replaces) = (values.object?, values.replaces?);
    let original = parse::original::original(function);
    let replaced = Replaced {
        object: &object,
        name: &replaces,
        sympos: values.sympos.as_ref(),
        by: function,
        original: original.as_ref(),
        is_vouched: values.unsafety.is_some(),
    };
    // An invalid name is not looked up.
    let known = if errors.len() == before {
        types::check(&replaced, errors)
    } else {
        Known::default()
    };
    types::impossible(function, known.prototype.as_ref(), errors);
    Some(Replacement {
        object,
        function: Function {
            name: replaces.value(),
            sympos: keys::number(values.sympos.as_ref()),
            replacement: function.signature.ident.clone(),
            path: types::path_at_type(&function.signature),
            prototype: known.prototype,
            calls: parse::calls(function),
            original: original.map(|word| Original {
                word,
                entry: known.entry,
            }),
            unsafety: values.unsafety,
            immediate: values.immediate,
        },
        replaces,
        sympos: values.sympos,
        inlined_into: values.inlined_into,
    })
}

/// Checks that no inlined copy of a replaced function keeps the old code, as far as debug information
/// shows.
fn no_inlined_copies(replacements: &[Replacement], errors: &mut Errors) {
    for this in replacements {
        let same_object = |other: &&Replacement| other.object.value() == this.object.value();
        let others = replacements.iter().filter(same_object);
        let others: Vec<_> = others
            .map(|other| types::Named {
                name: &other.function.name,
                sympos: other.function.sympos,
            })
            .collect();
        let replaced = types::Inlined {
            object: &this.object,
            name: &this.replaces,
            sympos: this.function.sympos,
            accepted: &this.inlined_into,
            replaced: &others,
        };
        replaced.check(errors);
    }
}

/// Checks that the patch does not have the name of a module that it patches: the kernel loads only one module
/// of a name.
fn not_itself(info: Option<&Info>, replacements: &[Replacement], errors: &mut Errors) {
    let Some(info) = info else { return };
    for this in replacements {
        if this.object.value() == info.name.replace('-', "_") {
            errors.add(&this.object, errors::patches_itself(&info.name));
        }
    }
}

/// Checks that no function is replaced twice.
fn unique(replacements: &[Replacement], errors: &mut Errors) {
    for (index, this) in replacements.iter().enumerate() {
        let same_name = |other: &&Replacement| {
            other.object.value() == this.object.value() && other.function.name == this.function.name
        };
        let mut others = replacements.iter().filter(same_name);
        let mut before = replacements[..index].iter().filter(same_name);
        if let Some(first) = before.find(|first| same_place(first, this)) {
            report_duplicate(first, this, errors);
        } else if this.function.sympos == 0 && others.any(|other| !same_place(other, this)) {
            report_missing_sympos(this, errors);
        }
    }
}

/// Checks that no other function is called `original` in a mod whose replacements use it.
fn no_other_original(module: &parse::Module, replacements: &[Replacement], errors: &mut Errors) {
    if !replacements
        .iter()
        .any(|one| one.function.original.is_some())
    {
        return;
    }
    for item in &module.items {
        let name = match item {
            Item::Replacement(_, function) | Item::Callback(_, _, function) => {
                let name = &function.signature.ident;
                (name == ORIGINAL).then(|| name.clone())
            }
            Item::Other(tokens) => parse::original::item(tokens),
            Item::Variable(..) => None,
        };
        if let Some(name) = name {
            errors.add(&name, errors::TWO_ORIGINALS);
        }
    }
}

/// Whether both select the same of several functions of one name. 0 selects the only one, which is the first.
fn same_place(one: &Replacement, other: &Replacement) -> bool {
    one.function.sympos.max(1) == other.function.sympos.max(1)
}

fn report_duplicate(first: &Replacement, this: &Replacement, errors: &mut Errors) {
    let first: &Ident = &first.function.replacement;
    let text = errors::replaced_twice(
        &this.function.name,
        &this.object.value(),
        &first.to_string(),
    );
    errors.add(&this.replaces, text);
}

fn report_missing_sympos(this: &Replacement, errors: &mut Errors) {
    let text = errors::sympos_needed(&this.function.name, &this.object.value());
    match &this.sympos {
        Some(sympos) => errors.add(sympos, text),
        None => errors.add(&this.replaces, text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proc_macro2::TokenStream;
    use quote::quote;

    fn mistakes(keys: TokenStream, item: TokenStream, name: Option<&str>) -> Vec<String> {
        let mut errors = Errors::default();
        crate::code(keys, item, name.map(str::to_owned), &mut errors);
        errors.texts()
    }

    /// The mistakes of a mod that replaces `functions`, each an object, a name and a position.
    fn in_mod(functions: &[(&str, &str, Option<u32>)]) -> Vec<String> {
        let functions = functions.iter().map(|(object, name, sympos)| {
            let sympos = sympos.map(|sympos| {
                let sympos = proc_macro2::Literal::u32_unsuffixed(sympos);
                quote!(, sympos = #sympos)
            });
            quote! {
                #[livepatch(object = #object, replaces = #name #sympos)]
                fn function() {}
            }
        });
        mistakes(
            quote!(description = "A fix", license = "GPL"),
            quote!(mod fixes { #(#functions)* }),
            Some("fixes"),
        )
    }

    #[test]
    fn one_name_in_two_objects_is_two_functions() {
        assert!(in_mod(&[("vmlinux", "a", None), ("ext4", "a", None)]).is_empty());
    }

    #[test]
    fn sympos_distinguishes_functions_of_one_name() {
        assert!(in_mod(&[("ext4", "a", Some(1)), ("ext4", "a", Some(2))]).is_empty());
        for (one, other) in [
            (None, None),
            (Some(2), Some(2)),
            (None, Some(0)),
            (None, Some(1)),
            (Some(0), Some(1)),
            (Some(1), Some(0)),
        ] {
            let mistakes = in_mod(&[("ext4", "a", one), ("ext4", "a", other)]);
            assert_eq!(mistakes.len(), 1, "{one:?} {other:?}");
            assert!(mistakes[0].contains("twice"), "{}", mistakes[0]);
        }
    }

    #[test]
    fn without_sympos_the_name_must_be_unique() {
        for (one, other) in [(None, Some(2)), (Some(3), None), (Some(0), Some(2))] {
            let mistakes = in_mod(&[("ext4", "a", one), ("ext4", "a", other)]);
            assert_eq!(mistakes.len(), 1, "{one:?} {other:?}");
            assert!(mistakes[0].contains("sympos = 1"), "{}", mistakes[0]);
        }
    }

    fn with_license(license: &str) -> Vec<String> {
        let keys = quote! {
            object = "vmlinux", replaces = "a", description = "A fix", license = #license
        };
        mistakes(
            keys,
            quote!(
                fn f() {}
            ),
            Some("fix"),
        )
    }

    #[test]
    fn licences_are_spelt_as_in_the_kernel() {
        for license in [
            "GPL",
            "GPL v2",
            "GPL and additional rights",
            "Dual BSD/GPL",
            "Dual MIT/GPL",
            "Dual MPL/GPL",
        ] {
            assert!(with_license(license).is_empty(), "{license}");
        }
        for license in ["", "gpl", "GPLv2", "GPL-2.0", "GPL ", "MIT", "Proprietary"] {
            assert_eq!(with_license(license).len(), 1, "{license}");
        }
    }

    #[test]
    fn a_name_comes_from_the_author_or_from_the_build() {
        let keys = quote! {
            object = "vmlinux", replaces = "a", description = "A fix", license = "GPL"
        };
        let item = quote!(
            fn f() {}
        );
        let without = mistakes(keys.clone(), item.clone(), None);
        assert_eq!(without, [errors::NO_MODULE_NAME]);
        let named = mistakes(quote!(#keys, name = "fix"), item, None);
        assert!(named.is_empty(), "{named:?}");
    }

    #[test]
    fn a_mod_without_replacement_is_reported_once() {
        assert_eq!(in_mod(&[]), [errors::NO_REPLACEMENT]);
        let misplaced = mistakes(
            quote!(description = "A fix", license = "GPL"),
            quote! {
                mod fixes {
                    mod inner {
                        #[livepatch(object = "vmlinux", replaces = "a")]
                        fn f() {}
                    }
                }
            },
            Some("fix"),
        );
        assert_eq!(misplaced, [errors::NOT_AT_TOP]);
    }
}
