// SPDX-License-Identifier: GPL-2.0-only

//! Installs Debian packages: the one thing here that takes root. One command does it, which the
//! user sees before it runs.

use std::collections::BTreeSet;
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, bail};

use crate::cache::Cache;
use crate::host::process;
use crate::host::programs::find;
use crate::host::progress::Step;

/// Options of the command that a person types.
const OPTIONS: &str = "--yes --no-install-recommends";

/// Options for unattended runs: another package manager may be running.
const UNATTENDED: &str = " --quiet -o DPkg::Lock::Timeout=600";

/// Disables the questions of packages.
const NO_QUESTIONS: &str = "DEBIAN_FRONTEND=noninteractive";

/// The way to root's rights.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Way {
    /// We are root.
    Root,
    /// sudo.
    Sudo,
    /// None: neither root nor sudo.
    None,
}

impl Way {
    /// The one of this process.
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
pub(super) fn is_there() -> bool {
    find("apt-get").is_some()
}

/// Whether sudo asks for a password.
pub(super) fn sudo_asks() -> bool {
    process::output(process::command("sudo").args(["-n", "true"])).is_err()
}

/// What to do about missing packages, for an error.
pub(super) fn how_to_install(missing: &BTreeSet<String>) -> String {
    if !is_there() {
        return without_apt(missing);
    }
    format!(
        "missing packages: {}. This installs them:\n    {}",
        names(missing),
        by_hand(missing, Way::find())
    )
}

/// The same, where there is no apt.
pub(super) fn without_apt(missing: &BTreeSet<String>) -> String {
    format!(
        "missing: {} (Debian's names). Install them with this system's package manager, then run \
         this again",
        names(missing)
    )
}

/// The shell script. Package lists may be missing or old; if they cannot be
/// updated, the existing ones may suffice.
fn script(packages: &BTreeSet<String>, more_options: &str) -> String {
    format!(
        "apt-get update; apt-get install {OPTIONS}{more_options} {}",
        shell_words::join(packages)
    )
}

/// The command as a person types it.
pub(super) fn by_hand(packages: &BTreeSet<String>, way: Way) -> String {
    let script = script(packages, "");
    match way {
        Way::Sudo => format!("sudo sh -c {}", shell_words::quote(&script)),
        Way::Root | Way::None => script,
    }
}

/// Packages as one reads them.
pub(super) fn names(packages: &BTreeSet<String>) -> String {
    packages
        .iter()
        .map(String::as_str)
        .collect::<Vec<_>>()
        .join(" ")
}

/// Runs the command. If sudo asks for a password, that needs a terminal.
pub(super) fn install(packages: &BTreeSet<String>, way: Way) -> Result<()> {
    if way == Way::Sudo && sudo_asks() {
        return install_in_foreground(packages);
    }
    let title = format!("installing {}", names(packages));
    let step = Step::start(&title, "a minute or less");
    let log = Cache::open()?.root().join("packages.log");
    step.run(&mut unattended(packages, way), &log)?;
    step.done();
    Ok(())
}

/// sudo asks for the password on the terminal, and apt's output is shown.
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

fn unattended(packages: &BTreeSet<String>, way: Way) -> Command {
    let mut command = match way {
        Way::Sudo => {
            let mut sudo = process::command("sudo");
            sudo.args(["-n", "env"]);
            sudo
        }
        Way::Root | Way::None => process::command("env"),
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
        let words = |way| -> Vec<String> {
            let command = unattended(&packages, way);
            std::iter::once(command.get_program())
                .chain(command.get_args())
                .map(|word| word.to_string_lossy().into_owned())
                .collect()
        };
        let script = "apt-get update; apt-get install --yes --no-install-recommends --quiet \
                      -o DPkg::Lock::Timeout=600 bc flex";
        let as_root = ["env", NO_QUESTIONS, "sh", "-c", script];
        assert_eq!(words(Way::Root), as_root);
        let by_sudo = words(Way::Sudo);
        assert_eq!(by_sudo[..2], ["sudo", "-n"]);
        assert_eq!(by_sudo[2..], as_root);
    }
}
