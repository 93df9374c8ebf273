// SPDX-License-Identifier: GPL-2.0-only

//! Functions of which the type information says nothing: their signature needs the author's word.

use crate::btf::Btf;
use crate::files::{vmlinux, Folder, TEXT};
use crate::types::with_sources;
use proc_macro2::TokenStream;
use quote::quote;

/// What the attribute makes of a replacement of `show`, which has a symbol and no type.
fn expand(word: &'static str) -> String {
    let folder = Folder::new(&vmlinux(&Btf::new(), &[("show", TEXT + 0x100, true)]));
    let sources = folder.sources.clone();
    // A kernel is opened once for each thread.
    let thread = std::thread::spawn(move || with_sources(sources, || patch(word)));
    thread.join().expect("no panic")
}

fn patch(word: &str) -> String {
    let word: TokenStream = word.parse().expect("tokens");
    let keys = quote!(
        object = "vmlinux", replaces = "show", description = "A fix", license = "GPL" #word
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
fn with_the_word_the_lint_finds_it() {
    let text = expand(", unsafe");
    assert!(!text.contains("compile_error"), "{text}");
    assert!(
        text.contains("unsafe { :: klp :: signature :: vouched () ; }"),
        "{text}"
    );
}
