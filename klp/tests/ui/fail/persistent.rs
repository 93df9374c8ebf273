// SPDX-License-Identifier: GPL-2.0-only

//! Data that may not outlive the module.

use klp::prelude::*;

struct Own;

#[derive(Persistent)]
struct Reference {
    name: &'static str,
}

#[derive(Persistent)]
struct Function(fn());

#[derive(Persistent)]
enum Choice {
    This,
    That(u32),
}

#[derive(Persistent)]
struct Generic<T>(T);

#[livepatch(description = "A fix", license = "GPL")]
mod fix {
    use super::*;

    #[livepatch(object = "vmlinux", replaces = "a")]
    fn a() {}

    #[shadow(id = 1)]
    static DATA: Shadow<Task, Own>;

    #[shadow(id = 2)]
    static PARENT: Shadow<Own, u32>;

    #[state(id = 1, version = 1)]
    static STATE: State<Own>;
}

fn main() {}
