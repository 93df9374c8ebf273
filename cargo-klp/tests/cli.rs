// SPDX-License-Identifier: GPL-2.0-only

//! What users of the command are told about their mistakes. No kernel is needed for that.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

fn run(dir: &Path, words: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_cargo-klp"))
        .arg("klp")
        .args(words)
        .current_dir(dir)
        .env("KLP_CACHE", dir.join("cache"))
        .output()
        .expect("the command runs")
}

/// Runs the command in a folder; gives whether it went well, and what it printed.
fn klp(dir: &Path, words: &[&str]) -> (bool, String, String) {
    let output = run(dir, words);
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("text");
    (
        output.status.success(),
        text(output.stdout),
        text(output.stderr),
    )
}

fn refused(dir: &Path, words: &[&str]) -> String {
    let (ok, _, error) = klp(dir, words);
    assert!(!ok, "{words:?} should fail");
    error
}

#[test]
fn a_new_patch_tells_what_to_do_next() {
    let dir = tempfile::tempdir().unwrap();
    let (ok, text, error) = klp(dir.path(), &["new", "fix-foo"]);
    assert!(ok, "{error}");
    assert!(text.contains("cargo klp build --vm"), "{text}");
    let source = fs::read_to_string(dir.path().join("fix-foo/fix-foo.rs")).unwrap();
    assert!(source.contains("#[livepatch("), "{source}");
    let kbuild = fs::read_to_string(dir.path().join("fix-foo/Kbuild")).unwrap();
    assert!(kbuild.contains("obj-m := fix-foo.o"), "{kbuild}");

    let error = refused(dir.path(), &["new", "fix-foo"]);
    assert!(
        error.contains("error: ") && error.contains("not empty"),
        "{error}"
    );
}

#[test]
fn a_new_patch_can_stand_elsewhere() {
    let dir = tempfile::tempdir().unwrap();
    let (ok, _, error) = klp(dir.path(), &["new", "fix-foo", "--path", "a/b"]);
    assert!(ok, "{error}");
    assert!(dir.path().join("a/b/fix-foo.rs").is_file());
    let error = refused(dir.path(), &["new", "fix-foo", "--path", "my patches/foo"]);
    assert!(error.contains("without spaces"), "{error}");
    assert!(!dir.path().join("my patches").exists());
}

#[test]
fn names_that_are_no_modules_leave_nothing() {
    let dir = tempfile::tempdir().unwrap();
    for name in ["Fix", "kernel", "a/b"] {
        let error = refused(dir.path(), &["new", name]);
        assert!(error.contains(&format!("`{name}`")), "{error}");
    }
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
}

#[test]
fn a_build_says_what_is_missing() {
    let dir = tempfile::tempdir().unwrap();
    let error = refused(dir.path(), &["build"]);
    assert!(
        error.contains("no patch folder") && error.contains("cargo klp new"),
        "{error}"
    );
    let error = refused(dir.path(), &["build", "none"]);
    assert!(error.contains("there is no patch folder none"), "{error}");
    klp(dir.path(), &["new", "fix-foo"]);
    let error = refused(dir.path(), &["build", "fix-foo", "--kernel", "none"]);
    assert!(
        error.contains("there is no kernel build folder none"),
        "{error}"
    );
    let error = refused(dir.path(), &["build", "fix-foo", "--kernel", "."]);
    assert!(
        error.contains("no folder in which a kernel was built"),
        "{error}"
    );
    assert!(!dir.path().join("fix-foo/target").exists());
}

#[test]
fn a_command_needs_the_machine_it_runs_in() {
    let dir = tempfile::tempdir().unwrap();
    let error = refused(dir.path(), &["build", "--command", "true"]);
    assert!(error.contains("--vm"), "{error}");
}

#[test]
fn a_stub_says_what_is_wrong() {
    let dir = tempfile::tempdir().unwrap();
    let error = refused(dir.path(), &["stub"]);
    assert!(
        error.contains("FUNCTION") && error.contains("--struct"),
        "{error}"
    );
    let error = refused(dir.path(), &["stub", "a", "--vmlinux", "none"]);
    assert_eq!(error.matches("No such file").count(), 1, "{error}");
    assert!(error.contains("cannot read `none`"), "{error}");
    fs::write(dir.path().join("text"), "text").unwrap();
    let error = refused(dir.path(), &["stub", "a", "--vmlinux", "text"]);
    assert!(error.contains("`text`"), "{error}");
    let words = ["stub", "a", "b", "--sympos", "1", "--vmlinux", "text"];
    let error = refused(dir.path(), &words);
    assert!(error.contains("give one function"), "{error}");
    let error = refused(dir.path(), &["stub", "--returns", "EPERM", "a"]);
    assert!(
        error.contains("errors are negative: write `-EPERM`"),
        "{error}"
    );
    let error = refused(dir.path(), &["stub", "--returns=-ENOPE", "a"]);
    assert!(error.contains("an errno such as `-EPERM`"), "{error}");
    let error = refused(dir.path(), &["stub", "--wrap", "--returns", "-EPERM", "a"]);
    assert!(error.contains("cannot be used with"), "{error}");
    let error = refused(dir.path(), &["stub", "--wrap", "--struct", "file"]);
    assert!(error.contains("cannot be used with"), "{error}");
    let error = refused(dir.path(), &["stub", "a", "--kernel", "none"]);
    assert!(
        error.contains("there is no kernel build folder none"),
        "{error}"
    );
    let error = refused(dir.path(), &["stub", "a", "--kernel", "."]);
    assert!(
        error.contains("no type information") && error.contains("--vmlinux"),
        "{error}"
    );
}

#[test]
fn a_check_says_by_its_status_that_it_could_not_be_done() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("text.ko"), "text").unwrap();
    for words in [
        &["check", "none.ko"][..],
        &["check", "text.ko"],
        &["check", "text.ko", "--vmlinux", "none"],
    ] {
        let output = run(dir.path(), words);
        assert_eq!(output.status.code(), Some(2), "{words:?}");
        let error = String::from_utf8(output.stderr).unwrap();
        assert!(error.starts_with("error: "), "{error}");
    }
    let error = refused(dir.path(), &["check", "text.ko"]);
    assert!(
        error.contains("text.ko could not be checked: not a readable ELF file"),
        "{error}"
    );
}
