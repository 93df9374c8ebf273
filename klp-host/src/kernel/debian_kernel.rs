// SPDX-License-Identifier: GPL-2.0-only

//! Names of Debian's kernels on the command line: a line, a flavour, and optionally a version.

use std::str::FromStr;

use anyhow::{Result, ensure};

use super::debian_line::{Flavour, LINES, Line};
use crate::apt;

/// One of Debian's kernels.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct DebianKernel {
    /// Its line.
    pub line: &'static Line,
    /// Its flavour.
    pub flavour: Flavour,
    /// The release, by the version of its packages (`6.12.107-1`) or by the output of `uname -r`.
    /// `None`: any.
    pub version: Option<&'static str>,
    /// `debian-13/rt/6.12.107-1`.
    name: &'static str,
}

impl DebianKernel {
    /// Returns the newest kernel of a line, in the default flavour.
    pub const fn plain(line: &'static Line) -> Self {
        Self {
            line,
            flavour: Flavour::Plain,
            version: None,
            name: line.name,
        }
    }

    fn new(line: &'static Line, flavour: Flavour, version: Option<&str>) -> Self {
        let parts = [Some(line.name), flavour.name(), version];
        let parts: Vec<_> = parts.into_iter().flatten().collect();
        Self {
            line,
            flavour,
            version: version.map(leak),
            name: leak(&parts.join("/")),
        }
    }

    /// Returns the newest kernel of a line and flavour.
    pub fn newest(line: &'static Line, flavour: Flavour) -> Self {
        Self::new(line, flavour, None)
    }

    /// Returns its name on the command line: `debian-13/rt`.
    pub fn name(self) -> &'static str {
        self.name
    }

    /// Returns its name in file names.
    pub(super) fn label(self) -> String {
        self.name.replace('/', "-")
    }

    /// Returns its name in file names, without the version.
    pub(super) fn family(self) -> String {
        Self::newest(self.line, self.flavour).label()
    }

    /// Parses an argument: `NAME`, `NAME/rt`, `NAME/rt/VERSION`, or the output of `uname -r`. `None`
    /// if it is none of Debian's kernels.
    ///
    /// # Errors
    ///
    /// The name of a line is followed by neither a flavour nor a version.
    pub fn parse(text: &str) -> Result<Option<Self>> {
        let (name, rest) = match text.split_once('/') {
            Some((name, rest)) => (name, Some(rest)),
            None => (text, None),
        };
        let Some(line) = Line::named(name) else {
            return Ok(Self::of_release(text));
        };
        let Some(rest) = rest else {
            return Ok(Some(Self::plain(line)));
        };
        let (first, more) = match rest.split_once('/') {
            Some((first, more)) => (first, Some(more)),
            None => (rest, None),
        };
        let flavour = Flavour::ALL
            .into_iter()
            .find(|flavour| flavour.name() == Some(first));
        let version = match flavour {
            Some(_) => more,
            None => Some(rest),
        };
        let of_version = version.and_then(|version| line.flavour_of(version));
        let flavour = flavour.or(of_version).unwrap_or(Flavour::Plain);
        if let Some(version) = version {
            ensure!(
                apt::is_version(version),
                "{text}: {version:?} is neither a flavour (cloud, rt) nor a version such as 6.12.107-1; \
                 a folder of this name is ./{text}"
            );
            ensure!(
                of_version.is_none_or(|it| it == flavour),
                "{text}: {version} is not a kernel of that flavour"
            );
        }
        Ok(Some(Self::new(line, flavour, version)))
    }

    /// Returns the kernel of this complete release: `6.12.107+deb13-rt-amd64`.
    fn of_release(release: &str) -> Option<Self> {
        if !apt::is_version(release) {
            return None;
        }
        LINES.into_iter().find_map(|line| {
            let flavour = line.flavour_of(release)?;
            Some(Self::new(line, flavour, Some(release)))
        })
    }
}

impl std::fmt::Display for DebianKernel {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name)
    }
}

impl FromStr for DebianKernel {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> Result<Self> {
        Self::parse(text)?.ok_or_else(|| {
            let names: Vec<_> = LINES.iter().map(|line| line.name).collect();
            anyhow::anyhow!(
                "{text} is not a known Debian kernel: use {}, each also with /cloud, /rt and \
                 /VERSION",
                names.join(", ")
            )
        })
    }
}

/// Leaks a string, for `Copy`: a command line names few kernels.
fn leak(text: &str) -> &'static str {
    Box::leak(text.to_owned().into_boxed_str())
}

#[cfg(test)]
mod tests {
    use super::super::debian_line::{DEBIAN_12, DEBIAN_13, STOCK};
    use super::*;

    #[test]
    fn kernels_are_named_by_line_flavour_and_version() {
        let is = |text: &str, line: &Line, flavour, version: Option<&str>, name: &str| {
            let kernel: DebianKernel = text.parse().unwrap();
            assert_eq!(kernel.line, line, "{text}");
            assert_eq!((kernel.flavour, kernel.version), (flavour, version));
            assert_eq!(kernel.name(), name);
        };
        let (plain, rt) = (Flavour::Plain, Flavour::Rt);
        is("debian-13", &DEBIAN_13, plain, None, "debian-13");
        is("debian-12/rt", &DEBIAN_12, rt, None, "debian-12/rt");
        is("forky/cloud", &STOCK, Flavour::Cloud, None, "stock/cloud");
        is(
            "debian-13/6.12.107-1",
            &DEBIAN_13,
            plain,
            Some("6.12.107-1"),
            "debian-13/6.12.107-1",
        );
        is(
            "debian-13/rt/6.12.107-1",
            &DEBIAN_13,
            rt,
            Some("6.12.107-1"),
            "debian-13/rt/6.12.107-1",
        );
        for text in [
            "6.12.107+deb13-rt-amd64",
            "debian-13/6.12.107+deb13-rt-amd64",
        ] {
            is(
                text,
                &DEBIAN_13,
                rt,
                Some("6.12.107+deb13-rt-amd64"),
                "debian-13/rt/6.12.107+deb13-rt-amd64",
            );
        }
        let exact: DebianKernel = "debian-13/rt/6.12.107-1".parse().unwrap();
        assert_eq!(exact.label(), "debian-13-rt-6.12.107-1");
        assert_eq!(exact.family(), "debian-13-rt");
    }

    #[test]
    fn other_names_are_not_debian_kernels() {
        for text in ["running", "./stock", "/boot", "6.13.1+deb13-amd64", "a/b"] {
            assert_eq!(DebianKernel::parse(text).unwrap(), None, "{text}");
        }
        let text = "debian-99".parse::<DebianKernel>().unwrap_err().to_string();
        assert!(text.contains("stock, debian-13"), "{text}");
        for (text, says) in [
            ("stock/build", "neither a flavour (cloud, rt) nor a version"),
            ("stock/", "nor a version"),
            ("debian-13/rt/../x", "nor a version"),
            ("debian-13/rt/6.12.107+deb13-amd64", "not a kernel of that"),
        ] {
            let error = DebianKernel::parse(text).unwrap_err().to_string();
            assert!(error.contains(says), "{text}: {error}");
        }
    }
}
