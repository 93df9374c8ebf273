// SPDX-License-Identifier: GPL-2.0-only

//! Generates the list of the files that are bundled with the command: the sources that building patches needs. So the
//! command works without a checkout.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use walkdir::WalkDir;

/// Folders, and the suffixes of the bundled files in them.
const FOLDERS: [(&str, &[&str]); 6] = [
    ("klp/arch", &[".mk"]),
    ("klp/bindings", &["_parameters", ".h"]),
    ("klp/c", &[".c"]),
    ("klp/src", &[".rs"]),
    ("klp-elf/src", &[".rs"]),
    ("klp-macros/src", &[".rs"]),
];

const FILES: [&str; 3] = [
    "klp/Makefile.freestanding",
    "klp/Makefile.klp",
    "klp/freestanding.lds",
];

/// The archive with the bundled files of the workspace, in a published package.
const ARCHIVE: &str = "bundled.tar";

/// The bundled packages that Cargo builds.
const MEMBERS: [&str; 2] = ["klp-elf", "klp-macros"];

/// Sections of manifests for files that are not bundled.
const TESTS: [&str; 4] = ["bench", "dev-dependencies", "example", "test"];

fn main() {
    let here = PathBuf::from(variable("CARGO_MANIFEST_DIR"));
    let out = PathBuf::from(variable("OUT_DIR"));
    let top = &sources(&here, &out);
    let mut list = String::from("&[\n");
    for (folder, endings) in FOLDERS {
        for path in files(&top.join(folder), endings) {
            add(&mut list, top, &path);
        }
    }
    for file in FILES {
        add(&mut list, top, &top.join(file));
    }
    let manifests = manifests(top);
    let lock = lock(top, &manifests, &out.join("bundled"));
    for (name, text) in manifests.iter().chain([&lock]) {
        add_text(&mut list, name, text);
    }
    list.push(']');
    fs::write(out.join("bundled.rs"), list).expect("the list can be written");
}

/// The folder of the workspace, or of the unpacked archive in a published package.
fn sources(here: &Path, out: &Path) -> PathBuf {
    let top = here.parent().expect("the package is in a folder");
    if top.join("klp/Makefile.klp").is_file() {
        return top.to_owned();
    }
    let archive = here.join(ARCHIVE);
    watch(&archive);
    let Ok(file) = fs::File::open(&archive) else {
        panic!(
            "{} is missing, the archive of klp's sources: `cargo xtask publish` puts it into the package",
            archive.display()
        );
    };
    let top = out.join("sources");
    tar::Archive::new(file)
        .unpack(&top)
        .expect("the sources can be unpacked");
    top
}

fn variable(name: &str) -> String {
    std::env::var(name).expect("cargo sets it")
}

/// The manifests of the bundled packages, by path.
fn manifests(top: &Path) -> Vec<(String, String)> {
    let mut manifests = vec![("Cargo.toml".to_owned(), workspace(&top.join("Cargo.toml")))];
    for member in MEMBERS {
        let name = format!("{member}/Cargo.toml");
        let text = package(&top.join(&name));
        manifests.push((name, text));
    }
    manifests
}

/// The lock file for these manifests, with the versions of the workspace's lock file. `--locked` builds need a lock file
/// without unused packages, and which are used depends on features, so Cargo itself removes them.
fn lock(top: &Path, manifests: &[(String, String)], dir: &Path) -> (String, String) {
    let name = "Cargo.lock";
    watch(&top.join(name));
    for (path, text) in manifests {
        let path = dir.join(path);
        let folder = path.parent().expect("it is in the folder");
        fs::create_dir_all(folder.join("src")).expect("a folder can be made");
        fs::write(folder.join("src/lib.rs"), "").expect("a file can be written");
        fs::write(path, text).expect("a manifest can be written");
    }
    fs::copy(top.join(name), dir.join(name)).expect("the lock file can be copied");
    // Offline, Cargo may lack packages that the lock file names, if this build uses other versions.
    let shortened = shorten(dir, &["--offline"]).or_else(|_| shorten(dir, &[]));
    if let Err(error) = shortened {
        panic!("cargo cannot shorten the lock file:\n{error}");
    }
    let text = fs::read_to_string(dir.join(name)).expect("cargo wrote the lock file");
    (name.to_owned(), text)
}

/// Lets Cargo remove unused packages from a lock file.
fn shorten(dir: &Path, options: &[&str]) -> Result<(), String> {
    // Runs in the current folder, where Cargo finds the checkout's configuration.
    let cargo = Command::new(variable("CARGO"))
        .args(["update", "--workspace", "--manifest-path"])
        .arg(dir.join("Cargo.toml"))
        .args(options)
        .output()
        .expect("cargo runs");
    if cargo.status.success() {
        return Ok(());
    }
    Err(String::from_utf8_lossy(&cargo.stderr).into_owned())
}

/// The workspace's manifest, with the bundled members only.
fn workspace(path: &Path) -> String {
    let mut manifest = read(path);
    manifest["workspace"]["members"] = MEMBERS.to_vec().into();
    if let Some(profiles) = manifest.get_mut("profile").and_then(|it| it.as_table_mut()) {
        // It names dependencies of other members.
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
    let text = fs::read_to_string(path).expect("the manifest can be read");
    text.parse().expect("the manifest is valid")
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
