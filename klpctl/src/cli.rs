// SPDX-License-Identifier: GPL-2.0-only

//! The command line.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};
use klp_elf::sign::HASHES;

use crate::duration;
use crate::outcome::Status;

/// Loads, monitors and reverts kernel live patches.
#[derive(Debug, Parser)]
#[command(name = "klpctl", version, after_help = exit_statuses())]
pub struct Cli {
    /// Print one JSON object, also when the command fails.
    #[arg(long, global = true)]
    pub json: bool,
    /// Check and print what would be done, but change nothing.
    #[arg(long, global = true)]
    pub dry_run: bool,
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Load a patch and wait until it is applied; revert it if its transition stalls
    Load(Load),
    /// Load a patch that replaces all others, and unload those
    Replace(Load),
    /// Disable and unload a patch; leave it applied if its transition stalls
    Unload(Unload),
    /// Undo the last load or replace
    Rollback(Patience),
    /// Install patches, to be loaded whenever the kernel that they were built for boots
    Install(Install),
    /// Uninstall a patch, so that it is no longer loaded at boot
    Uninstall(Uninstall),
    /// Load the patches installed for the running kernel, except superseded ones; run at system startup
    Boot(Boot),
    /// List the loaded patches
    List,
    /// Show the loaded and installed patches and any running transition
    Status,
    /// Print the state of the machine as metrics for Prometheus
    Metrics(Metrics),
    /// Print the state of the machine as facts for Ansible or grains for Salt
    Facts(Facts),
    /// Show what a patch fixes, what it replaces, and which kernel it is for
    Info(Info),
    /// Sign a module, in the kernel's format, with a key of your own
    Sign(Sign),
    /// Check who signed a module
    Verify(Verify),
    /// Check whether applied patches fix the given vulnerabilities
    Fixes(Fixes),
    /// List the tasks that hold up a transition
    Blockers(BlockersArgs),
    /// Wake the tasks that hold up a transition
    Signal(BlockersArgs),
    /// End a transition by force; the patch can then never be unloaded
    Force(Force),
    /// Write the manual pages and shell completions into a folder, for packages
    #[command(hide = true)]
    Generate(Generate),
}

/// The time limit of a transition.
#[derive(Args, Clone, Copy, Debug)]
pub struct Patience {
    /// Time limit of a transition, such as `60`, `90s` or `2m`. Then the tasks that hold it up are woken; if that
    /// does not help, it is reverted.
    #[arg(long, value_name = "TIME", default_value = "60", value_parser = duration::parse)]
    pub timeout: Duration,
}

#[derive(Args, Debug)]
pub struct Load {
    /// Patch module, which may be compressed
    #[arg(value_name = "FILE.ko")]
    pub file: PathBuf,
    #[command(flatten)]
    pub patience: Patience,
    /// Skip all but the quick checks; the kernel refuses a patch that does not fit
    #[arg(long)]
    pub unchecked: bool,
}

#[derive(Args, Debug)]
pub struct Unload {
    /// Module name of the patch, or its series if only one version is loaded
    #[arg(value_name = "PATCH")]
    pub patch: String,
    #[command(flatten)]
    pub patience: Patience,
}

#[derive(Args, Debug)]
pub struct Install {
    /// Patch modules, in the order in which to load them
    #[arg(value_name = "FILE.ko", required = true)]
    pub files: Vec<PathBuf>,
    /// Also load them now
    #[arg(long)]
    pub now: bool,
    /// Uninstall all other patches for that kernel, if this patch has their fixes. Without it, patches installed
    /// before a cumulative one stay installed as a fallback
    #[arg(long)]
    pub replace: bool,
    #[command(flatten)]
    pub patience: Patience,
    /// Skip all but the quick checks; the kernel refuses a patch that does not fit
    #[arg(long)]
    pub unchecked: bool,
}

#[derive(Args, Debug)]
pub struct Uninstall {
    /// Module name of the patch, or its series if there is only one version
    #[arg(value_name = "PATCH")]
    pub patch: String,
    /// Only for this kernel release; the default is all releases for which it is installed
    #[arg(long, value_name = "RELEASE")]
    pub kernel: Option<String>,
    /// Also unload it now
    #[arg(long)]
    pub now: bool,
    /// Succeed if the patch is not installed, for package scripts
    #[arg(long)]
    pub missing_ok: bool,
    /// Uninstall all versions of the patch, if their module names contain the version
    #[arg(long)]
    pub all_versions: bool,
    #[command(flatten)]
    pub patience: Patience,
}

#[derive(Args, Debug)]
pub struct Boot {
    /// Mark the machine as healthy, which ends the trials of this boot. Loads nothing
    #[arg(long, conflicts_with_all = ["retry", "shutdown"])]
    pub healthy: bool,
    /// End the trials of this boot before an orderly shutdown, so that no patch is held out. Loads nothing
    #[arg(long, conflicts_with = "retry")]
    pub shutdown: bool,
    /// Also load held-out patches: those named, or all
    #[arg(long, value_name = "PATCH", num_args = 0..)]
    pub retry: Option<Vec<String>>,
    #[command(flatten)]
    pub patience: Patience,
    /// Skip all but the quick checks; the kernel refuses a patch that does not fit
    #[arg(long)]
    pub unchecked: bool,
}

#[derive(Args, Debug)]
pub struct Info {
    /// Module file, or name of a patch that was loaded by klpctl or is installed
    #[arg(value_name = "FILE.ko|PATCH")]
    pub patch: PathBuf,
}

#[derive(Args, Debug)]
pub struct Metrics {
    /// Write them atomically to this file: `*.prom` in the folder of node_exporter's textfile collector
    #[arg(long, value_name = "FILE")]
    pub output: Option<PathBuf>,
}

#[derive(Args, Debug)]
pub struct Facts {
    /// Output format
    #[arg(long, value_enum, default_value_t = FactsFormat::Ansible)]
    pub format: FactsFormat,
}

/// The format of facts.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum FactsFormat {
    /// Local facts, for a program in /etc/ansible/facts.d
    Ansible,
    /// External grains, all in one grain `klp`
    Salt,
}

#[derive(Args, Debug)]
pub struct Sign {
    /// Private key: a PEM or DER file, or anything else that openssl accepts as a key. The passphrase is read from
    /// $KBUILD_SIGN_PIN, or asked for
    #[arg(long, value_name = "KEY")]
    pub key: OsString,
    /// Certificate of the key, in PEM or DER
    #[arg(long, value_name = "CERT")]
    pub cert: PathBuf,
    /// Hash function, which has to be built into the kernel
    #[arg(long, value_parser = HASHES, default_value = HASHES[0])]
    pub hash: String,
    /// Write the signed module to this file instead of replacing the unsigned one
    #[arg(long, short, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// Module to sign; an existing signature is replaced
    #[arg(value_name = "FILE.ko")]
    pub file: PathBuf,
}

#[derive(Args, Debug)]
pub struct Verify {
    /// Accepted certificate, in PEM or DER; may be given more than once. The default is the enrolled machine owner
    /// keys (MOK)
    #[arg(long = "cert", value_name = "CERT")]
    pub certs: Vec<PathBuf>,
    /// Module to verify
    #[arg(value_name = "FILE.ko")]
    pub file: PathBuf,
}

#[derive(Args, Debug)]
pub struct Fixes {
    /// Identifiers such as CVE-2024-26602
    #[arg(value_name = "CVE", required = true)]
    pub ids: Vec<String>,
}

#[derive(Args, Debug)]
pub struct BlockersArgs {
    /// Patch name; the default is the patch in transition
    #[arg(value_name = "PATCH")]
    pub patch: Option<String>,
}

#[derive(Args, Debug)]
pub struct Force {
    /// Patch name
    #[arg(value_name = "PATCH")]
    pub patch: String,
    /// Do not ask for confirmation
    #[arg(long)]
    pub yes: bool,
}

#[derive(Args, Debug)]
pub struct Generate {
    /// Output folder
    #[arg(value_name = "DIR")]
    pub dir: PathBuf,
}

fn exit_statuses() -> String {
    let mut text = "Exit statuses:\n".to_owned();
    for (status, meaning) in Status::MEANINGS {
        text.push_str(&format!("  {}  {meaning}\n", status as u8));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory as _;

    #[test]
    fn definitions_are_valid() {
        Cli::command().debug_assert();
    }

    #[test]
    fn timeouts_are_parsed() {
        let cli =
            Cli::try_parse_from(["klpctl", "load", "--timeout", "2m", "fix.ko"]).expect("valid");
        let Command::Load(load) = cli.command else {
            panic!("another command");
        };
        assert_eq!(load.patience.timeout, Duration::from_secs(120));
        let error = Cli::try_parse_from(["klpctl", "load", "--timeout", "x", "fix.ko"])
            .expect_err("invalid");
        assert_eq!(error.exit_code(), i32::from(Status::Usage as u8));
    }
}
