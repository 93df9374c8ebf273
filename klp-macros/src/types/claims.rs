// SPDX-License-Identifier: GPL-2.0-only

//! Generates constants that stop the compiler if an argument's type claims more than the C type, without
//! `unsafe`.

use crate::errors::types as errors;
use crate::types::{place, stop};
use klp_elf::{Kind, Pointee, Prototype, Type as CType};
use proc_macro2::{Literal, Span, TokenStream};
use quote::{quote, quote_spanned};
use syn::Type;

/// The constant for the argument at `index`, of the author's type `ty`.
pub(super) fn constant(
    ty: &Type,
    prototype: &Prototype,
    index: usize,
    is_vouched: bool,
) -> TokenStream {
    let Kind::Pointer { to, constant } = &prototype.parameters[index].ty.kind else {
        return TokenStream::new();
    };
    let is_user = prototype.parameters[index].ty.c.contains("__user");
    let is_handler = is_handler(prototype);
    let is_of_ints = is_vouched || prototype.name.starts_with(errors::INT_HANDLERS);
    let is_freed = klp_elf::frees_its_argument(&prototype.name);
    let refused: [Option<(TokenStream, String)>; 5] = [
        (is_freed && !is_vouched).then(|| (quote!(Object), errors::claims_alive(prototype))),
        (is_opaque(to) && !is_vouched).then(|| {
            let text = errors::claims_object(prototype, index);
            (quote!(Object | Claim::Place { .. }), text)
        }),
        refused_places(to, *constant || is_user)
            .map(|claim| (claim, errors::claims_place(prototype, index))),
        (!is_handler).then(|| {
            (
                quote!(Handler | Claim::Ints),
                errors::claims_handler(prototype),
            )
        }),
        (is_handler && !is_of_ints).then(|| (quote!(Ints), errors::claims_ints(prototype))),
    ];
    if refused.iter().all(Option::is_none) {
        return TokenStream::new();
    }
    let at = place(ty);
    let arms = refused.into_iter().flatten().map(|(claim, text)| {
        let stop = stop(at, &text);
        quote_spanned!(Span::mixed_site()=> Claim::#claim => #stop,)
    });
    quote_spanned! {Span::mixed_site()=>
        const _: () = {
            use ::klp::signature::Claim;
            type __KlpC<T> = T;
            match <__KlpC<#ty> as ::klp::abi::CAbi>::CLAIM {
                #(#arms)*
                _ => {}
            }
        };
    }
}

/// The pattern of claims about an integer behind the pointer that C does not confirm. `is_barred`
/// excludes all of them: C only reads there, or it is user memory. Other sizes and structures are found
/// when sizes are compared.
fn refused_places(to: &Pointee, is_barred: bool) -> Option<TokenStream> {
    match to {
        Pointee::Void | Pointee::Named(_) => None,
        _ if is_barred => Some(quote!(Place { .. })),
        Pointee::Char => None,
        Pointee::Function => Some(quote!(Place { .. })),
        Pointee::Other(ty) => match ty.kind {
            Kind::Enum { .. } => None,
            Kind::Integer { signed } => {
                let (other, size) = (!signed, Literal::u64_unsuffixed(ty.size));
                Some(quote!(Place { signed: #other, size: #size }))
            }
            _ => Some(quote!(Place { .. })),
        },
    }
}

/// Whether the target type of the pointer is unknown in C.
fn is_opaque(to: &Pointee) -> bool {
    match to {
        Pointee::Void => true,
        Pointee::Named(names) => names.is_empty(),
        _ => false,
    }
}

/// Whether a function has the type of a `proc_handler`.
fn is_handler(prototype: &Prototype) -> bool {
    let parameters: Vec<&CType> = prototype.parameters.iter().map(|it| &it.ty).collect();
    let [table, write, buffer, length, position] = parameters[..] else {
        return false;
    };
    let to = |ty: &CType, is: fn(&Pointee) -> bool| matches!(&ty.kind, Kind::Pointer { to, .. } if is(to));
    let is_wide =
        |to: &Pointee| matches!(to, Pointee::Other(it) if it.size == 8 && is_integer(it, 8));
    let is_table = |to: &Pointee| matches!(to, Pointee::Named(names) if names.iter().any(|name| name.as_str() == "ctl_table"));
    is_integer(&prototype.result, 4)
        && to(table, is_table)
        && is_integer(write, 4)
        && to(buffer, |to| matches!(to, Pointee::Void))
        && to(length, is_wide)
        && to(position, is_wide)
}

fn is_integer(ty: &CType, size: u64) -> bool {
    matches!(ty.kind, Kind::Integer { .. }) && ty.size == size
}
