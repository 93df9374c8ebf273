// SPDX-License-Identifier: GPL-2.0-only

//! Tests of the sources: the layers of the logic, and no closures as trait objects.

use std::path::Path;

/// The files of the logic, from the bottom up.
const LAYERS: [&str; 33] = [
    "arch",
    "types",
    "errno",
    "memory",
    "name",
    "sort",
    "fault",
    "sync",
    "snapshot",
    "platform",
    "symbols",
    "sizes",
    "relocations",
    "redirect",
    "guards",
    "ops",
    "site_ops",
    "stack_check",
    "backoff",
    "model",
    "cold_parts",
    "checked_text",
    "published",
    "context",
    "attach",
    "direct_jump",
    "replace",
    "states",
    "transition",
    "enable",
    "registered",
    "modules",
    "unused",
];

/// The modules that a file imports, except in tests and comments.
fn imports(text: &str) -> impl Iterator<Item = &str> {
    let end = text.find("#[cfg(test)]").or(text.find("#[cfg(all(test"));
    let code = &text[..end.unwrap_or(text.len())];
    let lines = code.lines().map(str::trim_start);
    lines
        .filter(|line| !line.starts_with("//"))
        .flat_map(|line| line.split("crate::").skip(1))
        .filter_map(|path| {
            path.split(|c: char| !(c.is_alphanumeric() || c == '_'))
                .next()
        })
}

#[test]
fn imports_respect_the_layers() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    for (layer, name) in LAYERS.iter().enumerate() {
        let text = std::fs::read_to_string(src.join(name).with_extension("rs"))
            .or_else(|_| std::fs::read_to_string(src.join(name).join("mod.rs")));
        let text = text.unwrap_or_else(|error| panic!("{name}: {error}"));
        for import in imports(&text) {
            let below = LAYERS.iter().position(|other| *other == import);
            let is_below = below.is_some_and(|below| below < layer) || import == *name;
            assert!(is_below, "{name}.rs imports {import}");
        }
    }
    let known = |name: &str| {
        let others = ["lib", "simulated", "tests"];
        LAYERS.contains(&name) || others.contains(&name)
    };
    for entry in std::fs::read_dir(&src).expect("the sources") {
        let path = entry.expect("an entry").path();
        if path.extension().is_some_and(|extension| extension == "rs") {
            let name = path.file_stem().expect("a name").to_string_lossy();
            assert!(known(&name), "{name}.rs is in no layer");
        }
    }
}

/// With CONFIG_CFI the kernel checks the type of the function that an indirect call reaches. A closure that is an
/// `Fn` has another type than the `dyn FnMut` that calls it.
#[test]
fn closures_are_not_trait_objects() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    for folder in [src.clone(), src.join("linux")] {
        for entry in std::fs::read_dir(&folder).expect("the sources") {
            let path = entry.expect("an entry").path();
            if path.is_file() {
                let text = std::fs::read_to_string(&path).expect("text");
                let mut code = text.lines().filter(|line| !line.contains("//"));
                assert!(!code.any(|line| line.contains("dyn Fn")), "{path:?}");
            }
        }
    }
}
