// SPDX-License-Identifier: GPL-2.0-only

//! `klpctl`: loads kernel live patches on running machines, waits for their transitions, takes back those that
//! do not end, and says what is patched.
//!
//! It works with patches in Rust and in C, made by anyone, on any livepatch core from Linux 6.1 on.
//!
//! - [`cli`]: the command line.
//! - [`command`]: a file for each command.
//! - [`transition`]: waiting for a transition, and what happens when it stalls.
//! - [`precheck`]: what would keep a patch from being loaded.
//! - [`patch_file`]: what a module's file says of itself.
//! - [`store`], [`trial`]: the installed patches, and those that may not be loaded at boot.
//! - [`kernel`]: the running kernel, as sysfs, procfs and tracefs show it.

// `pub` here says what a file offers to the others of this program.
#![allow(unreachable_pub)]

mod cli;
mod command;
mod durable;
mod duration;
mod journal;
mod kernel;
mod lock;
mod outcome;
mod output;
mod patch_file;
mod precheck;
mod records;
mod status;
mod store;
mod transition;
mod trial;

use std::process::ExitCode;

use clap::Parser as _;

fn main() -> ExitCode {
    let cli = cli::Cli::parse();
    command::run(cli)
}
