// SPDX-License-Identifier: GPL-2.0-only

//! UI tests of `#[livepatch]`: patches that compile, and the errors of patches that do not.
//!
//! After changing a message, run `TRYBUILD=overwrite cargo test -p klp --test ui` and review the
//! difference.

use std::io::Write;
use std::path::Path;
use std::process::Command;
use std::{env, fs};

/// The toolchain whose messages are compared. Those of others differ.
const PINNED: &str = "1.95.0";

#[test]
fn valid_patches_compile() {
    let tests = trybuild::TestCases::new();
    tests.pass("tests/ui/pass/*.rs");
}

/// Compiles the examples of the guide and the README.
#[test]
fn documented_examples_compile() {
    let top = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let output = Path::new(env!("CARGO_TARGET_TMPDIR")).join("documents");
    let _ = fs::remove_dir_all(&output);
    fs::create_dir_all(&output).unwrap_or_else(|error| panic!("{}: {error}", output.display()));
    let tests = trybuild::TestCases::new();
    for document in ["docs/authors.md", "README.md"] {
        let path = top.join(document);
        let text =
            fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let patches = patches(&text);
        assert!(!patches.is_empty(), "{document} shows no patch");
        for (index, patch) in patches.iter().enumerate() {
            let name = document.replace(['/', '.'], "_").to_lowercase();
            let source = output.join(format!("{name}_{index}.rs"));
            fs::write(&source, patch)
                .unwrap_or_else(|error| panic!("{}: {error}", source.display()));
            tests.pass(source);
        }
    }
}

/// Compares the error messages that the guide quotes with those of the compiler.
#[test]
fn quoted_errors_are_real() {
    let top = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let guide = top.join("docs/authors.md");
    let guide =
        fs::read_to_string(&guide).unwrap_or_else(|error| panic!("{}: {error}", guide.display()));
    let expected = ["klp/tests/ui/fail", "tests/types/fail"];
    let expected = expected.map(|folder| messages(&top.join(folder)));
    let (_, table) = guide
        .split_once("\n## Compiler errors\n")
        .unwrap_or_default();
    let (table, _) = table.split_once("\n## ").unwrap_or_default();
    let rows = table.lines().filter(|line| line.starts_with("| ``"));
    let quotes: Vec<_> = rows.filter_map(|row| row.split("``").nth(1)).collect();
    assert!(quotes.len() > 10, "{quotes:?}");
    for quote in quotes {
        for part in quote.trim().split(" ...").filter(|part| !part.is_empty()) {
            assert!(
                expected.iter().any(|messages| messages.contains(part)),
                "no expected error message contains `{part}`"
            );
        }
    }
}

/// Returns the expected error messages of all patches of a folder.
fn messages(folder: &Path) -> String {
    let entries =
        fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let paths = entries.flatten().map(|entry| entry.path());
    let files = paths.filter(|path| path.extension().is_some_and(|end| end == "stderr"));
    files.flat_map(fs::read_to_string).collect()
}

/// Returns the blocks of Rust in a document, each as the text of a source file.
fn patches(document: &str) -> Vec<String> {
    const PRELUDE: &str = "use klp::prelude::*;\n";
    let blocks = document.split("```rust\n").skip(1);
    let blocks = blocks.filter_map(|rest| rest.split_once("\n```"));
    blocks
        .map(|(block, _)| {
            let (comments, code): (Vec<_>, Vec<_>) =
                block.lines().partition(|line| line.starts_with("//!"));
            let (comments, code) = (comments.join("\n"), code.join("\n"));
            let prelude = if code.lines().any(|line| line == PRELUDE.trim_end()) {
                ""
            } else {
                PRELUDE
            };
            format!("{comments}\n#![allow(unused)]\n{prelude}{code}\nfn main() {{}}\n")
        })
        .collect()
}

#[test]
fn invalid_patches_are_refused() {
    let rustc = rustc_version();
    if rustc != PINNED {
        // Written directly to stderr, because the test harness captures `eprintln!`.
        let _ = writeln!(
            std::io::stderr(),
            "SKIPPED: the expected messages are those of rustc {PINNED}, not {rustc}; \
             run `cargo +{PINNED} test -p klp --test ui`"
        );
        return;
    }
    let tests = trybuild::TestCases::new();
    tests.compile_fail("tests/ui/fail/*.rs");
}

/// Returns the version of the compiler that the tests use, such as `1.95.0`.
fn rustc_version() -> String {
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let output = Command::new(&rustc)
        .arg("--version")
        .output()
        .unwrap_or_else(|error| panic!("cannot run {}: {error}", rustc.to_string_lossy()));
    let text = String::from_utf8_lossy(&output.stdout);
    text.split_whitespace()
        .nth(1)
        .unwrap_or_default()
        .to_owned()
}
