// SPDX-License-Identifier: GPL-2.0-only

//! Tests of functions without type information: their signatures need `unsafe`.

use crate::btf::Btf;
use crate::files::{vmlinux, Folder, TEXT};
use crate::types::with_sources;
use proc_macro2::TokenStream;
use quote::quote;

/// Expands a replacement of `show`, which has a symbol and no type. `key` is added to the attribute.
fn expand(key: &'static str) -> String {
    let folder = Folder::new(&vmlinux(&Btf::new(), &[("show", TEXT + 0x100, true)]));
    let sources = folder.sources.clone();
    // A kernel is opened once for each thread.
    let thread = std::thread::spawn(move || with_sources(sources, || patch(key)));
    thread.join().expect("no panic")
}

fn patch(key: &str) -> String {
    let key: TokenStream = key.parse().expect("tokens");
    let keys = quote!(
        object = "vmlinux", replaces = "show", description = "A fix", license = "GPL" #key
    );
    let item = quote!(
        fn show(_first: &Task) {}
    );
    crate::expansion(keys, item, Some("fix".to_owned())).to_string()
}

#[test]
fn an_unchecked_signature_needs_unsafe() {
    let text = expand("");
    for part in [
        "compile_error",
        "the signature of `show` cannot be checked: the type information has no function `show`",
        "write `unsafe` in this `#[livepatch(..)]`",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
}

#[test]
fn unsafe_is_visible_to_the_lint() {
    let text = expand(", unsafe");
    assert!(!text.contains("compile_error"), "{text}");
    assert!(
        text.contains("unsafe { :: klp :: signature :: vouched () ; }"),
        "{text}"
    );
}
