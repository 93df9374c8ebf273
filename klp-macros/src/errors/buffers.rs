// SPDX-License-Identifier: GPL-2.0-only

//! Messages about buffers whose length is another argument.

pub(crate) const FORM: &str =
    "expected the argument that has the length: write `#[counted_by(length, unsafe)]`";
pub(crate) const NO_BYTES: &str =
    "`#[counted_by]` stands above a buffer: write its type as `Bytes<'_>`";
pub(crate) const NOT_COUNTED: &str =
    "C passes the length of a buffer by itself: name the argument that has it, `#[counted_by(length, unsafe)]` above this one";
pub(crate) const NO_LENGTH: &str = "a length is an integer such as `usize` or `i32`";

/// Without the word.
pub(crate) fn claim(by: &str) -> String {
    format!(
        "only you can know that so many bytes of the kernel's memory can be read there: write \
         `#[counted_by({by}, unsafe)]`"
    )
}

/// No argument has that name.
pub(crate) fn no_argument(by: &str) -> String {
    format!("no argument has the name `{by}`")
}
