// SPDX-License-Identifier: GPL-2.0-only

//! The command line.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};
use klp_elf::sign::HASHES;

use crate::duration;
use crate::outcome::Status;

/// Loads, watches and takes back kernel live patches.
#[derive(Debug, Parser)]
#[command(name = "klpctl", version, after_help = exit_statuses())]
pub struct Cli {
    /// Print JSON: one object, also when the command fails.
    #[arg(long, global = true)]
    pub json: bool,
    /// Do not change anything: check, and say what would be done.
    #[arg(long, global = true)]
    pub dry_run: bool,
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Load a patch and wait until it is applied; take it back when it stalls
    Load(Load),
    /// Load a patch that replaces all others, and unload those
    Replace(Load),
    /// Disable a patch and unload it; leave it applied when it stalls
    Unload(Unload),
    /// Undo the last load or replace
    Rollback(Patience),
    /// Install patches: they are loaded whenever the kernel that they were built for boots
    Install(Install),
    /// Uninstall a patch: it is loaded at boot no more
    Uninstall(Uninstall),
    /// Load what is installed for the running kernel and not superseded by a cumulative patch: for the system's start
    Boot(Boot),
    /// List the patches that the kernel knows
    List,
    /// Say whether this machine is patched, and what is under way
    Status,
    /// Print the state of the machine as metrics for Prometheus
    Metrics(Metrics),
    /// Print the state of the machine as facts for Ansible or grains for Salt
    Facts(Facts),
    /// Say what a patch is: what it fixes, what it replaces, which kernel it is for
    Info(Info),
    /// Sign a module, in the kernel's format, with a key of your own
    Sign(Sign),
    /// Check who has signed a module
    Verify(Verify),
    /// Ask whether vulnerabilities are fixed by patches that are applied
    Fixes(Fixes),
    /// List the tasks that hold up a transition
    Blockers(Named),
    /// Wake the tasks that hold up a transition
    Signal(Named),
    /// End a transition by force. The patch can then never be unloaded
    Force(Force),
    /// Write the manual pages and the shells' completions into a folder: for packages
    #[command(hide = true)]
    Generate(Generate),
}

/// How long to wait.
#[derive(Args, Clone, Copy, Debug)]
pub struct Patience {
    /// The longest that a transition may take, such as `60`, `90s` or `2m`. After it, the tasks that hold it up
    /// are woken; when that does not help, it is reverted.
    #[arg(long, value_name = "TIME", default_value = "60", value_parser = duration::parse)]
    pub timeout: Duration,
}

#[derive(Args, Debug)]
pub struct Load {
    /// The patch: a kernel module, which may be compressed
    #[arg(value_name = "FILE.ko")]
    pub file: PathBuf,
    #[command(flatten)]
    pub patience: Patience,
    /// Leave it to the kernel to refuse what does not fit
    #[arg(long)]
    pub unchecked: bool,
}

#[derive(Args, Debug)]
pub struct Unload {
    /// The patch, by the name of its module, or of its series where one version is loaded
    #[arg(value_name = "PATCH")]
    pub patch: String,
    #[command(flatten)]
    pub patience: Patience,
}

#[derive(Args, Debug)]
pub struct Install {
    /// The patches, in the order in which they are to be loaded
    #[arg(value_name = "FILE.ko", required = true)]
    pub files: Vec<PathBuf>,
    /// Load them now, too
    #[arg(long)]
    pub now: bool,
    /// Uninstall all other patches for that kernel: for a patch that has the fixes of all others. Without it, those
    /// before a cumulative patch stay installed, for when it cannot be loaded
    #[arg(long)]
    pub replace: bool,
    #[command(flatten)]
    pub patience: Patience,
    /// Leave it to the kernel to refuse what does not fit
    #[arg(long)]
    pub unchecked: bool,
}

#[derive(Args, Debug)]
pub struct Uninstall {
    /// The patch, by the name of its module, or of its series where there is one version
    #[arg(value_name = "PATCH")]
    pub patch: String,
    /// Only for this kernel release; without it, for all for which it is installed
    #[arg(long, value_name = "RELEASE")]
    pub kernel: Option<String>,
    /// Unload it now, too
    #[arg(long)]
    pub now: bool,
    /// A patch that is not installed is no failure: for scripts of packages
    #[arg(long)]
    pub missing_ok: bool,
    /// All versions of the patch, where each has its version in the name of its module
    #[arg(long)]
    pub all_versions: bool,
    #[command(flatten)]
    pub patience: Patience,
}

#[derive(Args, Debug)]
pub struct Boot {
    /// Call the machine healthy: what was loaded since it started is no longer on trial. Loads nothing
    #[arg(long, conflicts_with_all = ["retry", "shutdown"])]
    pub healthy: bool,
    /// The machine shuts down in order, so nothing that was loaded is to blame. Loads nothing
    #[arg(long, conflicts_with = "retry")]
    pub shutdown: bool,
    /// Load patches that were held out, too: those named, or all
    #[arg(long, value_name = "PATCH", num_args = 0..)]
    pub retry: Option<Vec<String>>,
    #[command(flatten)]
    pub patience: Patience,
    /// Leave it to the kernel to refuse what does not fit
    #[arg(long)]
    pub unchecked: bool,
}

#[derive(Args, Debug)]
pub struct Info {
    /// A module's file, or the name of a patch that klpctl has loaded or that is installed
    #[arg(value_name = "FILE.ko|PATCH")]
    pub patch: PathBuf,
}

#[derive(Args, Debug)]
pub struct Metrics {
    /// Write them to this file, whole or not at all: `*.prom` in the folder of node_exporter's textfile collector
    #[arg(long, value_name = "FILE")]
    pub output: Option<PathBuf>,
}

#[derive(Args, Debug)]
pub struct Facts {
    /// Who is to read them
    #[arg(long, value_enum, default_value_t = FactsFormat::Ansible)]
    pub format: FactsFormat,
}

/// What facts look like.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum FactsFormat {
    /// Local facts, for a program in /etc/ansible/facts.d
    Ansible,
    /// External grains: all of it in one grain, `klp`
    Salt,
}

#[derive(Args, Debug)]
pub struct Sign {
    /// The private key: a file in PEM or DER, or what else openssl takes for one. Its passphrase is read from
    /// $KBUILD_SIGN_PIN, or asked for
    #[arg(long, value_name = "KEY")]
    pub key: OsString,
    /// The certificate of that key, in PEM or DER
    #[arg(long, value_name = "CERT")]
    pub cert: PathBuf,
    /// The hash function. The kernel has to have it built in
    #[arg(long, value_parser = HASHES, default_value = HASHES[0])]
    pub hash: String,
    /// Write the signed module to this file, and leave the other one as it is
    #[arg(long, short, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// The module. A signature that it has is replaced
    #[arg(value_name = "FILE.ko")]
    pub file: PathBuf,
}

#[derive(Args, Debug)]
pub struct Verify {
    /// A certificate that may have signed it, in PEM or DER; may be given more than once. Without it, those that the
    /// machine's owner has enrolled (MOK)
    #[arg(long = "cert", value_name = "CERT")]
    pub certs: Vec<PathBuf>,
    /// The module
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
pub struct Named {
    /// The patch. Without it, the one in transition
    #[arg(value_name = "PATCH")]
    pub patch: Option<String>,
}

#[derive(Args, Debug)]
pub struct Force {
    /// The patch
    #[arg(value_name = "PATCH")]
    pub patch: String,
    /// Do not ask
    #[arg(long)]
    pub yes: bool,
}

#[derive(Args, Debug)]
pub struct Generate {
    /// The folder
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
    fn the_definitions_hold() {
        Cli::command().debug_assert();
    }

    #[test]
    fn times_are_read() {
        let cli =
            Cli::try_parse_from(["klpctl", "load", "--timeout", "2m", "fix.ko"]).expect("right");
        let Command::Load(load) = cli.command else {
            panic!("another command");
        };
        assert_eq!(load.patience.timeout, Duration::from_secs(120));
        let error =
            Cli::try_parse_from(["klpctl", "load", "--timeout", "x", "fix.ko"]).expect_err("wrong");
        assert_eq!(error.exit_code(), i32::from(Status::Usage as u8));
    }
}
