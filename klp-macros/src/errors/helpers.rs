// SPDX-License-Identifier: GPL-2.0-only

//! Messages about declarations of a patch's C functions.

pub(crate) const NO_KEYS: &str =
    "`#[klp::helpers]` takes no keys: what it declares is in the `helpers.c` of the patch";
pub(crate) const SYMPOS: &str =
    "`helpers.c` has only one function of a name: remove `#[sympos]`; the kernel's functions are declared under `#[klp::symbols]`";
pub(crate) fn missing(name: &str, kind: &str) -> String {
    format!("`helpers.c` has no {kind} `{name}`: define it there, without `static`")
}
