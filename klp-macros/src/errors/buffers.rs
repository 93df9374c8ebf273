// SPDX-License-Identifier: GPL-2.0-only

//! Messages about buffers whose length is another argument.

pub(crate) const FORM: &str =
    "expected the name of the argument with the length: write `#[counted_by(length, unsafe)]`";
pub(crate) const NO_BYTES: &str = "`#[counted_by]` goes on a buffer: write its type as `Bytes<'_>`";
pub(crate) const NOT_COUNTED: &str =
    "C passes the length of a buffer separately: name that argument, `#[counted_by(length, unsafe)]` above this one";
pub(crate) const NO_LENGTH: &str = "a length is an integer such as `usize` or `i32`";

/// The attribute lacks `unsafe`.
pub(crate) fn claim(by: &str) -> String {
    format!(
        "only you can know that this many bytes of kernel memory can be read: write \
         `#[counted_by({by}, unsafe)]`"
    )
}

/// No argument has that name.
pub(crate) fn no_argument(by: &str) -> String {
    format!("no argument is named `{by}`")
}
