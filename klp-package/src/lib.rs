// SPDX-License-Identifier: GPL-2.0-only

//! Writes distribution packages, `.deb` and `.rpm` files, without the distributions' tools.
//!
//! [`LivePatch`] makes the package of a live patch; [`Package`] describes any package. Packages are reproducible: the
//! same input and time give the same bytes.

#![forbid(unsafe_code)]

mod arch;
mod deb;
mod live_patch;
mod output;
mod rpm;
mod text;

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};
use jiff::Timestamp;
use klp_elf::Machine;

pub use live_patch::LivePatch;
pub use output::{Output, time};

/// A package format.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Format {
    /// Debian and derivatives.
    Deb,
    /// Fedora, SUSE and derivatives.
    Rpm,
}

/// A package to write.
#[derive(Clone, Debug)]
pub struct Package {
    /// The package name.
    pub name: String,
    /// The architecture; `None` if the package is architecture independent.
    pub machine: Option<Machine>,
    /// The version of its contents, without a `-`.
    pub version: String,
    /// The package revision of that version, from 1.
    pub revision: u32,
    /// The short description.
    pub summary: String,
    /// The paragraphs of the long description.
    pub description: Vec<String>,
    /// The maintainer: `Jane Doe <jane@example.org>`.
    pub maintainer: String,
    /// The authors of its contents.
    pub authors: Vec<String>,
    /// The URL of a page with more information.
    pub homepage: Option<String>,
    /// The section in a Debian archive.
    pub section: &'static str,
    /// The changes of this version.
    pub change: String,
    /// The build time, which all files get.
    pub time: Timestamp,
    /// The files that it installs.
    pub files: Vec<File>,
    /// The folder of its program's persistent state: `apt purge` removes it with its contents; rpm has no purge, and
    /// removes it if it is empty.
    pub state_dir: Option<String>,
    /// Its dependencies.
    pub depends: Vec<Relation>,
    /// The packages that are removed when it is installed.
    pub supersedes: Vec<String>,
    /// The scripts that run when it is installed and removed.
    pub scripts: Scripts,
}

/// A file of a package, owned by root.
#[derive(Clone, Debug)]
pub struct File {
    /// The absolute path where it is installed.
    pub path: String,
    /// Its contents.
    pub contents: Vec<u8>,
    /// Its mode, such as `0o644`.
    pub mode: u32,
}

/// A relation to another package.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Relation {
    /// The package name.
    pub name: String,
    /// The matching versions.
    pub version: VersionReq,
}

/// A version requirement.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum VersionReq {
    /// Any version.
    Any,
    /// This version.
    Exactly(String),
    /// This version or a later one.
    AtLeast(String),
}

impl Relation {
    /// A relation to any version of a package.
    pub fn any(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            version: VersionReq::Any,
        }
    }
}

/// Shell scripts, without the interpreter line.
#[derive(Clone, Debug, Default)]
pub struct Scripts {
    /// Runs after the files were installed, also by an upgrade.
    pub after_install: String,
    /// Runs before the files are removed, but not by an upgrade.
    pub before_remove: String,
    /// Runs after the files were removed, but not by an upgrade.
    pub after_remove: String,
    /// Runs on purge, in Debian's packages only.
    pub after_purge: String,
}

impl Package {
    /// Writes the package into a folder, with the format's usual file name. Returns the path.
    ///
    /// # Errors
    ///
    /// A field is invalid, or the file cannot be written.
    pub fn write(&self, format: Format, dir: &Path) -> Result<PathBuf> {
        self.check()?;
        let (name, bytes) = match format {
            Format::Deb => (deb::file_name(self), deb::bytes(self)?),
            Format::Rpm => (rpm::file_name(self), rpm::bytes(self)?),
        };
        let path = dir.join(name);
        std::fs::write(&path, bytes).with_context(|| format!("cannot write {}", path.display()))?;
        Ok(path)
    }

    /// Checks the fields that have the same rules in both formats.
    fn check(&self) -> Result<()> {
        let is_name = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "+-.".contains(c);
        ensure!(
            self.name.len() > 1 && self.name.chars().all(is_name),
            "{:?} is not a package name: use lower-case letters, digits, `+`, `-` and `.`",
            self.name
        );
        let is_version = |c: char| c.is_ascii_alphanumeric() || "+.~".contains(c);
        ensure!(
            self.version.starts_with(|c: char| c.is_ascii_digit())
                && self.version.chars().all(is_version),
            "{:?} is not a package version: begin with a digit, and use letters, digits, `+`, `.` and `~`, as in \
             `1.0` or `1.1~rc2`",
            self.version
        );
        ensure!(
            self.revision > 0,
            "the package revision has to be at least 1"
        );
        let (name, rest) = self.maintainer.split_once('<').unwrap_or_default();
        ensure!(
            !name.trim().is_empty() && rest.ends_with('>') && rest.contains('@'),
            "{:?} is not a maintainer: write a name and an address, as in `Jane Doe <jane@example.org>`",
            self.maintainer
        );
        let lines = [&self.summary, &self.change, &self.maintainer];
        for text in lines.into_iter().chain(&self.homepage) {
            ensure!(
                !text.chars().any(char::is_control),
                "{text:?} has to be a single line"
            );
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An empty package.
    pub(crate) fn package() -> Package {
        Package {
            name: "check".to_owned(),
            machine: Some(Machine::X86),
            version: "1.0".to_owned(),
            revision: 1,
            summary: "A check".to_owned(),
            description: Vec::new(),
            maintainer: "Jane Doe <jane@example.org>".to_owned(),
            authors: Vec::new(),
            homepage: None,
            section: "admin",
            change: "New version.".to_owned(),
            time: Timestamp::UNIX_EPOCH,
            files: Vec::new(),
            state_dir: None,
            depends: Vec::new(),
            supersedes: Vec::new(),
            scripts: Scripts::default(),
        }
    }

    /// A line break would start another field of the package.
    #[test]
    fn fields_are_single_lines() {
        let dir = tempfile::tempdir().unwrap();
        let two = || "https://example.org/\nDepends: other".to_owned();
        let wrong = [
            Package {
                summary: two(),
                ..package()
            },
            Package {
                homepage: Some(two()),
                ..package()
            },
        ];
        for package in wrong {
            let error = package.write(Format::Deb, dir.path()).unwrap_err();
            assert!(error.to_string().contains("single line"), "{error}");
        }
    }
}
