// SPDX-License-Identifier: GPL-2.0-only

//! Installs Debian packages with apt-get, the only operation of this crate that needs root. The
//! user sees the command before it runs.

use std::collections::BTreeSet;
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, bail};

use crate::cache::Cache;
use crate::host::process;
use crate::host::programs::find;
use crate::host::progress::Step;

/// The options of the command that is shown to the user.
const OPTIONS: &str = "--yes --no-install-recommends";

/// Additional options for unattended runs: waits if another package manager is running.
const UNATTENDED: &str = " --quiet -o DPkg::Lock::Timeout=600";

/// Disables debconf questions.
const NO_QUESTIONS: &str = "DEBIAN_FRONTEND=noninteractive";

/// How to become root.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Privilege {
    /// The process is root.
    Root,
    /// Through sudo.
    Sudo,
    /// Not possible: neither root nor sudo.
    None,
}

impl Privilege {
    /// Returns the one available to this process.
    pub(super) fn find() -> Self {
        if rustix::process::geteuid().is_root() {
            Self::Root
        } else if find("sudo").is_some() {
            Self::Sudo
        } else {
            Self::None
        }
    }
}

/// Whether this system has apt.
pub(super) fn is_available() -> bool {
    find("apt-get").is_some()
}

/// Whether sudo asks for a password.
pub(super) fn sudo_asks() -> bool {
    process::output(process::command("sudo").args(["-n", "true"])).is_err()
}

/// Returns the error text for missing packages, with the command that installs them.
pub(super) fn missing_message(missing: &BTreeSet<String>) -> String {
    if !is_available() {
        return missing_without_apt(missing);
    }
    format!(
        "missing packages: {}. This installs them:\n    {}",
        names(missing),
        install_command(missing, Privilege::find())
    )
}

/// Returns the error text for missing packages on a system without apt.
pub(super) fn missing_without_apt(missing: &BTreeSet<String>) -> String {
    format!(
        "missing: {} (Debian's names). Install them with this system's package manager, then run \
         this again",
        names(missing)
    )
}

/// Returns the shell script. Package lists may be missing or old; if they cannot be
/// updated, the existing ones may suffice.
fn script(packages: &BTreeSet<String>, more_options: &str) -> String {
    format!(
        "apt-get update; apt-get install {OPTIONS}{more_options} {}",
        shell_words::join(packages)
    )
}

/// Returns the command to type in a shell.
pub(super) fn install_command(packages: &BTreeSet<String>, privilege: Privilege) -> String {
    let script = script(packages, "");
    match privilege {
        Privilege::Sudo => format!("sudo sh -c {}", shell_words::quote(&script)),
        Privilege::Root | Privilege::None => script,
    }
}

/// Joins the names with spaces, for messages.
pub(super) fn names(packages: &BTreeSet<String>) -> String {
    packages
        .iter()
        .map(String::as_str)
        .collect::<Vec<_>>()
        .join(" ")
}

/// Installs the packages. A terminal is needed if sudo asks for a password.
pub(super) fn install(packages: &BTreeSet<String>, privilege: Privilege) -> Result<()> {
    if privilege == Privilege::Sudo && sudo_asks() {
        return install_in_foreground(packages);
    }
    let title = format!("installing {}", names(packages));
    let step = Step::start(&title, "a minute or less");
    let log = Cache::open()?.root().join("packages.log");
    step.run(&mut unattended(packages, privilege), &log)?;
    step.done();
    Ok(())
}

/// Installs with sudo on the terminal, for its password prompt, and shows apt's output.
fn install_in_foreground(packages: &BTreeSet<String>) -> Result<()> {
    let mut command = process::command("sudo");
    // Not in a separate process group, which could not read from the terminal.
    let status = command
        .args(["sh", "-c", &script(packages, "")])
        .stdin(Stdio::inherit())
        .status()
        .context("cannot run sudo")?;
    process::check_interrupted()?;
    if !status.success() {
        bail!("{} failed ({status})", process::describe(&command));
    }
    Ok(())
}

fn unattended(packages: &BTreeSet<String>, privilege: Privilege) -> Command {
    let mut command = match privilege {
        Privilege::Sudo => {
            let mut sudo = process::command("sudo");
            sudo.args(["-n", "env"]);
            sudo
        }
        Privilege::Root | Privilege::None => process::command("env"),
    };
    command.args([NO_QUESTIONS, "sh", "-c", &script(packages, UNATTENDED)]);
    command
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unattended_runs_use_the_shown_command_without_questions() {
        let packages = ["bc", "flex"].map(str::to_owned).into();
        let words = |privilege| -> Vec<String> {
            let command = unattended(&packages, privilege);
            std::iter::once(command.get_program())
                .chain(command.get_args())
                .map(|word| word.to_string_lossy().into_owned())
                .collect()
        };
        let script = "apt-get update; apt-get install --yes --no-install-recommends --quiet \
                      -o DPkg::Lock::Timeout=600 bc flex";
        let as_root = ["env", NO_QUESTIONS, "sh", "-c", script];
        assert_eq!(words(Privilege::Root), as_root);
        let by_sudo = words(Privilege::Sudo);
        assert_eq!(by_sudo[..2], ["sudo", "-n"]);
        assert_eq!(by_sudo[2..], as_root);
    }
}
