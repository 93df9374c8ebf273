// SPDX-License-Identifier: GPL-2.0-only

//! `#[counted_by(length, unsafe)]` on an argument: a buffer whose length is another argument.

use crate::errors::{buffers as errors, Errors};
use proc_macro2::Ident;
use syn::ext::IdentExt as _;
use syn::parse::ParseStream;
use syn::{Attribute, FnArg, Pat, PatType, Signature, Token, Type};

/// The attribute's name.
const NAME: &str = "counted_by";

/// The type of such an argument.
const BYTES: &str = "Bytes";

/// The contents of the attribute.
struct Counted {
    /// The argument with the length.
    by: Ident,
    /// The token `unsafe`, by which the author vouches for the length.
    unsafety: Option<Ident>,
}

/// Checks the attributes, and that each buffer has one.
pub(crate) fn check(signature: &Signature, errors: &mut Errors) {
    for argument in typed(signature) {
        match attribute(argument) {
            Some(attribute) => check_one(attribute, argument, signature, errors),
            None if is_bytes(&argument.ty) => errors.add(&argument.ty, errors::NOT_COUNTED),
            None => {}
        }
    }
}

fn check_one(
    attribute: &Attribute,
    argument: &PatType,
    signature: &Signature,
    errors: &mut Errors,
) {
    let Some(Counted { by, unsafety }) = counted(attribute) else {
        errors.add(attribute, errors::FORM);
        return;
    };
    if unsafety.is_none() {
        errors.add(attribute, errors::claim(&by.to_string()));
    }
    if !is_bytes(&argument.ty) {
        errors.add(&argument.ty, errors::NO_BYTES);
    }
    match typed(signature).find(|other| name(other) == Some(&by)) {
        Some(length) if is_integer(&length.ty) => {}
        Some(length) => errors.add(&length.ty, errors::NO_LENGTH),
        None => errors.add(&by, errors::no_argument(&by.to_string())),
    }
}

/// For each argument that is a buffer, the index of the argument with its length.
pub(crate) fn lengths(signature: &Signature) -> Vec<Option<usize>> {
    let length = |argument: &PatType| {
        let by = counted(attribute(argument)?)?.by;
        typed(signature).position(|other| name(other) == Some(&by))
    };
    typed(signature).map(length).collect()
}

/// The tokens `unsafe` in the attributes.
pub(crate) fn claims(signature: &Signature) -> Vec<Ident> {
    let words = typed(signature).filter_map(|argument| counted(attribute(argument)?)?.unsafety);
    words.collect()
}

/// Removes the attributes, which the compiler does not know.
pub(crate) fn strip(signature: &mut Signature) {
    for input in &mut signature.inputs {
        if let FnArg::Typed(argument) = input {
            argument.attrs.retain(|it| !it.path().is_ident(NAME));
        }
    }
}

fn typed(signature: &Signature) -> impl Iterator<Item = &PatType> {
    signature.inputs.iter().filter_map(|input| match input {
        FnArg::Typed(argument) => Some(argument),
        FnArg::Receiver(_) => None,
    })
}

fn attribute(argument: &PatType) -> Option<&Attribute> {
    argument.attrs.iter().find(|it| it.path().is_ident(NAME))
}

fn counted(attribute: &Attribute) -> Option<Counted> {
    let parser = |input: ParseStream<'_>| {
        let by = Ident::parse_any(input)?;
        input.parse::<Option<Token![,]>>()?;
        let is_claimed = input.peek(Token![unsafe]);
        let unsafety = is_claimed.then(|| Ident::parse_any(input)).transpose()?;
        input.parse::<Option<Token![,]>>()?;
        Ok(Counted { by, unsafety })
    };
    let counted = attribute.parse_args_with(parser).ok()?;
    (counted.by != "unsafe").then_some(counted)
}

fn name(argument: &PatType) -> Option<&Ident> {
    match &*argument.pat {
        Pat::Ident(pattern) => Some(&pattern.ident),
        _ => None,
    }
}

fn is_bytes(ty: &Type) -> bool {
    matches!(ty, Type::Path(path) if path.path.segments.last().is_some_and(|it| it.ident == BYTES))
}

/// Whether this is a primitive integer type.
fn is_integer(ty: &Type) -> bool {
    const INTEGERS: [&str; 10] = [
        "i8", "i16", "i32", "i64", "isize", "u8", "u16", "u32", "u64", "usize",
    ];
    matches!(ty, Type::Path(path) if INTEGERS.iter().any(|name| path.path.is_ident(name)))
}
