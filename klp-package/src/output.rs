// SPDX-License-Identifier: GPL-2.0-only

//! Options that commands which write packages share.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};
use clap::{ArgGroup, Args};
use jiff::Timestamp;

use crate::Format;

/// The time of reproducible builds, in seconds since 1970: reproducible-builds.org.
const TIME: &str = "SOURCE_DATE_EPOCH";

/// Which packages to write, and where.
#[derive(Args, Debug)]
#[command(group(ArgGroup::new("format").args(["deb", "rpm"]).required(true).multiple(true)))]
pub struct Output {
    /// Write a package for Debian and its relatives.
    #[arg(long)]
    deb: bool,
    /// Write a package for Fedora, SUSE and their relatives.
    #[arg(long)]
    rpm: bool,
    /// Where to write it.
    #[arg(long, value_name = "DIR", default_value = ".")]
    output: PathBuf,
}

impl Output {
    /// The folder for the packages.
    ///
    /// # Errors
    ///
    /// It does not exist.
    pub fn dir(&self) -> Result<&Path> {
        let dir = self.output.as_path();
        ensure!(
            dir.is_dir(),
            "there is no folder {} for the packages",
            dir.display()
        );
        Ok(dir)
    }

    /// The requested formats.
    pub fn formats(&self) -> impl Iterator<Item = Format> {
        let all = [(self.deb, Format::Deb), (self.rpm, Format::Rpm)];
        all.into_iter()
            .filter_map(|(is_wanted, format)| is_wanted.then_some(format))
    }
}

/// The time of the files in packages: now, or that of the environment.
///
/// # Errors
///
/// The variable is not a time.
pub fn time() -> Result<Timestamp> {
    given_or_now(std::env::var(TIME).ok())
}

fn given_or_now(epoch: Option<String>) -> Result<Timestamp> {
    let Some(epoch) = epoch else {
        return Ok(Timestamp::now());
    };
    let seconds = epoch.trim().parse().ok();
    seconds
        .and_then(|seconds| Timestamp::from_second(seconds).ok())
        .with_context(|| format!("{TIME} is {epoch:?}, and has to be seconds since 1970"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_can_be_given() {
        let given = given_or_now(Some("1700000000".to_owned())).unwrap();
        assert_eq!(given.as_second(), 1_700_000_000);
        let error = given_or_now(Some("today".to_owned())).unwrap_err();
        assert!(error.to_string().contains("seconds since 1970"));
        assert!(given_or_now(None).is_ok());
    }
}
