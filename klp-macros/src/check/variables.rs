// SPDX-License-Identifier: GPL-2.0-only

//! Checks the shadow variables and states of a patch's mod.

use crate::errors::{self, Errors};
use crate::keys::{self, Place};
use crate::model::{Shadow, State};
use crate::parse::{self, Item, Keys, Kind};
use crate::signature;
use quote::ToTokens;
use syn::{Ident, LitInt};

/// Checks the shadow variables and states.
pub(super) fn check(module: &parse::Module, errors: &mut Errors) -> (Vec<Shadow>, Vec<State>) {
    let mut shadows: Vec<Shadow> = Vec::new();
    let mut states: Vec<State> = Vec::new();
    for item in &module.items {
        let Item::Variable(kind, keys, variable) = item else {
            continue;
        };
        match kind {
            Kind::Shadow => shadows.extend(shadow(keys, variable, &shadows, errors)),
            Kind::State => states.extend(state(keys, variable, &states, errors)),
        }
    }
    (shadows, states)
}

fn shadow(
    keys: &Keys,
    variable: &parse::Variable,
    others: &[Shadow],
    errors: &mut Errors,
) -> Option<Shadow> {
    let values = keys::values(keys, Place::Shadow, errors);
    declaration(Kind::Shadow, variable, errors);
    let others = others.iter().map(|other| (other.id, &other.name));
    let id = unique_id("shadow variable", &values.id?, others, errors);
    Some(Shadow {
        name: variable.name.clone(),
        id,
    })
}

fn state(
    keys: &Keys,
    variable: &parse::Variable,
    others: &[State],
    errors: &mut Errors,
) -> Option<State> {
    let values = keys::values(keys, Place::State, errors);
    declaration(Kind::State, variable, errors);
    let literal = values.id?;
    if keys::number(Some(&literal)) == 0 {
        errors.add(&literal, errors::STATE_ID_ZERO);
    }
    let others = others.iter().map(|other| (other.id, &other.name));
    let id = unique_id("state", &literal, others, errors);
    Some(State {
        name: variable.name.clone(),
        ty: variable.ty.clone(),
        id,
        version: keys::number(Some(&values.state_version?)),
    })
}

/// Returns the number in `literal`, and reports it if an earlier variable of that kind has it.
fn unique_id<'a>(
    kind: &str,
    literal: &LitInt,
    mut others: impl Iterator<Item = (u32, &'a Ident)>,
    errors: &mut Errors,
) -> u32 {
    let id = keys::number(Some(literal));
    if let Some((_, first)) = others.find(|(other, _)| *other == id) {
        errors.add(literal, errors::id_twice(kind, id, &first.to_string()));
    }
    id
}

/// Checks the static's declaration.
fn declaration(kind: Kind, variable: &parse::Variable, errors: &mut Errors) {
    signature::no_cfg(&variable.attributes, errors::CFG_ON_MOD_ITEM, errors);
    if let Some(token) = &variable.mutability {
        errors.add(token, errors::STATIC_MUT);
    }
    if let Some(value) = &variable.value {
        errors.add(value, errors::has_value(kind.name()));
    }
    if !kind.is_type(&variable.ty) {
        let text = errors::variable_type(kind.name(), kind.example());
        errors.add(&variable.ty.to_token_stream(), text);
    }
}

#[cfg(test)]
mod tests {
    use crate::check::testing::{one, replacement, right};
    use quote::quote;

    #[test]
    fn a_variable_has_a_fixed_form() {
        let vmlinux = replacement("vmlinux");
        right(quote! {
            #vmlinux
            /// One.
            #[shadow(id = 1)] pub static A: Shadow<P, u32>;
            #[klp::shadow(id = 0x10)] static B: klp::Shadow<P, u32>;
            #[state(id = 1, version = 0)] static C: State;
            #[state(id = 2, version = 7)] static D: State<[u8; 2]>;
        });
        for (wrong, expected) in [
            (
                quote!(
                    #[shadow]
                    static A: Shadow<P, u32>;
                ),
                "missing `id`",
            ),
            (
                quote!(
                    #[shadow = 1]
                    static A: Shadow<P, u32>;
                ),
                "write `#[shadow(key = value, ...)]`",
            ),
            (
                quote!(
                    #[shadow(id = "1")]
                    static A: Shadow<P, u32>;
                ),
                "write `id = 1`",
            ),
            (
                quote!(
                    #[shadow(id = 4294967296)]
                    static A: Shadow<P, u32>;
                ),
                "`id` takes",
            ),
            (
                quote!(
                    #[shadow(id = 1, version = 1)]
                    static A: Shadow<P, u32>;
                ),
                "keys here are `id`",
            ),
            (
                quote!(
                    #[state(id = 1)]
                    static A: State;
                ),
                "missing `version`",
            ),
            (
                quote!(
                    #[state(id = 0, version = 1)]
                    static A: State;
                ),
                "ends at the id 0",
            ),
            (
                quote!(
                    #[state(ID = 1, version = 1)]
                    static A: State;
                ),
                "write `id`",
            ),
            (
                quote!(
                    #[shadow(id = 1)]
                    static mut A: Shadow<P, u32>;
                ),
                "remove `mut`",
            ),
            (
                quote!(
                    #[shadow(id = 1)]
                    static A: Shadow<P, u32> = Shadow::new();
                ),
                "generates the value",
            ),
            (
                quote!(
                    #[shadow(id = 1)]
                    static A: State<u32>;
                ),
                "`Shadow<Parent, Data>`",
            ),
            (
                quote!(
                    #[shadow(id = 1)]
                    static A: Shadow<u32>;
                ),
                "`Shadow<Parent, Data>`",
            ),
            (
                quote!(
                    #[state(id = 1, version = 1)]
                    static A: u32;
                ),
                "`State<Data>`",
            ),
            (
                quote!(
                    #[shadow(id = 1)]
                    #[cfg(x)]
                    static A: Shadow<P, u32>;
                ),
                "`cfg`",
            ),
            (
                quote!(
                    #[shadow(id = 1)]
                    #[state(id = 1, version = 1)]
                    static A: Shadow<P, u32>;
                ),
                "one of klp's attributes",
            ),
        ] {
            one(quote!(#vmlinux #wrong), expected);
        }
    }

    #[test]
    fn ids_are_unique_within_a_kind() {
        let vmlinux = replacement("vmlinux");
        right(quote! {
            #vmlinux
            #[shadow(id = 1)] static A: Shadow<P, u32>;
            #[state(id = 1, version = 1)] static B: State;
        });
        one(
            quote! {
                #vmlinux
                #[shadow(id = 1)] static A: Shadow<P, u32>;
                #[shadow(id = 0x1)] static B: Shadow<Q, u32>;
            },
            "shadow variable `A` of this patch already has the id 1",
        );
        one(
            quote! {
                #vmlinux
                #[state(id = 3, version = 1)] static A: State;
                #[state(id = 3, version = 2)] static B: State;
            },
            "state `A` of this patch already has the id 3",
        );
    }
}
