// SPDX-License-Identifier: GPL-2.0-only

//! Options shared by the commands that write packages.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};
use clap::{ArgGroup, Args};
use jiff::Timestamp;

use crate::Format;

/// The environment variable for reproducible builds, in seconds since 1970: reproducible-builds.org.
const TIME: &str = "SOURCE_DATE_EPOCH";

/// The formats of the packages, and the output folder.
#[derive(Args, Debug)]
#[command(group(ArgGroup::new("format").args(["deb", "rpm"]).required(true).multiple(true)))]
pub struct Output {
    /// Write a package for Debian and derivatives.
    #[arg(long)]
    deb: bool,
    /// Write a package for Fedora, SUSE and derivatives.
    #[arg(long)]
    rpm: bool,
    /// The output folder.
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
            "the output folder {} does not exist",
            dir.display()
        );
        Ok(dir)
    }

    /// The requested formats.
    pub fn formats(&self) -> impl Iterator<Item = Format> {
        let all = [(self.deb, Format::Deb), (self.rpm, Format::Rpm)];
        all.into_iter()
            .filter_map(|(is_requested, format)| is_requested.then_some(format))
    }
}

/// The build time of packages: `SOURCE_DATE_EPOCH`, or the current time.
///
/// # Errors
///
/// The variable is not a time.
pub fn time() -> Result<Timestamp> {
    epoch_or_now(std::env::var(TIME).ok())
}

fn epoch_or_now(epoch: Option<String>) -> Result<Timestamp> {
    let Some(epoch) = epoch else {
        return Ok(Timestamp::now());
    };
    let seconds = epoch.trim().parse().ok();
    seconds
        .and_then(|seconds| Timestamp::from_second(seconds).ok())
        .with_context(|| format!("{TIME} is {epoch:?}, expected seconds since 1970"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_environment_sets_the_time() {
        let time = epoch_or_now(Some("1700000000".to_owned())).unwrap();
        assert_eq!(time.as_second(), 1_700_000_000);
        let error = epoch_or_now(Some("today".to_owned())).unwrap_err();
        assert!(error.to_string().contains("seconds since 1970"));
        assert!(epoch_or_now(None).is_ok());
    }
}
