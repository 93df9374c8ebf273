// SPDX-License-Identifier: GPL-2.0-only

//! The command line, with a file for each command.

mod build;
mod check;
mod from_fix;
mod kernels;
mod link;
mod new;
mod package;
mod stub;

use std::ffi::OsString;
use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};
use klp_host::host::consent::ConsentArgs;
use klp_host::host::process;

use crate::exit_status;

/// Live patches for the Linux kernel, in Rust.
#[derive(Debug, Parser)]
#[command(name = "cargo klp", bin_name = "cargo klp", version, after_help = exit_status::help())]
struct Cli {
    #[command(flatten)]
    consent: ConsentArgs,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Create a patch: a folder with a small working example, or with stubs for an upstream fix.
    New(new::NewArgs),
    /// Build a patch for a kernel, and optionally test it in a virtual machine.
    Build(build::BuildArgs),
    /// Build a patch for a kernel, and write packages that install it: .deb and .rpm files.
    Package(package::PackageArgs),
    /// Link livepatch symbols in modules built by make; `cargo klp build` does this itself.
    Link(link::LinkArgs),
    /// Check any livepatch module. The exit status is 1 if it has errors, and 2 if it could not be checked.
    Check(check::CheckArgs),
    /// List the kernels that `--kernel` accepts, and the crates that patches for each can use.
    Kernels(kernels::KernelsArgs),
    /// Print a stub patch of these functions, with their signatures in Rust.
    Stub(stub::StubArgs),
}

/// Parses the command line, runs the command, and reports the result.
pub fn main() -> ExitCode {
    let words: Vec<_> = arguments(std::env::args_os()).collect();
    let cli = Cli::parse_from(&words);
    let typed = ["cargo".into(), "klp".into()];
    cli.consent
        .apply(typed.into_iter().chain(words.into_iter().skip(1)));
    process::main(|| run(cli.command))
}

fn run(command: Command) -> Result<ExitCode> {
    let done = match command {
        // `check` has exit statuses of its own.
        Command::Check(args) => return Ok(args.run()),
        Command::New(args) => args.run(),
        Command::Build(args) => args.run(),
        Command::Link(args) => args.run(),
        Command::Package(args) => args.run(),
        Command::Kernels(args) => args.run(),
        Command::Stub(args) => args.run(),
    };
    done.map(|()| ExitCode::SUCCESS)
}

/// Removes the word that Cargo adds: `cargo klp new` runs `cargo-klp klp new`.
fn arguments(words: impl Iterator<Item = OsString>) -> impl Iterator<Item = OsString> {
    words
        .enumerate()
        .filter(|(index, word)| *index != 1 || word != "klp")
        .map(|(_, word)| word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_word_that_cargo_adds_is_removed() {
        let words = |text: &str| -> Vec<OsString> {
            arguments(text.split(' ').map(OsString::from)).collect()
        };
        assert_eq!(words("cargo-klp klp new klp"), ["cargo-klp", "new", "klp"]);
        assert_eq!(words("cargo-klp new klp"), ["cargo-klp", "new", "klp"]);
    }

    #[test]
    fn definitions_are_valid() {
        <Cli as clap::CommandFactory>::command().debug_assert();
    }
}
