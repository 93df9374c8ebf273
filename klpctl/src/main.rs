// SPDX-License-Identifier: GPL-2.0-only

//! `klpctl`: loads live patches on running machines, waits for their transitions, reverts those that stall, and
//! reports what is patched.
//!
//! It works with patches in Rust and C, on any livepatch core from Linux 6.1 on.
//!
//! - [`cli`]: the command line.
//! - [`command`]: a file for each command.
//! - [`transition`]: waits for a transition, and reverts it if it stalls.
//! - [`precheck`]: checks before loading.
//! - [`patch_file`]: reads patch files.
//! - [`store`], [`trial`]: the installed patches, and those held out at boot.
//! - [`kernel`]: the running kernel, through sysfs, procfs and tracefs.

// `pub` marks the interface of a module.
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
mod units;

use std::process::ExitCode;

use clap::Parser as _;

fn main() -> ExitCode {
    let cli = cli::Cli::parse();
    command::run(cli)
}
