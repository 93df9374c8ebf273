// SPDX-License-Identifier: GPL-2.0-only

//! The exit statuses.
//!
//! `cargo xtask docs` also compiles this file, to generate the table in the guide, so it uses only the language.

/// `cargo klp check`: the module has an error.
pub const BAD: u8 = 1;

/// `cargo klp check`: the module or the kernel cannot be read.
pub const UNCHECKED: u8 = 2;

/// The statuses and their meanings, for the help text and the guide.
pub const MEANINGS: [(u8, &str); 4] = [
    (0, "done; `check`: the module is good"),
    (BAD, "failed; `check`: the module is bad"),
    (
        UNCHECKED,
        "wrong usage; `check`: the module could not be checked",
    ),
    (130, "interrupted"),
];

/// The end of the help text.
pub fn help() -> String {
    let rows = MEANINGS.map(|(status, meaning)| format!("  {status:<3}  {meaning}\n"));
    format!("Exit statuses:\n{}", rows.concat())
}
