// SPDX-License-Identifier: GPL-2.0-only

//! Finds `original` in the body of a replacement.
//!
//! The body is unparsed, so adjacent tokens decide whether an `original` refers to a function. A body
//! that binds the name shadows it.

use super::tokens::{is_punct, is_word};
use super::Function;
use proc_macro2::{Ident, TokenStream, TokenTree};
use quote::ToTokens;

/// The name of the original in a replacement.
pub(crate) const ORIGINAL: &str = "original";

/// The first `original` in the function's body that refers to the kernel's function.
pub(crate) fn original(function: &Function) -> Option<Ident> {
    let mut words = Words::default();
    words.read(function.body.to_token_stream());
    let arguments = function.signature.inputs.to_token_stream();
    let bound = words.bound || contains_word(arguments);
    words.first.filter(|_| !bound)
}

/// The name of an item `fn original`.
pub(crate) fn item(item: &TokenStream) -> Option<Ident> {
    let mut tokens = item.clone().into_iter();
    tokens.find(|token| is_word(token, "fn"))?;
    match tokens.next() {
        Some(TokenTree::Ident(name)) if name == ORIGINAL => Some(name),
        _ => None,
    }
}

/// Whether the tokens contain the word, however deep.
fn contains_word(tokens: TokenStream) -> bool {
    tokens.into_iter().any(|token| match token {
        TokenTree::Group(group) => contains_word(group.stream()),
        token => is_word(&token, ORIGINAL),
    })
}

#[derive(Default)]
struct Words {
    /// The first `original` that refers to a function.
    first: Option<Ident>,
    /// Whether the body binds the name.
    bound: bool,
}

impl Words {
    fn read(&mut self, tokens: TokenStream) {
        let tokens: Vec<_> = tokens.into_iter().collect();
        for (index, token) in tokens.iter().enumerate() {
            match token {
                TokenTree::Group(group) => self.read(group.stream()),
                TokenTree::Ident(word) if word == ORIGINAL => {
                    self.word(word, &tokens[..index], &tokens[index + 1..]);
                }
                _ => {}
            }
        }
    }

    fn word(&mut self, word: &Ident, before: &[TokenTree], after: &[TokenTree]) {
        if is_bound(before, after) {
            self.bound = true;
        } else if !is_member(before) && !is_prefix(after) && self.first.is_none() {
            self.first = Some(word.clone());
        }
    }
}

/// Whether the tokens around the word make it a binding.
fn is_bound(before: &[TokenTree], after: &[TokenTree]) -> bool {
    const BINDING: [&str; 6] = ["let", "mut", "ref", "fn", "static", "const"];
    let (last, next) = (before.last(), after.first());
    let next_is = |characters: &[char]| {
        next.is_some_and(|token| characters.iter().any(|it| is_punct(token, *it)))
    };
    let is_argument = last.is_some_and(|token| is_punct(token, '|')) && next_is(&['|', ',', ':']);
    is_argument
        || next_is(&['@'])
        || last.is_some_and(|token| BINDING.iter().any(|word| is_word(token, word)))
}

/// Whether the preceding tokens make it a field, a method, or part of a path.
fn is_member(before: &[TokenTree]) -> bool {
    match before {
        [.., first, last] if is_punct(last, '.') => !is_punct(first, '.'),
        [.., first, last] => is_punct(first, ':') && is_punct(last, ':'),
        [last] => is_punct(last, '.'),
        [] => false,
    }
}

/// Whether the following tokens make it a macro, a field, a label, or the start of a path.
fn is_prefix(after: &[TokenTree]) -> bool {
    match after {
        [first, TokenTree::Group(_), ..] if is_punct(first, '!') => true,
        [first, ..] => is_punct(first, ':'),
        [] => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parse::{target, Target};
    use quote::quote;

    fn calls(function: TokenStream) -> bool {
        let mut errors = crate::errors::Errors::default();
        match target(function, &mut errors) {
            Ok(Target::Function(function)) => original(&function).is_some(),
            _ => panic!("no function"),
        }
    }

    fn in_body(body: TokenStream) -> bool {
        calls(quote!(fn f(a: u32) { #body }))
    }

    #[test]
    fn calls_and_values_are_found_however_deep() {
        for body in [
            quote!(original(a)),
            quote!(let b = original(a); b),
            quote!(if a == 0 { return 0 } Ok(original(a)? + 1)),
            quote!(pr_info!("{}", original(a))),
            quote!(Some(a).map_or(0, original)),
            quote!(let original_call = &original;),
            quote!(0..original(a)),
            quote!(-original(a)),
            quote!(1 | original(a) | 2),
            quote!(original != b),
            quote!(|| original(a)),
        ] {
            assert!(in_body(body.clone()), "{body}");
        }
    }

    #[test]
    fn other_uses_of_the_word_are_ignored() {
        for body in [
            quote!(0),
            quote!(original_size(a)),
            quote!(a.original),
            quote!(a.original(1)),
            quote!(b::original(a)),
            quote!(original::f(a)),
            quote!(original!(a)),
            quote!(S { original: 1 }),
            quote!("original"),
        ] {
            assert!(!in_body(body.clone()), "{body}");
        }
    }

    #[test]
    fn a_binding_shadows_the_original() {
        for body in [
            quote!(let original = a; original + 1),
            quote!(let mut original = a; original += 1;),
            quote!(fn original(a: u32) {}, original(a)),
            quote!(b.map(|original| original + 1)),
            quote!(match b {
                original @ 1 => original,
                _ => 0,
            }),
            quote!(if let Some(ref original) = b {
                original
            }),
        ] {
            assert!(!in_body(body.clone()), "{body}");
        }
        assert!(!calls(quote!(
            fn f(original: u32) {
                original
            }
        )));
        assert!(!calls(quote!(
            fn f((a, original): (u32, u32)) {
                original
            }
        )));
    }
}
