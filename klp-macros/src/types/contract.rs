// SPDX-License-Identifier: GPL-2.0-only

//! Generates constants that compare a replacement's C types with the kernel's, and stop the compiler if they
//! differ.

use crate::errors::types::{self as errors, Role};
use crate::parse::tokens::is_word;
use crate::parse::Function;
use crate::types::{claims, obvious, stop};
use klp_elf::{Identifier, Identity, Kind, Pointee, Prototype, Type as CType};
use proc_macro2::{Literal, Span, TokenStream, TokenTree};
use quote::{quote, quote_spanned, ToTokens};
use syn::{FnArg, ReturnType, Signature, Type};

/// The constants for a replacement: one for each argument and one for the result.
///
/// The number of arguments has been checked.
pub(crate) fn contract(
    function: &Function,
    prototype: &Prototype,
    is_vouched: bool,
) -> TokenStream {
    let role = Role::Replacement;
    let mut constants = TokenStream::new();
    for (index, (ty, parameter)) in arguments(&function.signature)
        .zip(&prototype.parameters)
        .enumerate()
    {
        let text = match has_word(ty, "InOut") {
            true => errors::claims_place(prototype, index),
            false => role.argument(prototype, index),
        };
        let mismatch = Mismatch::new(text, &parameter.ty, prototype);
        constants.extend(constant(ty, &parameter.ty, &mismatch, role, None));
        if !obvious::differs(ty, &parameter.ty) {
            constants.extend(claims::constant(ty, prototype, index, is_vouched));
        }
    }
    let is_followed = matches!(prototype.result.kind, Kind::Pointer { .. });
    let raw = (is_followed && !is_vouched).then(|| errors::claims_result(prototype));
    constants.extend(result_constant(&function.signature, prototype, role, raw));
    constants
}

/// The same for a kernel function that the author declares, with its C types.
pub(crate) fn declaration(signature: &Signature, prototype: &Prototype) -> TokenStream {
    let role = Role::Declaration;
    let mut constants = TokenStream::new();
    for (index, (ty, parameter)) in arguments(signature).zip(&prototype.parameters).enumerate() {
        let text = role.argument(prototype, index);
        let mismatch = Mismatch::new(text, &parameter.ty, prototype);
        constants.extend(constant(ty, &parameter.ty, &mismatch, role, None));
    }
    constants.extend(result_constant(signature, prototype, role, None));
    constants
}

fn result_constant(
    signature: &Signature,
    prototype: &Prototype,
    role: Role,
    raw: Option<String>,
) -> TokenStream {
    let c = &prototype.result;
    let mismatch = Mismatch::new(role.result(prototype), c, prototype);
    constant(&result(signature), c, &mismatch, role, raw)
}

/// The arguments' types.
pub(crate) fn arguments(signature: &Signature) -> impl Iterator<Item = &Type> {
    signature.inputs.iter().filter_map(|input| match input {
        FnArg::Typed(typed) => Some(&*typed.ty),
        FnArg::Receiver(_) => None,
    })
}

/// The result's type, `()` for none.
pub(crate) fn result(signature: &Signature) -> Type {
    match &signature.output {
        ReturnType::Type(_, ty) => (**ty).clone(),
        ReturnType::Default => syn::parse_quote_spanned!(signature.ident.span()=> ()),
    }
}

/// The messages about a mismatch.
struct Mismatch {
    text: String,
    /// For another structure of the same name.
    other: String,
}

impl Mismatch {
    fn new(text: String, c: &CType, prototype: &Prototype) -> Self {
        let other = errors::other_structure(&c.c, prototype);
        Self { text, other }
    }
}

/// Compares the author's `ty` with `c`. `raw` is the message for a result that may be any address, although C
/// follows it.
fn constant(
    ty: &Type,
    c: &CType,
    mismatch: &Mismatch,
    role: Role,
    raw: Option<String>,
) -> TokenStream {
    let Some(expected) = expected(c) else {
        return TokenStream::new();
    };
    if obvious::differs(ty, c) {
        return syn::Error::new_spanned(ty, &mismatch.text).to_compile_error();
    }
    let in_c = match role {
        Role::Replacement => quote_spanned!(Span::mixed_site()=> <T as ::klp::abi::CAbi>::C),
        Role::Declaration => quote_spanned!(Span::mixed_site()=> T),
    };
    let written = written(ty);
    let (other, stop) = (
        stop(place(ty), &mismatch.other),
        stop(place(ty), &mismatch.text),
    );
    let raw = raw.map(|text| {
        let stop = super::stop(place(ty), &text);
        quote_spanned! {Span::mixed_site()=>
            type __KlpResult<T> = T;
            if let ::klp::signature::Given::Anything =
                <__KlpResult<#ty> as ::klp::abi::CAbi>::GIVEN
            {
                #stop
            }
        }
    });
    quote_spanned! {Span::mixed_site()=>
        const _: () = {
            #[allow(unused_imports)]
            use ::klp::signature::Otherwise as _;
            type __KlpC<T> = #in_c;
            match ::klp::signature::compare::<__KlpC<#ty>>(
                ::klp::signature::Probe::<<__KlpC<#ty> as ::klp::signature::CType>::Target>::TARGET,
                #written,
                &#expected,
            ) {
                ::klp::signature::Verdict::Fits => { #raw }
                ::klp::signature::Verdict::Content => #other,
                _ => #stop,
            }
        };
    }
}

/// The C type as a `klp::signature::Expected`; `None` if it cannot be compared.
pub(super) fn expected(c: &CType) -> Option<TokenStream> {
    let size = Literal::usize_unsuffixed(usize::try_from(c.size).ok()?);
    let expected = match &c.kind {
        Kind::Void => quote!(Void),
        Kind::Bool => quote!(Bool),
        Kind::Integer { signed } => quote!(Integer { signed: #signed, size: #size }),
        Kind::Enum { .. } => quote!(Enum { size: #size }),
        Kind::Pointer { to, .. } => pointer(to, c.identity),
        Kind::Aggregate { names } => {
            let structure = structure(names, c.identity);
            quote!(Aggregate { structure: #structure, size: #size })
        }
        Kind::Array { .. } | Kind::Other => return None,
    };
    Some(quote!(::klp::signature::Expected::#expected))
}

fn structure(names: &[Identifier], identity: Identity) -> TokenStream {
    let names = names.iter().map(Identifier::as_str);
    let content = identity.content().unwrap_or_default();
    quote!(::klp::signature::Structure { names: &[#(#names),*], content: #content })
}

fn pointer(to: &Pointee, identity: Identity) -> TokenStream {
    match to {
        Pointee::Void | Pointee::Function => quote!(Pointer),
        Pointee::Named(names) if names.is_empty() => quote!(Pointer),
        Pointee::Named(names) => {
            let structure = structure(names, identity);
            quote!(PointerTo(#structure))
        }
        Pointee::Char => quote!(PointerToScalar { size: 1 }),
        Pointee::Other(to) => match usize::try_from(to.size) {
            Ok(size) if is_scalar(&to.kind) => {
                let size = Literal::usize_unsuffixed(size);
                quote!(PointerToScalar { size: #size })
            }
            _ => quote!(Pointer),
        },
    }
}

fn is_scalar(kind: &Kind) -> bool {
    matches!(
        kind,
        Kind::Bool | Kind::Integer { .. } | Kind::Enum { .. } | Kind::Pointer { .. }
    )
}

/// The last identifier in the author's type.
pub(super) fn written(ty: &Type) -> String {
    let mut last = String::new();
    words(ty.to_token_stream(), &mut last);
    last
}

/// Whether the author's type contains the identifier `word`.
fn has_word(ty: &Type, word: &str) -> bool {
    let mut tokens = ty.to_token_stream().into_iter();
    tokens.any(|token| is_word(&token, word))
}

fn words(tokens: TokenStream, last: &mut String) {
    for token in tokens {
        match token {
            TokenTree::Ident(word) => *last = word.to_string(),
            TokenTree::Group(group) => words(group.stream(), last),
            _ => {}
        }
    }
}

/// The span of the type's last token, which names it.
pub(crate) fn place(ty: &Type) -> Span {
    let last = ty.to_token_stream().into_iter().last();
    last.map_or_else(Span::call_site, |token| token.span())
}
