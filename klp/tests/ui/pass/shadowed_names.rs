// SPDX-License-Identifier: GPL-2.0-only

//! Names that generated code could conflict with.

#![deny(warnings)]
#![allow(non_camel_case_types, non_snake_case, dead_code)]

type u8 = ();
struct Some;
struct None;
struct Ok;
mod core {}
mod klp_macros {}

#[klp::livepatch(object = "ext4", replaces = "show", description = "A fix", license = "GPL")]
fn Module() {
    let _ = (Some, None, Ok);
}

fn main() {}
