// SPDX-License-Identifier: GPL-2.0-only

//! Development tasks of this repository: getting and building kernels, building modules, running virtual
//! machines, and the tests that need them.
//!
//! The command line is stable: scripts outside this repository use it.

#![forbid(unsafe_code)]
// `pub` marks the interface of a file.
#![allow(unreachable_pub)]

mod bench;
mod case;
mod checkout;
mod commands;
mod compare;
mod demo;
mod docs;
mod files;
mod guest_output;
mod guest_program;
mod klpctl_package;
mod kselftest;
mod markers;
mod parallel;
mod passed_guests;
mod report;
mod scenarios;
mod suite;

fn main() -> std::process::ExitCode {
    commands::main()
}
