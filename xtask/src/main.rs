// SPDX-License-Identifier: GPL-2.0-only

//! This repository's chores: getting and building kernels, building modules,
//! running virtual machines, and the tests that need them.
//!
//! The command surface is stable: scripts outside this repository call it.

mod cache;
mod commands;
mod host;
mod kernel;
mod module;
mod vm;

fn main() -> std::process::ExitCode {
    commands::main()
}
