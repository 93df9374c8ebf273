// SPDX-License-Identifier: GPL-2.0-only

//! Messages about a patch's modinfo.

pub(crate) fn one_word(key: &str, character: char) -> String {
    format!("`{key}` contains {character:?}: write it in printable ASCII without spaces")
}

pub(crate) fn cve(text: &str) -> String {
    format!("{text:?} is not a CVE identifier: write `CVE-`, the year, `-` and the number of at least four digits, as in `CVE-2024-1234`")
}

pub(crate) fn several_fixes() -> String {
    "each flaw is a separate string: write `fixes = [\"CVE-2024-1234\", \"CVE-2024-5678\"]`"
        .to_owned()
}

pub(crate) fn fix_twice(text: &str) -> String {
    format!("{text:?} is listed twice: remove one")
}

pub(crate) fn url(example: &str) -> String {
    format!("`url` must begin with `https://` or `http://`: write for example `{example}`")
}
