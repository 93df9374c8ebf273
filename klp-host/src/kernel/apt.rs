// SPDX-License-Identifier: GPL-2.0-only

//! Asks Debian's archive for packages, beside the system's own package sources: the mirror is
//! the one that the system uses, the suite is ours, lists and files stay in our cache, and apt
//! checks all signatures.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, bail};

use crate::cache::Cache;
use crate::host::files::write_atomic;
use crate::host::progress::Step;
use crate::host::{packages, process};

/// Debian's keys, from the package `debian-archive-keyring`.
const KEYRING: &str = "/usr/share/keyrings/debian-archive-keyring.gpg";

/// Names a mirror of Debian's archive where the system's own sources have none.
const MIRROR_VARIABLE: &str = "KLP_DEBIAN_MIRROR";

/// What to do where Debian's packages cannot be had.
pub(crate) const OTHERWISE: &str =
    "or give a kernel source tree: cargo xtask kernel build --core c --source TREE";

/// One version of a package, as the archive lists it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Package {
    pub name: String,
    pub version: String,
}

/// One suite of Debian's archive.
#[derive(Debug)]
pub(crate) struct Suite {
    name: String,
    dir: PathBuf,
}

impl Suite {
    /// Sets up apt's private files for a suite.
    pub(crate) fn open(cache: &Cache, name: &str) -> Result<Self> {
        if packages::find("apt-get").is_none() {
            bail!(
                "this system has no apt to fetch Debian's kernel with: use a Debian machine, {OTHERWISE}"
            );
        }
        packages::ensure(&["debian-archive-keyring"])?;
        let suite = Self {
            name: name.to_owned(),
            dir: cache.root().join("apt").join(name),
        };
        for part in ["lists/partial", "cache/archives/partial", "parts"] {
            let path = suite.dir.join(part);
            fs::create_dir_all(&path).with_context(|| format!("cannot make {}", path.display()))?;
        }
        write_atomic(&suite.dir.join("status"), "")?;
        write_atomic(&suite.dir.join("apt.conf"), &configuration(&suite.dir))?;
        Ok(suite)
    }

    /// Gets the suite's package lists.
    pub(crate) fn update(&self, step: &Step) -> Result<()> {
        write_atomic(&self.sources(), &sources(&mirror()?, &self.name))?;
        let log = self.log();
        step.run(self.apt("apt-get").args(["--quiet", "update"]), &log)
            .with_context(|| {
                format!(
                    "cannot read Debian's suite {}: check the network, {OTHERWISE}",
                    self.name
                )
            })
    }

    /// The names of the packages that start like this.
    pub(crate) fn names(&self, start: &str) -> Result<Vec<String>> {
        let text = process::output(self.apt("apt-cache").args(["pkgnames", start]))?;
        Ok(text.lines().map(str::to_owned).collect())
    }

    /// All versions of these packages.
    pub(crate) fn versions(&self, names: &[String]) -> Result<Vec<Package>> {
        if names.is_empty() {
            return Ok(Vec::new());
        }
        let text = process::output(self.apt("apt-cache").arg("show").args(names))?;
        Ok(parse_packages(&text))
    }

    /// Whether lists were ever asked for.
    pub(crate) fn has_lists(&self) -> bool {
        self.sources().is_file()
    }

    /// Downloads a package into the folder, taking up a download that was cut off; gives the file.
    pub(crate) fn download(&self, package: &Package, dir: &Path, step: &Step) -> Result<PathBuf> {
        let Package { name, version } = package;
        step.run(
            self.apt("apt-get")
                .args(["--quiet", "download", &format!("{name}={version}")])
                .current_dir(dir),
            &self.log(),
        )?;
        find_deb(dir, name)
    }

    fn sources(&self) -> PathBuf {
        self.dir.join("klp.sources")
    }

    /// What apt said.
    pub(crate) fn log(&self) -> PathBuf {
        self.dir.join("apt.log")
    }

    fn apt(&self, program: &str) -> Command {
        let mut command = process::command(program);
        command.arg("-c").arg(self.dir.join("apt.conf"));
        command
    }
}

/// apt's configuration: everything of ours in our folder, and none of the system's hooks.
fn configuration(dir: &Path) -> String {
    let dir = dir.display();
    format!(
        r#"Dir::Etc::sourcelist "{dir}/klp.sources";
Dir::Etc::sourceparts "{dir}/parts";
Dir::Etc::preferences "{dir}/preferences";
Dir::Etc::preferencesparts "{dir}/parts";
Dir::State::lists "{dir}/lists";
Dir::State::status "{dir}/status";
Dir::Cache "{dir}/cache";
APT::Sandbox::User "";
APT::Architecture "amd64";
APT::Architectures {{ "amd64"; }};
Acquire::Languages "none";
Acquire::Retries "3";
APT::Update::Error-Mode "any";
#clear APT::Update::Pre-Invoke;
#clear APT::Update::Post-Invoke;
#clear APT::Update::Post-Invoke-Success;
"#
    )
}

fn sources(mirror: &str, suite: &str) -> String {
    format!(
        "Types: deb\nURIs: {mirror}\nSuites: {suite}\nComponents: main\n\
         Architectures: amd64\nTargets: Packages\nSigned-By: {KEYRING}\n"
    )
}

/// The mirror of Debian's archive that this system uses.
fn mirror() -> Result<String> {
    if let Some(mirror) = std::env::var(MIRROR_VARIABLE)
        .ok()
        .filter(|it| !it.is_empty())
    {
        return Ok(mirror);
    }
    let known = process::output(process::command("apt-get").args([
        "indextargets",
        "--format",
        "$(REPO_URI) $(ORIGIN) $(LABEL)",
        "Created-By: Packages",
    ]))?;
    if let Some(mirror) = mirror_of_targets(&known) {
        return Ok(mirror);
    }
    // Without package lists (fresh containers) there is only what an update would get.
    let planned = process::output(process::command("apt-get").args(["update", "--print-uris"]))?;
    mirror_of_uris(&planned).with_context(|| {
        format!(
            "this system's package sources name no mirror of Debian's archive: \
             set {MIRROR_VARIABLE} to the address of one, {OTHERWISE}"
        )
    })
}

/// Picks the mirror from lines of address, origin and label.
fn mirror_of_targets(text: &str) -> Option<String> {
    text.lines()
        .filter_map(|line| line.strip_suffix(" Debian Debian"))
        .map(str::to_owned)
        .next()
}

/// Picks the mirror from `'ADDRESS/dists/SUITE/...' ...` lines: there, only the address tells.
fn mirror_of_uris(text: &str) -> Option<String> {
    text.lines()
        .filter_map(|line| line.strip_prefix('\'')?.split_once("/dists/"))
        .map(|(mirror, _)| mirror)
        .find(|mirror| mirror.trim_end_matches('/').ends_with("/debian"))
        .map(str::to_owned)
}

/// Reads the stanzas of `apt-cache show`.
fn parse_packages(text: &str) -> Vec<Package> {
    text.split("\n\n")
        .filter_map(|stanza| {
            let field = |name: &str| {
                let mut lines = stanza.lines();
                lines.find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
            };
            Some(Package {
                name: field("Package")?.to_owned(),
                version: field("Version")?.to_owned(),
            })
        })
        .collect()
}

/// The file that a download of this package left.
fn find_deb(dir: &Path, name: &str) -> Result<PathBuf> {
    let start = format!("{name}_");
    let files = dir
        .read_dir()
        .with_context(|| format!("cannot read {}", dir.display()))?;
    files
        .flatten()
        .map(|file| file.path())
        .find(|path| {
            let file = path.file_name().unwrap_or_default().to_string_lossy();
            file.starts_with(&start) && file.ends_with(".deb")
        })
        .with_context(|| {
            format!(
                "apt downloaded {name}, but there is no file in {}",
                dir.display()
            )
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mirror_is_debians_and_not_the_security_archive() {
        let text = "http://a.example/sec/ Debian Debian-Security\n\
                    http://b.example/deb/ Debian Debian\n\
                    http://c.example/node/ Node Node\n";
        assert_eq!(
            mirror_of_targets(text).as_deref(),
            Some("http://b.example/deb/")
        );
        assert_eq!(mirror_of_targets("http://a.example/  \n"), None);
    }

    #[test]
    fn without_lists_the_mirror_is_told_by_its_address() {
        let text = "'https://p.example/apt/dists/sdk/InRelease' x 0 \n\
                    'http://d.example/debian-security/dists/bookworm-security/InRelease' x 0 \n\
                    'http://d.example/debian/dists/bookworm/InRelease' x 0 \n";
        assert_eq!(
            mirror_of_uris(text).as_deref(),
            Some("http://d.example/debian")
        );
        assert_eq!(
            mirror_of_uris("'http://u.example/ubuntu/dists/noble/InRelease' x 0"),
            None
        );
    }

    #[test]
    fn packages_are_read_from_stanzas() {
        let text = "Package: a\nSource: x\nVersion: 1-1\nDescription: foo\n Version: 9\n\n\
                    Package: b\nVersion: 2~bpo1\n\nNonsense\n";
        let package = |name: &str, version: &str| Package {
            name: name.to_owned(),
            version: version.to_owned(),
        };
        assert_eq!(
            parse_packages(text),
            [package("a", "1-1"), package("b", "2~bpo1")]
        );
    }
}
