// SPDX-License-Identifier: GPL-2.0-only

//! The attributes of a view's members: one row for each, for parsing and documentation.
//!
//! `cargo xtask docs` compiles this file too, and writes the table of `klp::view` from it. So it has no
//! dependencies.

/// An attribute of a member.
pub(crate) struct MemberAttribute {
    pub(crate) name: &'static str,
    /// The forms of the attribute.
    #[allow(dead_code)] // Only for the table.
    pub(crate) forms: &'static [Form],
}

/// A form of an attribute, and what it means.
pub(crate) struct Form {
    #[allow(dead_code)] // Only for the table.
    pub(crate) written: &'static str,
    #[allow(dead_code)] // Only for the table.
    pub(crate) meaning: &'static str,
}

const fn form(written: &'static str, meaning: &'static str) -> Form {
    Form { written, meaning }
}

const fn attribute(name: &'static str, forms: &'static [Form]) -> MemberAttribute {
    MemberAttribute { name, forms }
}

/// The attributes that may contain `unsafe`.
#[rustfmt::skip] // Keep the columns of the table.
pub(crate) const CLAIMS: [MemberAttribute; 6] = [
    attribute("write", &[
        form("#[write]", "`set_NAME(&mut self, ..)`, for structures made in Rust: by [`Zeroed`], or passed by value"),
        form("#[write(unsafe)]", "`set_NAME(&self, ..)`, for structures that C uses meanwhile"),
    ]),
    attribute("follow", &[
        form("#[follow(unsafe)]", "the pointer is followed; its target lives as long as the structure"),
        form("#[follow(rcu, unsafe)]", "the same under RCU: the accessor takes a [guard](crate::rcu::Guard), and the target lives as long as that"),
    ]),
    attribute("container_of", &[
        form("#[container_of(unsafe)]", "`View::from_NAME(&Inner) -> &View`, from an inner structure to the whole"),
    ]),
    attribute("counted_by", &[
        form("#[counted_by(len, unsafe)]", "the member `len` is the number of elements of a flexible array, or behind a pointer"),
    ]),
    attribute("list", &[
        form("#[list(node, unsafe)]", "the head of a list whose entries are linked by their member `node` ([`klp::list`](crate::list))"),
        form("#[list(node, rcu, unsafe)]", "the same under RCU"),
    ]),
    attribute("active", &[
        form("#[active(unsafe)]", "the member of a union that is in use; needed for a lock, and for an inner view with claims"),
    ]),
];

/// The attribute that may not.
#[allow(dead_code)] // Only for the table.
pub(crate) const PATH: Form = form(
    "#[path(\"a.b\")]",
    "the member's path in C; default: the field's name",
);
