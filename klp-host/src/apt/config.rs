// SPDX-License-Identifier: GPL-2.0-only

//! apt's private configuration.
//!
//! `/etc/apt/apt.conf.d` and the user's `APT_CONFIG` have no direct effect, so settings that allow
//! unsigned lists, and hooks, are ignored. Only the settings in [`Host`] are taken over: those of the
//! network, the sandbox user, and whether dates are checked.

use std::path::Path;

use anyhow::Result;

use crate::arch::Arch;
use crate::host::process;

/// Network settings, including everything below them. None affects the verification of signatures and
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
    /// Configuration lines: proxies, certificates and the like.
    network: Vec<String>,
    /// The user that root's apt downloads as. `None` if the administrator disabled the sandbox, as is
    /// necessary in containers without other users.
    pub(super) sandbox: Option<String>,
    /// Whether outdated lists are refused. Users of an archive snapshot disable this.
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

    /// Returns the user that apt's download methods run as, if not that of this process.
    pub(super) fn sandbox(&self) -> Option<&str> {
        let is_root = rustix::process::geteuid().is_root();
        self.sandbox.as_deref().filter(|_| is_root)
    }

    /// Returns the configuration for a suite in the folder `dir`.
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

/// Returns apt's package sources: only this suite.
pub(super) fn sources(
    mirror: &str,
    suite: &str,
    arch: Arch,
    keyring: &Path,
    dates: Dates,
) -> String {
    // For `file:`, apt creates links to the lists, which could change after verification.
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

/// Whether apt parses the value as false.
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
    fn only_network_settings_are_taken_over() {
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
    fn values_cannot_inject_settings() {
        let dump = "Acquire::http::Proxy \"x\"; APT::Get::AllowUnauthenticated \"true\";\n\
                    Acquire::http::Proxy \"x\n\
                    APT::Get::AllowUnauthenticated \"true\";\n\
                    Acquire::http::a { b \"c\";\n";
        assert_eq!(Host::parse(dump).network, [""; 0]);
    }

    #[test]
    fn date_checks_and_the_sandbox_user_are_taken_over() {
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
    fn lists_are_copied_instead_of_linked() {
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
