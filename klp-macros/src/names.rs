// SPDX-License-Identifier: GPL-2.0-only

//! Names of modules and of functions, as the kernel allows them.

use crate::errors;

/// `MODULE_NAME_LEN` without its NUL, on 64-bit.
const MODULE_NAME_MOST: usize = 55;

/// `KSYM_NAME_LEN` without its NUL.
const SYMBOL_MOST: usize = 511;

/// What is wrong with the value of `key` as a module's name.
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
    if name.len() > MODULE_NAME_MOST {
        return Err(errors::name_too_long(key, name.len(), MODULE_NAME_MOST));
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

/// What is wrong with `name` as the name of a function in the kernel.
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
    if name.starts_with("_RN") {
        return Err(errors::SYMBOL_IS_RUST.to_owned());
    }
    if name.len() > SYMBOL_MOST {
        return Err(errors::symbol_too_long(name.len(), SYMBOL_MOST));
    }
    Ok(())
}

/// The name that the build gives the module.
///
/// Kbuild passes the module's path in `RUST_MODFILE`; on the host Cargo names the crate. A value
/// that is no module's name (tools for editors put a sentence there) does not count.
pub(crate) fn from_build(variable: impl Fn(&str) -> Option<String>) -> Option<String> {
    ["RUST_MODFILE", "CARGO_CRATE_NAME", "CARGO_PKG_NAME"]
        .iter()
        .filter_map(|name| variable(name))
        .map(|value| base(&value).replace('-', "_"))
        .find(|name| module("name", name).is_ok())
}
