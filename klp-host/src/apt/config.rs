// SPDX-License-Identifier: GPL-2.0-only

//! apt's private configuration.
//!
//! `/etc/apt/apt.conf.d` and the user's `APT_CONFIG` are not read: settings that allow unsigned
//! lists, or hooks, have no effect. Only what is listed here is taken
//! over: network settings, and two decisions of the machine's administrator.

use std::path::Path;

use anyhow::Result;

use crate::arch::Arch;
use crate::host::process;

/// Network settings, with all below them. None affects verification by signatures and
/// hashes.
const NETWORK: &[&str] = &[
    "acquire::forceipv4",
    "acquire::forceipv6",
    "acquire::http",
    "acquire::https",
    "acquire::tor",
];

/// The settings taken over from this machine's configuration.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Host {
    /// Lines of configuration: proxies, certificates and the like.
    network: Vec<String>,
    /// The user as whom root's apt downloads. `None` where the administrator has turned that
    /// off, as containers without other users need.
    pub(super) sandbox: Option<String>,
    /// Whether outdated lists are refused. Users of an archive snapshot disable
    /// that for the machine.
    pub(super) checks_dates: bool,
}

impl Host {
    /// Reads apt's configuration.
    pub(super) fn read() -> Result<Self> {
        let dump = process::output(process::command("apt-config").arg("dump"))?;
        Ok(Self::parse(&dump))
    }

    pub(super) fn parse(dump: &str) -> Self {
        let mut host = Self {
            network: Vec::new(),
            sandbox: Some("_apt".to_owned()),
            checks_dates: true,
        };
        for line in dump.lines() {
            let Some((name, value)) = setting(line) else {
                continue;
            };
            match name.to_ascii_lowercase().as_str() {
                "apt::sandbox::user" => {
                    host.sandbox = Some(value.to_owned()).filter(|user| is_other_user(user));
                }
                "acquire::check-date" | "acquire::check-valid-until" if is_false(value) => {
                    host.checks_dates = false;
                }
                name if is_network(name) => host.network.push(line.to_owned()),
                _ => {}
            }
        }
        host
    }

    /// As whom the methods of apt run that talk to the network.
    pub(super) fn sandbox(&self) -> Option<&str> {
        let is_root = rustix::process::geteuid().is_root();
        self.sandbox.as_deref().filter(|_| is_root)
    }

    /// The configuration for a suite in the folder `dir`.
    pub(super) fn configuration(&self, dir: &Path, arch: Arch, dates: Dates) -> String {
        let arch = arch.facts().debian;
        let sandbox = self.sandbox().unwrap_or_default();
        let network = self.network.join("\n");
        let dir = dir.display();
        let check = dates.word("true", "false");
        format!(
            r#"{network}
Dir::Etc::Parts "{dir}/parts";
Dir::Etc::Main "/dev/null";
Dir::Etc::SourceList "{dir}/klp.sources";
Dir::Etc::SourceParts "{dir}/parts";
Dir::Etc::Preferences "/dev/null";
Dir::Etc::PreferencesParts "{dir}/parts";
Dir::Etc::Trusted "/dev/null";
Dir::Etc::TrustedParts "{dir}/parts";
Dir::State::Lists "{dir}/lists";
Dir::State::Status "{dir}/status";
Dir::Cache "{dir}/cache";
APT::Architecture "{arch}";
APT::Architectures {{ "{arch}"; }};
APT::Get::AllowUnauthenticated "false";
APT::Sandbox::User "{sandbox}";
APT::Update::Error-Mode "any";
Acquire::AllowDowngradeToInsecureRepositories "false";
Acquire::AllowInsecureRepositories "false";
Acquire::AllowWeakRepositories "false";
Acquire::Check-Date "{check}";
Acquire::Check-Valid-Until "{check}";
Acquire::GzipIndexes "false";
Acquire::Languages "none";
Acquire::Retries "3";
"#
        )
    }
}

/// Whether lists that are out of date are refused.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Dates {
    Checked,
    Ignored,
}

impl Dates {
    fn word(self, checked: &'static str, ignored: &'static str) -> &'static str {
        match self {
            Self::Checked => checked,
            Self::Ignored => ignored,
        }
    }
}

/// The suite as apt's only package source.
pub(super) fn sources(
    mirror: &str,
    suite: &str,
    arch: Arch,
    keyring: &Path,
    dates: Dates,
) -> String {
    // apt links to lists that are files already: they could change after they were verified.
    let mirror = match mirror.strip_prefix("file:") {
        Some(path) => format!("copy:{path}"),
        None => mirror.to_owned(),
    };
    let keyring = keyring.display();
    let arch = arch.facts().debian;
    let check = dates.word("yes", "no");
    format!(
        "Types: deb\nURIs: {mirror}\nSuites: {suite}\nComponents: main\n\
         Architectures: {arch}\nTargets: Packages\nSigned-By: {keyring}\n\
         Allow-Insecure: no\nAllow-Weak: no\nAllow-Downgrade-To-Insecure: no\n\
         Check-Date: {check}\nCheck-Valid-Until: {check}\n"
    )
}

/// Parses `NAME "VALUE";`. Other forms are skipped.
fn setting(line: &str) -> Option<(&str, &str)> {
    let (name, value) = line.strip_suffix("\";")?.split_once(" \"")?;
    let is_plain = !name.contains(['"', ' ']) && !value.contains('"');
    is_plain.then_some((name, value))
}

fn is_network(name: &str) -> bool {
    NETWORK.iter().any(|start| {
        name.strip_prefix(start)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
    })
}

fn is_other_user(user: &str) -> bool {
    !user.is_empty() && user != "root"
}

/// As apt reads it.
fn is_false(value: &str) -> bool {
    ["0", "no", "false", "without", "off", "disable"].contains(&value.to_ascii_lowercase().as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOOSE: &str = r#"
APT::Get::AllowUnauthenticated "true";
APT::Sandbox::User "_apt";
APT::Update::Pre-Invoke:: "touch /tmp/x";
Acquire::AllowInsecureRepositories "1";
Acquire::AllowWeakRepositories "1";
Acquire::http "";
Acquire::http::Proxy "http://proxy.example:3128/";
Acquire::HTTP::Proxy::deb.example "DIRECT";
Acquire::httpx::y "z";
Acquire::https::CAInfo "/etc/x.pem";
Dir::Bin::gpg "/tmp/gpg";
Dir::Bin::Methods "/tmp/methods";
"#;

    #[test]
    fn only_the_way_to_the_network_is_taken_over() {
        let host = Host::parse(LOOSE);
        assert_eq!(
            host.network,
            [
                "Acquire::http \"\";",
                "Acquire::http::Proxy \"http://proxy.example:3128/\";",
                "Acquire::HTTP::Proxy::deb.example \"DIRECT\";",
                "Acquire::https::CAInfo \"/etc/x.pem\";",
            ]
        );
        assert!(host.checks_dates);
        let text = host.configuration(Path::new("/dir"), Arch::default(), Dates::Checked);
        assert!(
            !text.contains("/tmp/") && !text.contains("Invoke"),
            "{text}"
        );
        for name in [
            "APT::Get::AllowUnauthenticated",
            "Acquire::AllowInsecureRepositories",
            "Acquire::AllowWeakRepositories",
            "Acquire::AllowDowngradeToInsecureRepositories",
        ] {
            assert!(text.contains(&format!("{name} \"false\";\n")), "{name}");
        }
    }

    #[test]
    fn values_cannot_smuggle_settings_in() {
        let dump = "Acquire::http::Proxy \"x\"; APT::Get::AllowUnauthenticated \"true\";\n\
                    Acquire::http::Proxy \"x\n\
                    APT::Get::AllowUnauthenticated \"true\";\n\
                    Acquire::http::a { b \"c\";\n";
        assert_eq!(Host::parse(dump).network, [""; 0]);
    }

    #[test]
    fn an_administrator_decides_on_dates_and_on_roots_sandbox() {
        for line in [
            "Acquire::Check-Valid-Until \"false\";",
            "Acquire::Check-Date \"0\";",
        ] {
            assert!(!Host::parse(line).checks_dates, "{line}");
        }
        assert!(Host::parse("Acquire::Check-Date \"true\";").checks_dates);
        for (value, user) in [("_apt", Some("_apt")), ("root", None), ("", None)] {
            let host = Host::parse(&format!("APT::Sandbox::User \"{value}\";"));
            assert_eq!(host.sandbox.as_deref(), user);
        }
    }

    #[test]
    fn lists_are_copied_and_never_linked_to() {
        let text = sources(
            "file:///srv/debian",
            "sid",
            Arch::default(),
            Path::new("/k.gpg"),
            Dates::Checked,
        );
        assert!(text.contains("URIs: copy:///srv/debian\n"), "{text}");
        assert!(text.contains("Signed-By: /k.gpg\n"), "{text}");
        assert!(text.contains("Check-Valid-Until: yes\n"), "{text}");
    }
}
