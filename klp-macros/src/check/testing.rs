// SPDX-License-Identifier: GPL-2.0-only

//! Helpers of tests that check single items of a mod.

use crate::errors::Errors;
use proc_macro2::TokenStream;
use quote::quote;

fn mistakes(items: TokenStream) -> Vec<String> {
    let mut errors = Errors::default();
    let keys = quote!(description = "A fix", license = "GPL");
    crate::code(
        keys,
        quote!(mod fix { #items }),
        Some("fix".into()),
        &mut errors,
    );
    errors.texts()
}

/// Checks that the mod with `items` has one mistake, reported with `expected`.
pub(super) fn one(items: TokenStream, expected: &str) {
    let text = items.to_string();
    let mistakes = mistakes(items);
    assert_eq!(mistakes.len(), 1, "{text}: {mistakes:?}");
    assert!(mistakes[0].contains(expected), "{text}: {}", mistakes[0]);
}

/// Checks that the mod with `items` has no mistake.
pub(super) fn right(items: TokenStream) {
    let text = items.to_string();
    let mistakes = mistakes(items);
    assert!(mistakes.is_empty(), "{text}: {mistakes:?}");
}

/// A replacement in `object`.
pub(super) fn replacement(object: &str) -> TokenStream {
    quote!(
        #[livepatch(object = #object, replaces = "f")]
        fn f() {}
    )
}
