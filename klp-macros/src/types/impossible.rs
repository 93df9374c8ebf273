// SPDX-License-Identifier: GPL-2.0-only

//! Types that no C function has, recognised by their spelling.
//!
//! They are reported before expansion: the compiler would report each once for every missing trait of
//! `klp::abi`.

use crate::errors::impossible::{self as errors, Impossible};
use crate::errors::Errors;
use crate::parse::Function;
use crate::types::arguments;
use klp_elf::Prototype;
use syn::{GenericArgument, PathArguments, PathSegment, ReturnType, Type};

/// Reports such types in a replacement's signature, with the C types if the prototype is known.
pub(crate) fn report(function: &Function, prototype: Option<&Prototype>, errors: &mut Errors) {
    let signature = &function.signature;
    for (index, ty) in arguments(signature).enumerate() {
        if let Some(why) = argument(ty) {
            let known = prototype.filter(|known| index < known.parameters.len());
            errors.add(ty, errors::argument(known, index, why));
        }
    }
    if let ReturnType::Type(_, ty) = &signature.output {
        if let Some(why) = result(ty) {
            errors.add(ty, errors::result(prototype, why));
        }
    }
}

fn argument(ty: &Type) -> Option<Impossible> {
    match last(ty) {
        Some(segment) if segment.ident == "Result" => Some(Impossible::ResultArgument),
        Some(segment) if segment.ident == "KBox" => Some(Impossible::Movable),
        Some(segment) if segment.ident == "Option" => only_argument(segment)
            .filter(|inner| last(inner).is_some_and(|inner| inner.ident == "KBox"))
            .map(|_| Impossible::Movable)
            .or_else(|| value(ty)),
        _ => value(ty),
    }
}

fn result(ty: &Type) -> Option<Impossible> {
    match last(ty) {
        Some(segment) if segment.ident == "Result" => value(only_argument(segment)?),
        // References are reported elsewhere.
        _ if matches!(ty, Type::Reference(_)) => None,
        _ => value(ty),
    }
}

fn value(ty: &Type) -> Option<Impossible> {
    Some(match ty {
        Type::Reference(reference) => match &*reference.elem {
            Type::Slice(_) => Impossible::Slice,
            inner if is_word(inner, "str") => Impossible::Str,
            _ if reference.mutability.is_some() => Impossible::MutableReference,
            inner if is_value(inner) => Impossible::ReferenceToValue,
            _ => return None,
        },
        Type::Slice(_) => Impossible::Slice,
        Type::Array(_) => Impossible::Array,
        Type::Tuple(tuple) if !tuple.elems.is_empty() => Impossible::Tuple,
        Type::Paren(inner) => return value(&inner.elem),
        Type::Group(inner) => return value(&inner.elem),
        Type::Path(_) => return named(ty),
        _ => return None,
    })
}

fn named(ty: &Type) -> Option<Impossible> {
    let segment = last(ty)?;
    if segment.ident == "Option" {
        let inner = only_argument(segment)?;
        return match is_value(inner) {
            true => Some(Impossible::OptionOfValue),
            false => value(inner),
        };
    }
    word(ty).and_then(|word| match word.as_str() {
        "f32" | "f64" => Some(Impossible::Float),
        "char" => Some(Impossible::Char),
        "i128" | "u128" => Some(Impossible::Wide),
        _ => None,
    })
}

/// The primitive type's name.
fn word(ty: &Type) -> Option<String> {
    match ty {
        Type::Path(path) if path.qself.is_none() => Some(path.path.get_ident()?.to_string()),
        Type::Paren(inner) => word(&inner.elem),
        Type::Group(inner) => word(&inner.elem),
        _ => None,
    }
}

fn is_word(ty: &Type, name: &str) -> bool {
    word(ty).is_some_and(|word| word == name)
}

/// Whether it is a primitive value: a number, `bool` or `char`.
fn is_value(ty: &Type) -> bool {
    const VALUES: [&str; 16] = [
        "bool", "char", "f32", "f64", "i8", "i16", "i32", "i64", "i128", "isize", "u8", "u16",
        "u32", "u64", "u128", "usize",
    ];
    word(ty).is_some_and(|word| VALUES.contains(&word.as_str()))
}

fn last(ty: &Type) -> Option<&PathSegment> {
    match ty {
        Type::Path(path) if path.qself.is_none() => path.path.segments.last(),
        Type::Paren(inner) => last(&inner.elem),
        Type::Group(inner) => last(&inner.elem),
        _ => None,
    }
}

/// The type in `Name<Type>`.
fn only_argument(segment: &PathSegment) -> Option<&Type> {
    let PathArguments::AngleBracketed(arguments) = &segment.arguments else {
        return None;
    };
    match arguments.args.first()? {
        GenericArgument::Type(ty) => Some(ty),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use quote::quote;

    #[test]
    fn impossible_types_are_recognised() {
        use Impossible::{
            Array, Char, Float, Movable, MutableReference, OptionOfValue, ReferenceToValue,
            ResultArgument, Slice, Str, Tuple, Wide,
        };
        for (ty, expected) in [
            (quote!(&mut i64), Some(MutableReference)),
            (quote!(&mut Sock), Some(MutableReference)),
            (quote!(Option<&mut Sock>), Some(MutableReference)),
            (quote!(&i64), Some(ReferenceToValue)),
            (quote!(&str), Some(Str)),
            (quote!(&mut str), Some(Str)),
            (quote!((&[u8])), Some(Slice)),
            (quote!([u8; 4]), Some(Array)),
            (quote!((u8, u8)), Some(Tuple)),
            (quote!(f64), Some(Float)),
            (quote!(char), Some(Char)),
            (quote!(u128), Some(Wide)),
            (quote!(Result<&Dentry>), Some(ResultArgument)),
            (quote!(kernel::error::Result), Some(ResultArgument)),
            (quote!(Option<u32>), Some(OptionOfValue)),
            (quote!(KBox<Session>), Some(Movable)),
            (quote!(Option<KBox<Session>>), Some(Movable)),
            (quote!(Option<Pin<KBox<Session>>>), None),
            (quote!(()), None),
            (quote!(u32), None),
            (quote!(&SeqFile), None),
            (quote!(&CStr), None),
            (quote!(Option<&SeqFile>), None),
            (quote!(Option<NonNull<u8>>), None),
            (quote!(*mut [u8; 4]), None),
            (quote!(own::f64), None),
            (quote!(Foo), None),
        ] {
            let parsed: Type = syn::parse2(ty.clone()).expect("a type");
            assert_eq!(argument(&parsed), expected, "{ty}");
        }
        for (ty, expected) in [
            (quote!(Result), None),
            (quote!(Result<i32>), None),
            (quote!(Result<f32>), Some(Float)),
            (quote!(Result<(u8, u8)>), Some(Tuple)),
            (quote!(KBox<Session>), None),
            (quote!(&str), None),
            (quote!(f32), Some(Float)),
        ] {
            let parsed: Type = syn::parse2(ty.clone()).expect("a type");
            assert_eq!(result(&parsed), expected, "{ty}");
        }
    }
}
