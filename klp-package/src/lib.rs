// SPDX-License-Identifier: GPL-2.0-only

//! Writes packages for distributions, `.deb` and `.rpm` files, without their tools.
//!
//! [`LivePatch`] makes the package of a live patch; [`Package`] is any package. The same input
//! and time give the same bytes.

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

/// A family of distributions.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Format {
    /// Debian's and its relatives'.
    Deb,
    /// Fedora's, SUSE's and their relatives'.
    Rpm,
}

/// A package to write.
#[derive(Clone, Debug)]
pub struct Package {
    /// Its name.
    pub name: String,
    /// The machine that it is for; none if its files are for any.
    pub machine: Option<Machine>,
    /// The version of its contents, without a `-`.
    pub version: String,
    /// How often that version was packaged, from 1.
    pub revision: u32,
    /// A short description.
    pub summary: String,
    /// A description in paragraphs.
    pub description: Vec<String>,
    /// The maintainer: `Jane Doe <jane@example.org>`.
    pub maintainer: String,
    /// The authors of its contents.
    pub authors: Vec<String>,
    /// Where to read more.
    pub homepage: Option<String>,
    /// The section of a Debian archive.
    pub section: &'static str,
    /// The changes of this version.
    pub change: String,
    /// When it was made; all files get this time.
    pub time: Timestamp,
    /// The files that it installs.
    pub files: Vec<File>,
    /// The folder of its program's persistent state: `apt purge` removes it with its contents. rpm
    /// has no purge, and removes it if it is empty.
    pub state_dir: Option<String>,
    /// Its dependencies.
    pub depends: Vec<Relation>,
    /// Packages that go when it is installed.
    pub supersedes: Vec<String>,
    /// The scripts that run while it is installed and removed.
    pub scripts: Scripts,
}

/// A file of a package, owned by root.
#[derive(Clone, Debug)]
pub struct File {
    /// Where it is installed, from `/`.
    pub path: String,
    /// Its contents.
    pub contents: Vec<u8>,
    /// Its mode, such as `0o644`.
    pub mode: u32,
}

/// Another package.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Relation {
    /// Its name.
    pub name: String,
    /// Which versions of it.
    pub version: Wanted,
}

/// Versions of a package.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Wanted {
    /// All of them.
    Any,
    /// This one.
    Exactly(String),
    /// This one, and later ones.
    AtLeast(String),
}

impl Relation {
    /// A package in any version.
    pub fn any(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            version: Wanted::Any,
        }
    }
}

/// Commands of `sh`, without its first line.
#[derive(Clone, Debug, Default)]
pub struct Scripts {
    /// Run after the files were installed, also by an upgrade.
    pub after_install: String,
    /// Run before the files are removed, not by an upgrade.
    pub before_remove: String,
    /// Run after the files were removed, not by an upgrade.
    pub after_remove: String,
    /// Run on purge. Only Debian's packages have this.
    pub after_purge: String,
}

impl Package {
    /// Writes the package into a folder, under its usual name. Returns the path.
    ///
    /// # Errors
    ///
    /// A name or the version is invalid in such a package, or the file cannot be written.
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

    /// The checks of both formats.
    fn check(&self) -> Result<()> {
        let is_name = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "+-.".contains(c);
        ensure!(
            self.name.len() > 1 && self.name.chars().all(is_name),
            "{:?} is no name of a package: it may have lower-case letters, digits, `+`, `-` and `.`",
            self.name
        );
        let is_version = |c: char| c.is_ascii_alphanumeric() || "+.~".contains(c);
        ensure!(
            self.version.starts_with(|c: char| c.is_ascii_digit())
                && self.version.chars().all(is_version),
            "{:?} is no version of a package: it begins with a digit, and may have letters, digits, `+`, `.` \
             and `~`, as in `1.0` or `1.1~rc2`",
            self.version
        );
        ensure!(self.revision > 0, "the revision of a package is 1 or more");
        let (name, rest) = self.maintainer.split_once('<').unwrap_or_default();
        ensure!(
            !name.trim().is_empty() && rest.ends_with('>') && rest.contains('@'),
            "{:?} is no maintainer: write a name and an address, as in `Jane Doe <jane@example.org>`",
            self.maintainer
        );
        let lines = [&self.summary, &self.change, &self.maintainer];
        for text in lines.into_iter().chain(&self.homepage) {
            ensure!(
                !text.chars().any(char::is_control),
                "{text:?} has to be one line"
            );
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A package of nothing.
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

    /// Another line would be another field of the package.
    #[test]
    fn what_becomes_a_field_is_one_line() {
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
            assert!(error.to_string().contains("one line"), "{error}");
        }
    }
}
