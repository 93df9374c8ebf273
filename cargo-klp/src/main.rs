// SPDX-License-Identifier: GPL-2.0-only

//! `cargo klp`: the command for authors of live patches. It creates a patch, builds it for a kernel, tests it in a
//! virtual machine, checks modules, and prints the Rust signatures of a kernel's functions.

#![forbid(unsafe_code)]
// `pub` marks the interface of a module.
#![allow(unreachable_pub)]

mod analyzer;
mod bundled;
mod commands;
mod exit_status;
mod fix;
mod inlined;
mod kernel;
mod output;
mod patch;
mod signing;
mod trial;
mod version;

fn main() -> std::process::ExitCode {
    commands::main()
}
