// SPDX-License-Identifier: GPL-2.0-only

//! What an author sees from `#[livepatch]`: patches that compile, and the errors of those that do
//! not.
//!
//! After a change of a text: `TRYBUILD=overwrite cargo test -p klp --test ui`, then read the
//! difference.

use std::io::Write;
use std::process::Command;

/// The one toolchain whose messages the files hold. Others word some of theirs differently.
const PINNED: &str = "1.95.0";

#[test]
fn what_is_right_compiles() {
    let tests = trybuild::TestCases::new();
    tests.pass("tests/ui/pass/*.rs");
}

#[test]
fn what_is_wrong_is_told() {
    let rustc = rustc_version();
    if rustc != PINNED {
        // Written past the test harness, which would swallow it.
        let _ = writeln!(
            std::io::stderr(),
            "SKIPPED: the messages to compare with are those of rustc {PINNED}, this is {rustc}; \
             run `cargo +{PINNED} test -p klp --test ui`"
        );
        return;
    }
    let tests = trybuild::TestCases::new();
    tests.compile_fail("tests/ui/fail/*.rs");
}

/// The version of the compiler that the tests would use, such as `1.95.0`.
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
