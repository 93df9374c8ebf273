// SPDX-License-Identifier: GPL-2.0-only

//! The command line: one file per command.

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
    /// Start a patch: a folder with a small one that works.
    New(new::NewArgs),
    /// Build a patch for a kernel, and try it in a virtual machine if asked to.
    Build(build::BuildArgs),
    /// Build a patch for a kernel, and write packages that install it: .deb and .rpm files.
    Package(package::PackageArgs),
    /// Link livepatch symbols in modules that make has built; `cargo klp build` does it by itself.
    Link(link::LinkArgs),
    /// Check a livepatch module, whoever made it. The exit status is 1 when it is bad, and 2 when it
    /// could not be checked.
    Check(check::CheckArgs),
    /// List the kernels that `--kernel` takes by name, and what patches for each may name.
    Kernels(kernels::KernelsArgs),
    /// Print the beginning of a patch of these functions, with their signatures in Rust.
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
        // It has several exit statuses.
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

/// `cargo klp new` runs `cargo-klp klp new`.
fn arguments(words: impl Iterator<Item = OsString>) -> impl Iterator<Item = OsString> {
    words
        .enumerate()
        .filter(|(place, word)| *place != 1 || word != "klp")
        .map(|(_, word)| word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_word_that_cargo_adds_is_left_out() {
        let words = |text: &str| -> Vec<OsString> {
            arguments(text.split(' ').map(OsString::from)).collect()
        };
        assert_eq!(words("cargo-klp klp new klp"), ["cargo-klp", "new", "klp"]);
        assert_eq!(words("cargo-klp new klp"), ["cargo-klp", "new", "klp"]);
    }

    #[test]
    fn the_command_line_is_sound() {
        <Cli as clap::CommandFactory>::command().debug_assert();
    }
}
