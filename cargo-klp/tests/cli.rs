// SPDX-License-Identifier: GPL-2.0-only

//! The command's error messages, as far as they need no kernel.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// The command in a folder, isolated from the user's cache and settings.
fn command(dir: &Path, words: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_cargo-klp"));
    command
        .arg("klp")
        .args(words)
        .current_dir(dir)
        .stdin(Stdio::null())
        .env("KLP_CACHE", dir.join("cache"))
        .env_remove("KLP_INSTALL")
        .env_remove("KLP_OFFLINE");
    command
}

fn run(dir: &Path, words: &[&str]) -> Output {
    command(dir, words).output().expect("the command runs")
}

/// Runs the command in a folder. Returns whether it succeeded, and its standard output and error.
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
fn new_prints_the_next_steps() {
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
fn a_world_writable_cache_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let (ok, _, error) = klp(dir.path(), &["new", "fix-foo"]);
    assert!(ok, "{error}");
    let cache = dir.path().join("cache");
    fs::create_dir(&cache).unwrap();
    fs::set_permissions(&cache, fs::Permissions::from_mode(0o777)).unwrap();
    let error = refused(dir.path(), &["build", "fix-foo"]);
    for part in ["written by everybody", "chmod 700", "KLP_CACHE"] {
        assert!(error.contains(part), "{part} in {error}");
    }
    assert_eq!(cache.read_dir().unwrap().count(), 0);
}

#[test]
fn a_new_patch_can_have_another_folder() {
    let dir = tempfile::tempdir().unwrap();
    let (ok, _, error) = klp(dir.path(), &["new", "fix-foo", "--path", "a/b"]);
    assert!(ok, "{error}");
    assert!(dir.path().join("a/b/fix-foo.rs").is_file());
    let error = refused(dir.path(), &["new", "fix-foo", "--path", "my patches/foo"]);
    assert!(error.contains("the path has a space"), "{error}");
    assert!(!dir.path().join("my patches").exists());
}

#[test]
fn invalid_names_create_nothing() {
    let dir = tempfile::tempdir().unwrap();
    for name in ["Fix", "kernel", "a/b"] {
        let error = refused(dir.path(), &["new", name]);
        assert!(error.contains(&format!("`{name}`")), "{error}");
    }
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
}

#[test]
fn build_reports_missing_files() {
    let dir = tempfile::tempdir().unwrap();
    let error = refused(dir.path(), &["build"]);
    assert!(
        error.contains("not a patch folder") && error.contains("cargo klp new"),
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
    assert!(error.contains("is not a kernel build folder"), "{error}");
    assert!(!dir.path().join("fix-foo/target").exists());
}

#[test]
fn a_command_needs_a_virtual_machine() {
    let dir = tempfile::tempdir().unwrap();
    let error = refused(dir.path(), &["build", "--command", "true"]);
    assert!(error.contains("--vm"), "{error}");
}

#[test]
fn stub_reports_errors() {
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
fn a_failed_check_has_its_own_status() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("text.ko"), "text").unwrap();
    for words in [
        &["check", "none.ko"][..],
        &["check", "text.ko", "--kernel", "stock", "--offline"],
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

/// Creates the build folder of a kernel built by a version of rustc that does not exist.
fn kernel_folder(dir: &Path) {
    let config = "CONFIG_MODULES=y\nCONFIG_LIVEPATCH=y\nCONFIG_RUST=y\n\
                  CONFIG_RUSTC_VERSION_TEXT=\"rustc 9.9.9 (none)\"\n";
    for (name, text) in [
        ("include/config/auto.conf", config),
        ("include/config/kernel.release", "7.2.0\n"),
        ("Makefile", ""),
        ("rust/libkernel.rmeta", ""),
        ("Module.symvers", ""),
        ("include/generated/autoconf.h", ""),
        ("include/generated/rustc_cfg", ""),
        ("scripts/basic/fixdep", ""),
        ("scripts/mod/modpost", ""),
        ("scripts/module.lds", ""),
    ] {
        let path = dir.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
}

fn program(path: &Path, script: &str) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, format!("#!/bin/sh\n{script}\n")).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
}

#[test]
fn untrusted_folders_run_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let mark = dir.path().join("mark");
    let toolchain = dir.path().join("toolchain");
    for name in ["rustc", "cargo"] {
        let script = format!("touch {}", mark.display());
        program(&toolchain.join("bin").join(name), &script);
    }
    fs::create_dir(toolchain.join("lib")).unwrap();
    let file = format!("[toolchain]\npath = \"{}\"\n", toolchain.display());
    fs::write(dir.path().join("rust-toolchain.toml"), file).unwrap();
    let rustc = toolchain.join("bin/rustc");
    fs::create_dir(dir.path().join(".cargo")).unwrap();
    let file = format!("[build]\nrustc = \"{}\"\n", rustc.display());
    fs::write(dir.path().join(".cargo/config.toml"), file).unwrap();
    kernel_folder(&dir.path().join("kernel"));
    fs::write(dir.path().join("text"), "text").unwrap();

    let (ok, _, error) = klp(dir.path(), &["new", "fix-foo"]);
    assert!(ok, "{error}");
    refused(dir.path(), &["stub", "a", "--offline"]);
    refused(dir.path(), &["check", "text", "--kernel", "kernel"]);
    let words = ["build", "fix-foo", "--kernel", "kernel", "--offline"];
    let error = refused(dir.path(), &words);
    // If the machine has all packages, it has looked for the toolchain.
    assert!(
        error.contains("rustc 9.9.9") || error.contains("missing"),
        "{error}"
    );
    assert!(!mark.exists(), "a program of the folder was run");
}

#[test]
fn offline_errors_name_the_command_to_run() {
    let dir = tempfile::tempdir().unwrap();
    let error = refused(dir.path(), &["stub", "--offline", "a"]);
    assert!(
        error.contains("the cache does not have Debian's kernel stock")
            && error.ends_with("\n    cargo klp stub a\n"),
        "{error}"
    );
    let mut stub = command(dir.path(), &["stub", "a"]);
    let output = stub.env("KLP_OFFLINE", "1").output().unwrap();
    let error = String::from_utf8(output.stderr).unwrap();
    assert!(
        error.ends_with("\n    KLP_OFFLINE=0 cargo klp stub a\n"),
        "{error}"
    );
}

/// A folder with all programs of a machine: those needed for installing, and an apt-get that logs its arguments.
fn machine_without_packages(dir: &Path) -> (PathBuf, PathBuf) {
    let bin = dir.join("bin");
    let log = dir.join("apt-get.log");
    let script = format!("echo \"apt-get $* ($KLP_INSTALL)\" >> {}", log.display());
    program(&bin.join("apt-get"), &script);
    program(&bin.join("sudo"), "[ \"$1\" != -n ] || shift\nexec \"$@\"");
    for name in ["env", "sh", "true"] {
        symlink(Path::new("/usr/bin").join(name), bin.join(name)).unwrap();
    }
    (bin, log)
}

#[test]
fn packages_are_installed_only_if_allowed() {
    let dir = tempfile::tempdir().unwrap();
    let (bin, log) = machine_without_packages(dir.path());
    kernel_folder(&dir.path().join("kernel"));
    klp(dir.path(), &["new", "fix-foo"]);
    let build = |more: &[&str], variable: &str| {
        let mut words = vec!["build", "fix-foo", "--kernel", "kernel", "--vm"];
        words.extend(more);
        let mut build = command(dir.path(), &words);
        build.env("PATH", &bin).env("KLP_INSTALL", variable);
        String::from_utf8(build.output().unwrap().stderr).unwrap()
    };
    let error = build(&[], "");
    let lines: Vec<_> = error.lines().collect();
    assert_eq!(lines.len(), 2, "one command, and what it is for: {error}");
    let installs = "apt-get update; apt-get install --yes --no-install-recommends";
    assert!(lines[1].contains(installs), "{error}");
    for word in [" bison ", " clang-", " qemu-system-x86", "--install"] {
        assert!(error.contains(word), "{word} in {error}");
    }
    let error = build(&["--install", "--offline"], "");
    assert!(error.contains("--offline forbids the network"), "{error}");
    assert!(!log.exists(), "something was installed");

    for (option, variable) in [(&["--install"][..], ""), (&[], "1")] {
        let error = build(option, variable);
        assert!(error.contains("but not found"), "{error}");
        let done = fs::read_to_string(&log).unwrap();
        let done: Vec<_> = done.lines().collect();
        assert_eq!(done[0], "apt-get update (1)", "children inherit it");
        assert!(done[1].contains("install --yes") && done[1].contains(" bison "));
        assert_eq!(done.len(), 2, "all at once: {done:?}");
        fs::remove_file(&log).unwrap();
    }
}

/// Nothing is fetched or created for a file without a fix.
#[test]
fn invalid_fixes_create_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let binary = "diff --git a/l.png b/l.png\nBinary files a/l.png and b/l.png differ\n";
    let mail = "From 0123456789abcdef0123456789abcdef01234567 Mon Sep 17 00:00:00 2001\n\
                From: j@example.org\nSubject: x\n\nText\n";
    let two = format!("{mail}{mail}");
    for (text, why) in [
        ("just words\n", "no unified diff"),
        (binary, "binary file"),
        (&two, "2 mails"),
        ("", "empty"),
    ] {
        fs::write(dir.path().join("fix"), text).unwrap();
        let error = refused(dir.path(), &["new", "fix-foo", "--from", "fix"]);
        assert!(error.contains(why), "{text}: {error}");
        assert!(!dir.path().join("fix-foo").exists());
    }
    let error = refused(dir.path(), &["new", "fix-foo", "--from", "nowhere"]);
    assert!(error.contains("cannot read the fix nowhere"), "{error}");
    assert!(!dir.path().join("cache").exists(), "nothing was fetched");
}
