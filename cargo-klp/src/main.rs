// SPDX-License-Identifier: GPL-2.0-only

//! `cargo klp`: what authors of live patches need. It starts a patch, builds it for a kernel, tries
//! it in a virtual machine, and tells how a kernel's functions look in Rust.

#![forbid(unsafe_code)]
// `pub` here says what a file offers to the others of this program.
#![allow(unreachable_pub)]

mod analyzer;
mod carried;
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
