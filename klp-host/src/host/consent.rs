// SPDX-License-Identifier: GPL-2.0-only

//! The user's consent to installing packages, which needs root, and to network access.
//!
//! It is given on the command line or in the environment, which child processes inherit.

use std::ffi::OsString;
use std::process::Command;
use std::sync::OnceLock;

use anyhow::{Result, bail};
use clap::Args;
use clap::builder::FalseyValueParser;

/// Allows installing packages without a question.
pub(crate) const INSTALL: &str = "KLP_INSTALL";

/// Forbids the network.
const OFFLINE: &str = "KLP_OFFLINE";

/// Forbids the network for cargo.
const CARGO_OFFLINE: &str = "CARGO_NET_OFFLINE";

/// A word in cargo's error message when it needs the network and may not use it.
const CARGO_OFFLINE_ERROR: &str = "offline";

/// The option that forbids the network.
const OFFLINE_OPTION: &str = "--offline";

static POLICY: OnceLock<Policy> = OnceLock::new();

/// The command line options for consent.
#[derive(Args, Clone, Copy, Debug)]
#[command(next_help_heading = "Options of all commands")]
pub struct ConsentArgs {
    /// Install missing Debian packages without asking, as root or with sudo.
    #[arg(long, global = true, env = INSTALL, hide_env_values = true,
          value_parser = FalseyValueParser::new())]
    install: bool,
    /// Do not use the network: work with what this machine has, or say what is missing.
    #[arg(long, global = true, env = OFFLINE, hide_env_values = true,
          value_parser = FalseyValueParser::new())]
    offline: bool,
}

impl ConsentArgs {
    /// Sets the policy of this process. `command` is its command line.
    pub fn apply(self, command: impl IntoIterator<Item = OsString>) {
        let policy = Policy {
            install: if self.install {
                Install::Yes
            } else {
                Install::Ask
            },
            offline: self.offline,
            online_command: online_command(command, std::env::var_os(OFFLINE).is_some()),
        };
        // Set only once: a process has one command line.
        let _ = POLICY.set(policy);
    }
}

/// Whether packages may be installed without a question.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) enum Install {
    /// Ask first.
    #[default]
    Ask,
    /// Install without a question.
    Yes,
}

/// What the user allows. Default: ask before installing, and use the network.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(crate) struct Policy {
    pub(crate) install: Install,
    pub(crate) offline: bool,
    /// The command line without `--offline`.
    pub(crate) online_command: String,
}

impl Policy {
    /// Fails if network access is forbidden. `missing` is what it would fetch.
    pub(crate) fn check_online(&self, missing: &str) -> Result<()> {
        if self.offline {
            bail!(
                "{missing}, and {OFFLINE_OPTION} forbids the network. Run this once without it:\n    {}",
                self.online_command
            );
        }
        Ok(())
    }

    /// Returns advice for a build that failed with this output because cargo may not
    /// fetch a crate.
    fn explain(&self, output: &str) -> Option<String> {
        let is_reason = self.offline && output.contains(CARGO_OFFLINE_ERROR);
        is_reason.then(|| {
            format!(
                "cargo lacks a crate, and {OFFLINE_OPTION} forbids the network. Run this once \
                 without it:\n    {}",
                self.online_command
            )
        })
    }

    /// Passes the policy to a child process.
    fn pass_on(&self, command: &mut Command) {
        if self.install == Install::Yes {
            command.env(INSTALL, "1");
        }
        if self.offline {
            command.env(OFFLINE, "1").env(CARGO_OFFLINE, "true");
        }
    }
}

/// Returns the policy of this process.
pub(crate) fn policy() -> &'static Policy {
    static DEFAULT: Policy = Policy {
        install: Install::Ask,
        offline: false,
        online_command: String::new(),
    };
    POLICY.get().unwrap_or(&DEFAULT)
}

/// Fails if network access is forbidden. `missing` is what it would fetch: "the cache has
/// no kernel source".
pub(crate) fn check_online(missing: &str) -> Result<()> {
    policy().check_online(missing)
}

/// Whether the network is forbidden.
pub(crate) fn is_offline() -> bool {
    policy().offline
}

/// Returns advice for a build that failed with this output because the network is
/// forbidden.
pub(crate) fn explain_offline(output: &str) -> Option<String> {
    policy().explain(output)
}

/// Passes the policy to a child process.
pub(super) fn pass_on(command: &mut Command) {
    policy().pass_on(command);
}

/// Returns the command line without `--offline`, and with the variable overridden if it is set.
fn online_command(words: impl IntoIterator<Item = OsString>, is_set: bool) -> String {
    let mut options_ended = false;
    let words = words.into_iter().filter_map(|word| {
        let word = word.to_string_lossy().into_owned();
        options_ended |= word == "--";
        (options_ended || word != OFFLINE_OPTION).then_some(word)
    });
    let command = shell_words::join(words);
    if is_set {
        format!("{OFFLINE}=0 {command}")
    } else {
        command
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn offline() -> Policy {
        Policy {
            offline: true,
            online_command: "cargo klp build".to_owned(),
            ..Policy::default()
        }
    }

    fn inherited(policy: &Policy) -> Vec<(String, String)> {
        let mut command = Command::new("true");
        policy.pass_on(&mut command);
        let text = |text: &std::ffi::OsStr| text.to_string_lossy().into_owned();
        command
            .get_envs()
            .filter_map(|(name, value)| Some((text(name), text(value?))))
            .collect()
    }

    #[test]
    fn offline_errors_name_the_command_for_what_is_missing() {
        Policy::default().check_online("x").unwrap();
        let text = offline()
            .check_online("the cache has no kernel")
            .unwrap_err()
            .to_string();
        assert_eq!(
            text,
            "the cache has no kernel, and --offline forbids the network. Run this once without it:\n    \
             cargo klp build"
        );
    }

    #[test]
    fn a_build_that_fails_for_lack_of_the_network_is_explained() {
        let cargo_error = "error: no matching package named `object` found\n\
                        As a reminder, you're using offline mode (--offline)";
        let text = offline().explain(cargo_error).unwrap();
        assert!(text.ends_with("\n    cargo klp build"), "{text}");
        assert_eq!(offline().explain("error: mismatched types"), None);
        assert_eq!(Policy::default().explain(cargo_error), None);
    }

    #[test]
    fn the_online_command_is_the_same_without_the_option() {
        let online = |text: &str, is_set| online_command(text.split(' ').map(Into::into), is_set);
        assert_eq!(
            online("cargo xtask vm --offline --smp 4 -- cat --offline", false),
            "cargo xtask vm --smp 4 -- cat --offline"
        );
        assert_eq!(
            online("cargo klp build", true),
            "KLP_OFFLINE=0 cargo klp build"
        );
    }

    #[test]
    fn children_inherit_the_consent() {
        assert_eq!(inherited(&Policy::default()), []);
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        assert_eq!(
            inherited(&offline()),
            [pair("CARGO_NET_OFFLINE", "true"), pair("KLP_OFFLINE", "1")]
        );
        let yes = Policy {
            install: Install::Yes,
            ..Policy::default()
        };
        assert_eq!(inherited(&yes), [pair("KLP_INSTALL", "1")]);
    }
}
