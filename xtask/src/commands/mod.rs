// SPDX-License-Identifier: GPL-2.0-only

//! The command line: one file per command.

mod bench;
mod compare;
mod demo;
mod docs;
mod image;
mod kernel;
mod kernel_args;
mod kselftest;
mod module;
mod package;
mod proof;
mod publish;
mod scenarios;
mod stress;
mod test;
mod vm;

use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};
use klp_host::host::consent::ConsentArgs;
use klp_host::host::process;

/// Development tasks of this repository: kernels, virtual machines, tests.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Cli {
    #[command(flatten)]
    consent: ConsentArgs,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Build the sample, boot Debian's kernel, and patch it while it runs.
    Demo(demo::DemoArgs),
    /// Generate the reference tables of the documentation from the code.
    Docs,
    /// Get and build kernels.
    #[command(subcommand)]
    Kernel(kernel::Command),
    /// Build external kernel modules.
    #[command(subcommand)]
    Module(module::Command),
    /// Build packages of klpctl, for machines that are patched.
    Package(package::PackageArgs),
    /// Publish the crates that users install with cargo, and their libraries.
    Publish(publish::PublishArgs),
    /// Run everything that must pass.
    Test(test::TestArgs),
    /// Check klp-core in ways too slow for `test`: memory order, undefined behaviour, mutants.
    Proof(proof::ProofArgs),
    /// Boot a kernel, run a command in it, and exit with its status.
    Vm(vm::VmArgs),
    /// Run the kernel's own livepatch selftests in a virtual machine.
    Kselftest(kselftest::KselftestArgs),
    /// Run our own tests of live patches in a virtual machine.
    Scenarios(scenarios::ScenariosArgs),
    /// Run klpctl on a Debian system with a disk, over reboots, crashes and power cuts.
    Image(image::ImageArgs),
    /// Compare the livepatch cores in C and in Rust, side by side.
    Compare(compare::CompareArgs),
    /// Measure what live patches cost, with the livepatch cores side by side.
    Bench(bench::BenchArgs),
    /// Load and unload a live patch many times under load, and look for memory leaks.
    Stress(stress::StressArgs),
}

impl Command {
    /// Runs the command. Returns the exit status, which some commands take from a guest.
    fn run(self) -> Result<ExitCode> {
        match self {
            Self::Demo(args) => args.run(),
            Self::Docs => docs::run(),
            Self::Kernel(command) => command.run().map(|()| ExitCode::SUCCESS),
            Self::Module(command) => command.run().map(|()| ExitCode::SUCCESS),
            Self::Package(args) => args.run(),
            Self::Publish(args) => args.run(),
            Self::Test(args) => args.run(),
            Self::Proof(args) => args.run(),
            Self::Vm(args) => args.run(),
            Self::Kselftest(args) => args.run(),
            Self::Scenarios(args) => args.run(),
            Self::Image(args) => args.run(),
            Self::Compare(args) => args.run(),
            Self::Bench(args) => args.run(),
            Self::Stress(args) => args.run(),
        }
    }
}

/// Parses the command line, runs the command, and reports the result.
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    let typed = ["cargo".into(), "xtask".into()];
    cli.consent
        .apply(typed.into_iter().chain(std::env::args_os().skip(1)));
    process::main(|| cli.command.run())
}
