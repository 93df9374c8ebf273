// SPDX-License-Identifier: GPL-2.0-only

//! Tests of unknown modules, which are an error without `unsafe`, and of declared functions without type
//! information, which are a warning without it.

use crate::btf::{Btf, VOID};
use crate::files::{vmlinux, Folder, TEXT};
use crate::types::with_sources;
use klp_elf::Sources;
use proc_macro2::TokenStream;
use quote::quote;

const ERROR: &str = "nothing is known about the module `vsock`";

fn folder() -> Folder {
    let mut btf = Btf::new();
    btf.function("show", VOID, &[]);
    Folder::new(&vmlinux(&btf, &[("show", TEXT, true)]))
}

/// Expands an attribute on a new thread, because each thread opens one kernel.
fn expanded(sources: &Sources, expand: impl FnOnce() -> TokenStream + Send + 'static) -> String {
    let sources = sources.clone();
    let thread = std::thread::spawn(move || with_sources(sources, || expand().to_string()));
    thread.join().expect("no panic")
}

fn patch(key: TokenStream) -> TokenStream {
    crate::expansion(
        quote!(description = "A fix", license = "GPL"),
        quote!(
            mod fixes {
                #[livepatch(object = "vsock", replaces = "first" #key)]
                fn first() {}
                #[livepatch(object = "vsock", replaces = "second" #key)]
                fn second() {}
            }
        ),
        Some("fix".to_owned()),
    )
}

fn symbols(key: TokenStream) -> TokenStream {
    crate::symbols::symbols(
        quote!(object = "vsock" #key),
        quote!(
            extern "C" {
                fn first();
                static second: u32;
            }
        ),
    )
}

#[test]
fn an_unknown_module_is_one_error() {
    let folder = folder();
    for expand in [patch, symbols] {
        let text = expanded(&folder.sources, move || expand(quote!()));
        assert_eq!(text.matches(ERROR).count(), 1, "{text}");
        assert!(text.contains("KLP_MODULES") && text.contains("`unsafe` in this attribute"));
        let text = expanded(&folder.sources, move || expand(quote!(, unsafe)));
        assert!(!text.contains("compile_error"), "{text}");
    }
}

#[test]
fn known_parts_of_an_unknown_module_are_checked() {
    let mut folder = folder();
    folder.sources.kallsyms = Some(folder.add("kallsyms", b"1 t first\t[vsock]\n"));
    let text = expanded(&folder.sources, || patch(quote!(, unsafe)));
    assert!(text.contains("has no function `second`"), "{text}");
}

#[test]
fn a_missing_folder_of_modules_is_an_error() {
    let mut folder = folder();
    folder.sources.modules = vec![folder.path().join("none")];
    let text = expanded(&folder.sources, || patch(quote!(, unsafe)));
    assert_eq!(text.matches("correct KLP_MODULES").count(), 1, "{text}");
}

#[test]
fn a_declared_function_without_types_is_a_warning() {
    let mut folder = folder();
    let lines = b"1 t first\t[vsock]\n2 d second\t[vsock]\n";
    folder.sources.kallsyms = Some(folder.add("kallsyms", lines));
    let text = expanded(&folder.sources, || symbols(quote!()));
    assert!(!text.contains("compile_error"), "{text}");
    assert_eq!(
        text.matches("[deprecated = \"the types of").count(),
        1,
        "{text}"
    );
    let text = expanded(&folder.sources, || symbols(quote!(, unsafe)));
    assert!(!text.contains("deprecated"), "{text}");
}

#[test]
fn a_patch_must_not_have_its_objects_name() {
    let text = expanded(&folder().sources, || {
        crate::expansion(
            quote!(
                object = "vsock",
                replaces = "f",
                unsafe,
                description = "A fix",
                license = "GPL"
            ),
            quote!(
                fn f() {}
            ),
            Some("vsock".to_owned()),
        )
    });
    assert_eq!(text.matches("`fix-vsock`").count(), 1, "{text}");
}
