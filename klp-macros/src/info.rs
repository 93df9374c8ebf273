// SPDX-License-Identifier: GPL-2.0-only

//! Checks the keys that apply to a whole patch, most of them for its modinfo.

use crate::errors::{self, info as texts, Errors};
use crate::keys::{self, Values};
use crate::model::Info;
use crate::names;
use klp_elf::module::GPL_COMPATIBLE;
use quote::ToTokens;
use syn::LitStr;

/// Checks the keys of the patch.
pub(crate) fn info(
    attribute: &impl ToTokens,
    values: &mut Values,
    default_name: Option<String>,
    errors: &mut Errors,
) -> Option<Info> {
    let name = match &values.name {
        Some(name) => {
            errors.check(name, names::module("name", &name.value()));
            Some(name.value())
        }
        None => default_name,
    };
    if name.is_none() {
        errors.add(attribute, errors::NO_MODULE_NAME);
    }
    for author in &values.authors {
        text("authors", author, errors);
        ascii("authors", author, errors);
    }
    if let Some(description) = &values.description {
        text("description", description, errors);
    }
    if let Some(name) = &values.license {
        license(name, errors);
    }
    if let Some(version) = &values.version {
        errors.check(version, self::version(&version.value()));
    }
    fixes(&values.fixes, errors);
    if let Some(url) = &values.url {
        errors.check(url, self::url(&url.value()));
    }
    lifecycle(values, errors);
    Some(Info {
        name: name?,
        description: values.description.take()?,
        license: values.license.take()?,
        authors: std::mem::take(&mut values.authors),
        version: values.version.take(),
        fixes: std::mem::take(&mut values.fixes),
        url: values.url.take(),
        replace: values.replace,
        register: values.register.take(),
        immediate: values.immediate.take(),
        unsafety: values.unsafety.clone(),
    })
}

/// Checks that a cumulative patch is neither registered nor immediate.
fn lifecycle(values: &Values, errors: &mut Errors) {
    if !values.replace {
        return;
    }
    if let Some(word) = &values.register {
        errors.add(word, errors::REGISTER_AND_REPLACE);
    }
    if let Some(word) = &values.immediate {
        errors.add(word, errors::IMMEDIATE_AND_REPLACE);
    }
}

/// Checks a text for modinfo.
fn text(key: &str, literal: &LitStr, errors: &mut Errors) {
    let value = literal.value();
    if value.trim().is_empty() {
        errors.add(literal, errors::empty(key, &keys::example(key)));
    } else if value.contains(char::is_control) {
        errors.add(literal, errors::control_character(key));
    }
}

fn ascii(key: &str, literal: &LitStr, errors: &mut Errors) {
    if !literal.value().is_ascii() {
        errors.add(literal, errors::not_ascii(key));
    }
}

fn license(literal: &LitStr, errors: &mut Errors) {
    let value = literal.value();
    if !GPL_COMPATIBLE.contains(&value.as_str()) {
        errors.add(literal, errors::license(&value, GPL_COMPATIBLE));
    }
}

/// Checks a version, which tools print in a column and compare.
fn version(text: &str) -> Result<(), String> {
    one_word("version", text)
}

/// Checks a URL.
fn url(text: &str) -> Result<(), String> {
    one_word("url", text)?;
    let scheme = ["https://", "http://"];
    let rest = scheme.iter().find_map(|scheme| text.strip_prefix(scheme));
    match rest {
        Some(rest) if !rest.is_empty() => Ok(()),
        _ => Err(texts::url(&keys::example("url"))),
    }
}

/// Checks the list of fixes, and that none is repeated.
fn fixes(list: &[LitStr], errors: &mut Errors) {
    for (index, literal) in list.iter().enumerate() {
        let value = literal.value();
        if list[..index].iter().any(|other| other.value() == value) {
            errors.add(literal, texts::fix_twice(&value));
        } else {
            errors.check(literal, fix(&value));
        }
    }
}

/// Checks an identifier of a vulnerability. A CVE must have the registry's spelling, because tools compare it;
/// others, such as `GHSA-..`, are single words.
fn fix(text: &str) -> Result<(), String> {
    if text.contains(',') {
        return Err(texts::several_fixes());
    }
    one_word("fixes", text)?;
    let is_cve = text
        .get(..3)
        .is_some_and(|start| start.eq_ignore_ascii_case("cve"));
    if is_cve && !is_cve_name(text) {
        return Err(texts::cve(text));
    }
    Ok(())
}

/// `CVE`, the year, and a number of at least four digits.
fn is_cve_name(text: &str) -> bool {
    let is_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let parts: Vec<_> = text.split('-').collect();
    match parts[..] {
        ["CVE", year, number] => {
            year.len() == 4 && number.len() >= 4 && is_digits(year) && is_digits(number)
        }
        _ => false,
    }
}

/// Checks that a text is printable ASCII without spaces.
fn one_word(key: &str, text: &str) -> Result<(), String> {
    if text.trim().is_empty() {
        return Err(errors::empty(key, &keys::example(key)));
    }
    match text.chars().find(|c| !c.is_ascii_graphic()) {
        Some(character) => Err(texts::one_word(key, character)),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fixes_are_spelt_as_in_their_registries() {
        for right in [
            "CVE-2024-1234",
            "CVE-1999-1234567",
            "GHSA-abcd-1234",
            "bug#1",
        ] {
            assert_eq!(fix(right), Ok(()), "{right}");
        }
        for wrong in [
            "",
            " ",
            "CVE-2024-123",
            "CVE-24-1234",
            "cve-2024-1234",
            "CVE2024-1234",
            "CVE-2024-12x4",
            "CVE-2024-1234-5",
            "CVE-2024-1234, CVE-2024-1235",
            "CVE-2024-1234,CVE-2024-1235",
            "a b",
            "a\0",
            "\u{e9}",
        ] {
            assert!(fix(wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn a_url_has_a_scheme() {
        assert_eq!(url("https://example.org/a?b=c"), Ok(()));
        for wrong in [
            "",
            "example.org",
            "https://",
            "ftp://example.org",
            "https://a b",
        ] {
            assert!(url(wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn a_version_is_one_word() {
        for right in ["1", "1.2-rc3", "2024.11"] {
            assert_eq!(version(right), Ok(()), "{right}");
        }
        for wrong in ["", "1 2", "1\n"] {
            assert!(version(wrong).is_err(), "{wrong:?}");
        }
    }
}
