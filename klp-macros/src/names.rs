// SPDX-License-Identifier: GPL-2.0-only

//! Checks names of modules and functions against the kernel's rules.

use crate::errors;
use klp_elf::limits::{NAME_MAX, OBJECT_MAX};

/// Checks the value of `key` as a module's name.
pub(crate) fn module(key: &str, name: &str) -> Result<(), String> {
    let base = base(name);
    if name.is_empty() {
        return Err(errors::empty(key, &crate::keys::example(key)));
    }
    if base != name && module(key, base).is_ok() {
        return Err(errors::name_with_path(key, base));
    }
    let underscores = name.replace('-', "_");
    if let Some(character) = underscores.chars().find(|c| !is_module_character(*c)) {
        return Err(errors::name_with(key, character));
    }
    if underscores != name {
        return Err(errors::name_with_dash(key, &underscores));
    }
    if name.len() > OBJECT_MAX {
        return Err(errors::name_too_long(key, name.len(), OBJECT_MAX));
    }
    Ok(())
}

fn is_module_character(character: char) -> bool {
    character.is_ascii_alphanumeric() || character == '_'
}

/// The last part of a path, without a module file's endings.
fn base(name: &str) -> &str {
    let last = name.rsplit('/').next().unwrap_or(name);
    let last = [".gz", ".xz", ".zst"]
        .iter()
        .find_map(|ending| last.strip_suffix(ending))
        .unwrap_or(last);
    last.strip_suffix(".ko")
        .or_else(|| last.strip_suffix(".o"))
        .unwrap_or(last)
}

/// Checks `name` as the name of a kernel function.
pub(crate) fn symbol(name: &str) -> Result<(), String> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || "_.$".contains(c);
    if name.is_empty() {
        return Err(errors::empty("replaces", &crate::keys::example("replaces")));
    }
    if let Some(character) = name.chars().find(|c| !allowed(*c)) {
        return Err(errors::symbol_with(character));
    }
    if name.starts_with(|c: char| c.is_ascii_digit()) {
        return Err(errors::SYMBOL_STARTS_WITH_DIGIT.to_owned());
    }
    if is_rust(name) {
        return Err(errors::SYMBOL_IS_RUST.to_owned());
    }
    if name.len() > NAME_MAX {
        return Err(errors::symbol_too_long(name.len(), NAME_MAX));
    }
    Ok(())
}

/// Whether the name is mangled by rustc: `_R` and a kind of path.
fn is_rust(name: &str) -> bool {
    name.strip_prefix("_R")
        .is_some_and(|path| path.starts_with(['C', 'I', 'M', 'N', 'X', 'Y']))
}

/// The module name under which the build passes the object file of a patch's `helpers.c`.
pub(crate) fn helpers(module: &str) -> String {
    format!("{module}_helpers")
}

/// The name that the build gives the module.
///
/// Kbuild passes the module's path in `RUST_MODFILE`; on the host Cargo passes the crate's name. Values
/// that are not module names are skipped: the kernel's project for rust-analyzer sets `RUST_MODFILE` to
/// a sentence.
pub(crate) fn from_build(variable: impl Fn(&str) -> Option<String>) -> Option<String> {
    ["RUST_MODFILE", "CARGO_CRATE_NAME", "CARGO_PKG_NAME"]
        .iter()
        .filter_map(|name| variable(name))
        .map(|value| base(&value).replace('-', "_"))
        .find(|name| module("name", name).is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(result: Result<(), String>) -> bool {
        result.is_err()
    }

    #[test]
    fn module_names_are_those_of_lsmod() {
        for name in ["vmlinux", "ext4", "8021q", "snd_hda_intel", "nf_nat"] {
            assert_eq!(module("object", name), Ok(()), "{name}");
        }
        for name in [
            "", "-", "a-b", "a b", "a.b", "a/b", "ext4.ko", "ä", "a\0", "a\n",
        ] {
            assert!(refused(module("object", name)), "{name:?}");
        }
    }

    #[test]
    fn a_module_name_has_at_most_55_bytes() {
        assert_eq!(module("object", &"a".repeat(55)), Ok(()));
        assert!(refused(module("object", &"a".repeat(56))));
    }

    #[test]
    fn errors_suggest_a_name() {
        let error = |name| module("object", name).unwrap_err();
        assert!(error("snd-hda-intel").contains("`object = \"snd_hda_intel\"`"));
        assert!(error("fs/ext4.ko.zst").contains("`object = \"ext4\"`"));
        assert!(error("fs/a b.ko").contains("letters, digits and underscores"));
    }

    #[test]
    fn symbols_are_those_of_kallsyms() {
        for name in [
            "show",
            "_printk",
            "__x64_sys_read",
            "f.isra.0",
            "_Ret",
            ".f",
            "$f",
            "a9",
        ] {
            assert_eq!(symbol(name), Ok(()), "{name}");
        }
        for name in [
            "",
            "9a",
            "a b",
            "a()",
            "a-b",
            "a+0x1",
            "a\0",
            "ä",
            "_RNvC1a1b",
        ] {
            assert!(refused(symbol(name)), "{name:?}");
        }
    }

    #[test]
    fn a_symbol_has_at_most_511_bytes() {
        assert_eq!(symbol(&"a".repeat(511)), Ok(()));
        assert!(refused(symbol(&"a".repeat(512))));
    }

    fn from(variables: &[(&str, &str)]) -> Option<String> {
        from_build(|name| {
            let found = variables.iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| (*value).to_owned())
        })
    }

    #[test]
    fn kbuild_names_the_module() {
        let cargo = ("CARGO_CRATE_NAME", "krate");
        let kbuild = |file| from(&[("RUST_MODFILE", file), cargo]);
        assert_eq!(
            kbuild("examples/livepatch-sample/livepatch-sample").as_deref(),
            Some("livepatch_sample")
        );
        assert_eq!(kbuild("/a/fix").as_deref(), Some("fix"));
        assert_eq!(kbuild("fix").as_deref(), Some("fix"));
        assert_eq!(kbuild("./fix.o").as_deref(), Some("fix"));
    }

    #[test]
    fn without_kbuild_cargo_names_the_module() {
        let package = ("CARGO_PKG_NAME", "my-fix");
        assert_eq!(from(&[package]).as_deref(), Some("my_fix"));
        let krate = ("CARGO_CRATE_NAME", "krate");
        assert_eq!(from(&[package, krate]).as_deref(), Some("krate"));
        let editor = ("RUST_MODFILE", "This is only for rust-analyzer");
        assert_eq!(from(&[package, krate, editor]).as_deref(), Some("krate"));
        assert_eq!(from(&[]), None);
    }
}
