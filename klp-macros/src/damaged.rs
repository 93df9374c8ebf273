// SPDX-License-Identifier: GPL-2.0-only

//! Tests of malformed kernel files: the attributes report what is wrong with them, and never panic.

use crate::btf::Btf;
use crate::files::{vmlinux, Folder, TEXT};
use crate::types::with_sources;
use klp_elf::Sources;
use proc_macro2::TokenStream;
use quote::quote;
use std::path::PathBuf;

/// An invalid name, with a terminal escape and a workflow command.
const NAME: &str = "a\u{1b}[2J\n::error::evil";

/// The expansions of all attributes with these files, as text.
fn expand(sources: &Sources) -> String {
    let sources = sources.clone();
    // A kernel is opened once for each thread.
    let thread = std::thread::spawn(move || with_sources(sources, all));
    thread.join().expect("no panic")
}

fn all() -> String {
    let patch = crate::expansion(
        quote!(
            object = "vmlinux",
            replaces = "show",
            description = "A fix",
            license = "GPL"
        ),
        quote!(
            fn show(_first: u64, _second: *mut Wrong) -> bool {
                true
            }
        ),
        None,
    );
    let missing = crate::expansion(
        quote!(
            object = "vmlinux",
            replaces = "shwo",
            description = "A fix",
            license = "GPL"
        ),
        quote!(
            fn shwo() {}
        ),
        None,
    );
    let view = crate::types::kernel_struct(
        quote!("s"),
        quote!(
            struct View {
                a: u32,
                nothing: u32,
            }
        ),
    );
    let symbols = crate::symbols::symbols(
        quote!(),
        quote!(
            unsafe extern "C" {
                fn show(first: u64);
                static counter: u32;
            }
        ),
    );
    let parts = [patch, missing, view, symbols];
    for part in &parts {
        assert!(syn::parse2::<syn::File>(part.clone()).is_ok(), "{part}");
    }
    parts.iter().map(TokenStream::to_string).collect()
}

fn types(name: &str) -> Btf {
    let mut btf = Btf::new();
    let int = btf.signed("int", 4);
    let odd = btf.signed(name, 4);
    let inner = btf.structure(name, 4, &[(name, int, 0, 0)]);
    let s = btf.structure(
        "s",
        12,
        &[("a", int, 0, 0), (name, odd, 32, 0), ("b", inner, 64, 0)],
    );
    let pointer = btf.pointer(s);
    let inner = btf.pointer(inner);
    btf.function("show", odd, &[(name, pointer), ("second", inner)]);
    btf
}

fn kernel(btf: &Btf) -> Vec<u8> {
    let functions = [
        ("show", TEXT + 0x100, true),
        ("shwo.\u{1b}[2J\n::error::evil", TEXT + 0x200, true),
        ("count", 0xffff_ffff_8300_0100, false),
    ];
    vmlinux(btf, &functions)
}

#[test]
fn truncated_or_changed_files_cause_no_panic() {
    let bare = types("b").finish();
    let whole = kernel(&types("b"));
    for length in (0..bare.len()).step_by(7) {
        expand(&Folder::new(&bare[..length]).sources);
    }
    for length in (0..whole.len()).step_by(whole.len() / 60) {
        expand(&Folder::new(&whole[..length]).sources);
    }
    for at in (0..bare.len()).step_by(3) {
        for byte in [0, 0x7f, 0xff] {
            let mut data = bare.clone();
            data[at] = byte;
            expand(&Folder::new(&data).sources);
        }
    }
}

#[test]
fn malformed_files_are_reported() {
    let whole = kernel(&types("b"));
    let error = |change: &dyn Fn(&mut Folder) -> &'static str| {
        let mut folder = Folder::new(&whole);
        let words = change(&mut folder);
        let text = expand(&folder.sources);
        assert!(
            text.contains("compile_error") && text.contains(words),
            "{words}: {text}"
        );
    };
    error(&|folder| {
        folder.add("vmlinux", b"no kernel");
        "is not a readable ELF file"
    });
    error(&|folder| {
        folder.add("vmlinux", &whole[..whole.len() / 2]);
        "it is truncated"
    });
    error(&|folder| {
        folder.add("vmlinux", &types("b").finish()[..30]);
        "cannot be read: it is truncated"
    });
    error(&|folder| {
        folder.sources.vmlinux = folder.path();
        "it is a folder; give a regular file"
    });
    error(&|folder| {
        folder.sources.kallsyms = Some(PathBuf::from("/dev/zero"));
        "it is a device; give a regular file"
    });
    error(&|folder| {
        folder.sources.kallsyms = Some(folder.add("kallsyms", b"1 t show\n\xff\xfe\n"));
        "line 2 is not"
    });
    error(&|folder| {
        folder.sources.symvers = Some(folder.add("Module.symvers", b"\x00\x01\n"));
        "line 1 is not"
    });
    error(&|folder| {
        folder.sources.traceable = Some(folder.path().join("missing"));
        "cannot read"
    });
}

#[test]
fn names_are_left_out_or_escaped() {
    let mut folder = Folder::new(&kernel(&types(NAME)));
    let lines = format!("show\nshow [{NAME}]\n\u{1b}[2J\n");
    folder.sources.traceable = Some(folder.add("traceable", lines.as_bytes()));
    let text = expand(&folder.sources);
    assert!(
        text.contains("only `shwo.\\\\u{1b}[2J\\\\n::error::evil`"),
        "{text}"
    );
    // In the text, line ends of messages are `\n`; those of a name would be `\\n`.
    assert!(!text.contains("\\u{1b}[2J\\n::error"), "{text}");
    assert!(
        !text.contains(|c: char| c.is_control() && c != '\n'),
        "{text}"
    );
    assert!(!text.contains("\n::error"), "{text}");
}
