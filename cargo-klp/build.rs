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

const FILES: [&str; 2] = ["Cargo.lock", "klp/Makefile.klp"];

/// What Cargo builds of it.
const MEMBERS: [&str; 2] = ["klp-elf", "klp-macros"];

/// Sections of manifests that are about files which are not taken.
const TESTS: [&str; 4] = ["bench", "dev-dependencies", "example", "test"];

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
    add_text(&mut list, "Cargo.toml", &workspace(&top.join("Cargo.toml")));
    for member in MEMBERS {
        let name = format!("{member}/Cargo.toml");
        add_text(&mut list, &name, &package(&top.join(&name)));
    }
    list.push(']');
    let out = Path::new(&variable("OUT_DIR")).join("carried.rs");
    std::fs::write(out, list).expect("the list is written");
}

fn variable(name: &str) -> String {
    std::env::var(name).expect("cargo sets it")
}

/// The workspace's manifest, with only those members.
fn workspace(path: &Path) -> String {
    let mut manifest = read(path);
    manifest["workspace"]["members"] = MEMBERS.to_vec().into();
    if let Some(profiles) = manifest.get_mut("profile").and_then(|it| it.as_table_mut()) {
        // It names packages that only others depend on.
        profiles.remove("dev");
    }
    manifest.to_string()
}

/// A package's manifest, without its tests.
fn package(path: &Path) -> String {
    let mut manifest = read(path);
    manifest.retain(|section, _| !TESTS.contains(&section));
    manifest.to_string()
}

fn read(path: &Path) -> toml::Table {
    watch(path);
    let text = std::fs::read_to_string(path).expect("the manifest can be read");
    text.parse().expect("the manifest is sound")
}

fn add_text(list: &mut String, name: &str, text: &str) {
    writeln!(list, "(\"{name}\", {text:?}.as_bytes()),").expect("a line");
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
