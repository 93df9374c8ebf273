// SPDX-License-Identifier: GPL-2.0-only

//! Invalid keys and attributes of declarations.

use klp::prelude::*;

#[klp::symbols]
unsafe extern "C" {
    safe fn nowhere();
}

#[klp::symbols(objekt = "vmlinux")]
unsafe extern "C" {
    safe fn misspelt();
}

#[klp::symbols(object = "snd-hda-intel.ko")]
unsafe extern "C" {
    safe fn in_a_file();
}

#[klp::symbols(object = "vmlinux", sympos = 1)]
unsafe extern "C" {
    safe fn all_first();
}

#[klp::symbols(object = "vmlinux")]
unsafe extern "C" {
    #[sympos = "1"]
    safe fn a_text();
    #[sympos(1)]
    safe fn in_parentheses();
    #[sympos = 1]
    #[sympos = 2]
    safe fn twice();
    #[link_name = "a b"]
    safe fn no_name();
    #[link_name = 1]
    safe fn a_number();
    safe fn same();
    #[link_name = "same"]
    safe fn same_again();
}

#[livepatch(object = "vmlinux", replaces = "f", description = "A fix", license = "GPL")]
fn f() {
    nowhere();
    misspelt();
    in_a_file();
    all_first();
}

fn main() {}
