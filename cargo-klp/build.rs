// SPDX-License-Identifier: GPL-2.0-only

//! Makes the list of the files that the command carries along: klp and what compiles patches, as
//! far as kernels' builds need it. The command works without the checkout that it came from.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use walkdir::WalkDir;

/// Folders, and the endings of what is taken from them: nothing that lies around there.
const FOLDERS: [(&str, &[&str]); 4] = [
    ("klp/bindings", &["bindgen_parameters", ".h"]),
    ("klp/src", &[".rs"]),
    ("klp-elf/src", &[".rs"]),
    ("klp-macros/src", &[".rs"]),
];

const FILES: [&str; 4] = [
    "Cargo.lock",
    "klp/Makefile.klp",
    "klp-elf/Cargo.toml",
    "klp-macros/Cargo.toml",
];

/// What Cargo builds of it.
const MEMBERS: &str = r#"members = ["klp-elf", "klp-macros"]"#;

fn main() {
    let here = PathBuf::from(variable("CARGO_MANIFEST_DIR"));
    let top = here.parent().expect("cargo-klp stands in the workspace");
    let mut list = String::from("&[\n");
    for (folder, endings) in FOLDERS {
        for path in files(&top.join(folder), endings) {
            add(&mut list, top, &path);
        }
    }
    for file in FILES {
        add(&mut list, top, &top.join(file));
    }
    let manifest = top.join("Cargo.toml");
    watch(&manifest);
    let text = std::fs::read_to_string(&manifest).expect("the workspace has a manifest");
    writeln!(list, "(\"Cargo.toml\", {:?}.as_bytes()),", workspace(&text)).expect("a line");
    list.push(']');
    let out = Path::new(&variable("OUT_DIR")).join("carried.rs");
    std::fs::write(out, list).expect("the list is written");
}

fn variable(name: &str) -> String {
    std::env::var(name).expect("cargo sets it")
}

/// The workspace's manifest, with only those members.
fn workspace(text: &str) -> String {
    let (mut members, mut lines) = (0, Vec::new());
    for line in text.lines() {
        if line.starts_with("members = [") && line.ends_with(']') {
            members += 1;
            lines.push(MEMBERS);
        } else {
            lines.push(line);
        }
    }
    assert_eq!(members, 1, "the workspace's members stand on a line");
    lines.join("\n") + "\n"
}

fn files(folder: &Path, endings: &[&str]) -> Vec<PathBuf> {
    watch(folder);
    let mut files: Vec<_> = WalkDir::new(folder)
        .into_iter()
        .map(|entry| entry.expect("the folder can be read").into_path())
        .filter(|path| {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            path.is_file()
                && !name.starts_with('.')
                && endings.iter().any(|end| name.ends_with(end))
        })
        .collect();
    files.sort();
    files
}

fn add(list: &mut String, top: &Path, path: &Path) {
    watch(path);
    let name = path.strip_prefix(top).expect("it is in the workspace");
    let (name, path) = (name.display(), path.display());
    writeln!(list, "(\"{name}\", include_bytes!(\"{path}\")),").expect("a line");
}

fn watch(path: &Path) {
    println!("cargo::rerun-if-changed={}", path.display());
}
