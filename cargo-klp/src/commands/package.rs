// SPDX-License-Identifier: GPL-2.0-only

//! `cargo klp package`: from a patch's folder to packages for distributions.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context as _, Result, ensure};
use clap::Args;
use jiff::Timestamp;
use klp_host::host::needs::Needs;
use klp_package::{Format, LivePatch};

use super::build::PatchFolder;
use crate::inlined::DebugInfo;
use crate::kernel::Choice;

/// The time of reproducible builds, in seconds since 1970: reproducible-builds.org.
const TIME: &str = "SOURCE_DATE_EPOCH";

#[derive(Args, Debug)]
pub(super) struct PackageArgs {
    /// The patch's folder.
    #[arg(default_value = ".")]
    dir: PathBuf,
    /// The kernel, as `cargo klp build` takes it.
    #[arg(long, value_name = "KERNEL", default_value = "stock", value_parser = Choice::parse)]
    kernel: Choice,
    /// Write a package for Debian and its relatives.
    #[arg(long, required_unless_present = "rpm")]
    deb: bool,
    /// Write a package for Fedora, SUSE and their relatives.
    #[arg(long)]
    rpm: bool,
    /// Where to write it.
    #[arg(long, value_name = "DIR", default_value = ".")]
    output: PathBuf,
    /// How often this version of the patch was packaged.
    #[arg(long, value_name = "NUMBER", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    revision: u32,
    /// Who answers for the package, such as `Jane Doe <jane@example.org>`; otherwise the patch's first author.
    #[arg(long, value_name = "NAME <ADDRESS>")]
    maintainer: Option<String>,
    /// The package of the kernel that the patch fits; otherwise that of the distribution's own kernels,
    /// `linux-image-RELEASE` or `kernel-uname-r = RELEASE`.
    #[arg(long, value_name = "PACKAGE")]
    kernel_package: Option<String>,
    /// A patch whose package goes when this one is installed, by the name of its module. May stand several times.
    #[arg(long, value_name = "MODULE")]
    supersedes: Vec<String>,
    #[command(flatten)]
    debug_info: DebugInfo,
}

impl PackageArgs {
    pub(super) fn run(self) -> Result<()> {
        let time = time(std::env::var(TIME).ok())?;
        ensure!(
            self.output.is_dir(),
            "there is no folder {} for the packages",
            self.output.display()
        );
        let folder = PatchFolder {
            dir: &self.dir,
            kernel: &self.kernel,
            debug_info: &self.debug_info,
        };
        for module in folder.build(Needs::default())?.patches {
            let patch = LivePatch {
                module: fs::read(&module)
                    .with_context(|| format!("cannot read {}", module.display()))?,
                maintainer: self.maintainer.clone(),
                revision: self.revision,
                kernel_package: self.kernel_package.clone(),
                supersedes: self.supersedes.clone(),
                time,
            };
            for (is_wanted, format) in [(self.deb, Format::Deb), (self.rpm, Format::Rpm)] {
                if is_wanted {
                    let package = patch.package(format)?;
                    println!("{}", package.write(format, &self.output)?.display());
                }
            }
        }
        Ok(())
    }
}

/// The time of the files in the package.
fn time(epoch: Option<String>) -> Result<Timestamp> {
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
        let given = time(Some("1700000000".to_owned())).unwrap();
        assert_eq!(given.as_second(), 1_700_000_000);
        let error = time(Some("today".to_owned())).unwrap_err();
        assert!(error.to_string().contains("seconds since 1970"));
        assert!(time(None).is_ok());
    }
}
