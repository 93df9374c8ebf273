// SPDX-License-Identifier: GPL-2.0-only

//! Collects the names of the functions that a body calls.

use super::Function;
use proc_macro2::{Delimiter, TokenStream, TokenTree};
use quote::ToTokens;
use std::collections::BTreeSet;

/// The names before parentheses, without methods and macros; of a path, the last segment.
pub(crate) fn calls(function: &Function) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    read(function.body.to_token_stream(), &mut names);
    names
}

fn read(tokens: TokenStream, names: &mut BTreeSet<String>) {
    let tokens: Vec<_> = tokens.into_iter().collect();
    for (index, token) in tokens.iter().enumerate() {
        let TokenTree::Group(group) = token else {
            continue;
        };
        if group.delimiter() == Delimiter::Parenthesis {
            names.extend(called(&tokens[..index]));
        }
        read(group.stream(), names);
    }
}

/// The function name at the end of the tokens before the parentheses.
fn called(before: &[TokenTree]) -> Option<String> {
    match before {
        [.., TokenTree::Punct(dot), TokenTree::Ident(_)] if dot.as_char() == '.' => None,
        [.., TokenTree::Ident(name)] => Some(name.to_string()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use quote::quote;

    #[test]
    fn functions_methods_and_macros_are_distinguished() {
        let mut names = BTreeSet::new();
        let body = quote!({
            f(1);
            self::g(a.h(k()));
            l![m()];
            n!(o, p());
            q
        });
        read(body, &mut names);
        assert_eq!(Vec::from_iter(names), ["f", "g", "k", "m", "p"]);
    }
}
