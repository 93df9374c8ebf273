// SPDX-License-Identifier: GPL-2.0-only

//! This repository's chores: getting and building kernels, building modules,
//! running virtual machines, and the tests that need them.
//!
//! The command surface is stable: scripts outside this repository call it.

#![deny(unsafe_code)]
// `pub` here says what a file offers to the others of this program.
#![allow(unreachable_pub)]

mod bench;
mod cache;
mod commands;
mod compare;
mod host;
mod kernel;
mod kselftest;
mod module;
mod suite;
mod vm;

fn main() -> std::process::ExitCode {
    commands::main()
}
