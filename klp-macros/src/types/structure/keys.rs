// SPDX-License-Identifier: GPL-2.0-only

//! Parses the arguments of `#[kernel_struct(...)]`: a name, and keys like those of the other attributes.

use crate::errors::{structure as errors, Errors};
use crate::keys::{self, Place};
use crate::{names, parse};
use proc_macro2::{Ident, Span, TokenStream, TokenTree};
use quote::ToTokens;
use syn::{Lit, LitStr};

/// The arguments of the attribute.
pub(super) struct Keys {
    /// The structure's tag, or the name of its `typedef`.
    pub(super) name: LitStr,
    /// The object with its type information.
    pub(super) object: Option<LitStr>,
    /// A function that takes or returns it, if there are several of that name.
    pub(super) of: Option<LitStr>,
}

/// Parses the arguments. `None` without a name, which is reported.
pub(super) fn keys(inside: TokenStream, errors: &mut Errors) -> Option<Keys> {
    let attribute = Ident::new("kernel_struct", Span::call_site()).into_token_stream();
    let mut tokens = inside.into_iter();
    let first = tokens.next();
    let name = match first.as_ref().and_then(parse::literal) {
        Some(Lit::Str(name)) => name,
        _ => {
            match first {
                Some(token) => errors.add(&token, errors::NAME_EXPECTED),
                None => errors.add(&attribute, errors::NAME_EXPECTED),
            }
            return None;
        }
    };
    check_name(&name, errors);
    let mut rest = parse::keys(attribute, after_comma(tokens, errors), errors);
    rest.keys.retain(|key| {
        let partial = key.name == "partial";
        if partial {
            errors.add(&key.name, errors::PARTIAL);
        }
        !partial
    });
    let values = keys::values(&rest, Place::Structure, errors);
    if let Some(object) = &values.object {
        errors.check(object, names::module("object", &object.value()));
    }
    Some(Keys {
        name,
        object: values.object,
        of: values.of,
    })
}

/// The tokens after the comma that follows the name.
fn after_comma(mut tokens: impl Iterator<Item = TokenTree>, errors: &mut Errors) -> TokenStream {
    match tokens.next() {
        None => TokenStream::new(),
        Some(TokenTree::Punct(comma)) if comma.as_char() == ',' => tokens.collect(),
        Some(token) => {
            errors.add(&token, errors::COMMA_EXPECTED);
            [token].into_iter().chain(tokens).collect()
        }
    }
}

fn check_name(literal: &LitStr, errors: &mut Errors) {
    let value = literal.value();
    if let Some((_, tag)) = value.split_once(' ') {
        errors.add(literal, errors::only_the_tag(tag.trim()));
    } else if !is_name(&value) {
        errors.add(literal, errors::NAME_EXPECTED);
    }
}

/// Whether the text is an identifier in C.
pub(super) fn is_name(text: &str) -> bool {
    let allowed = |character: char| character == '_' || character.is_ascii_alphanumeric();
    !text.is_empty() && text.chars().all(allowed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use quote::quote;

    fn read(tokens: TokenStream) -> (Option<Keys>, Vec<String>) {
        let mut errors = Errors::default();
        let keys = keys(tokens, &mut errors);
        (keys, errors.texts())
    }

    #[test]
    fn a_name_and_keys() {
        let (keys, errors) = read(quote!("seq_file", object = "ext4", of = "show",));
        let keys = keys.expect("a name");
        assert!(errors.is_empty(), "{errors:?}");
        assert_eq!(keys.name.value(), "seq_file");
        assert_eq!(keys.object.map(|it| it.value()).as_deref(), Some("ext4"));
        assert_eq!(keys.of.map(|it| it.value()).as_deref(), Some("show"));
        assert!(read(quote!("seq_file")).1.is_empty());
    }

    #[test]
    fn each_mistake_is_reported_once() {
        for (tokens, expected) in [
            (quote!(), &["expected the structure's name"][..]),
            (quote!(seq_file), &["expected the structure's name"]),
            (quote!("struct seq_file"), &["write \"seq_file\""]),
            (quote!("s", partial), &["remove `partial`"]),
            (quote!("s" object = "a"), &["a comma after the name"]),
            (
                quote!("s", objcet = "a", of = 1),
                &[
                    "write `object`; the keys here are `object`, `of`",
                    "`of` takes a string",
                ],
            ),
            (
                quote!("s", object = "a-b", replaces = "f"),
                &["`replaces`", "underscores"],
            ),
            (quote!("s", of = "a", of = "b"), &["specified twice"]),
        ] {
            let text = tokens.to_string();
            let (_, errors) = read(tokens);
            assert_eq!(errors.len(), expected.len(), "{text}: {errors:?}");
            for (error, part) in errors.iter().zip(expected) {
                assert!(error.contains(part), "{text}: {error}");
            }
        }
    }
}
