// SPDX-License-Identifier: GPL-2.0-only

//! `cargo klp kernels`: lists the kernels that `--kernel` accepts, and the crates that patches for each can use.

use anyhow::Result;
use clap::Args;
use klp_host::cache::Cache;
use klp_host::kernel::debian_line::LINES;
use klp_host::kernel::{DebianKernel, Flavour, release, stock_metadata};

/// The width of the column of names.
const WIDTH: usize = 25;

#[derive(Args, Debug)]
pub(super) struct KernelsArgs {}

impl KernelsArgs {
    pub(super) fn run(self) -> Result<()> {
        let cache = Cache::open()?;
        for line in LINES {
            for flavour in Flavour::ALL {
                let kernel = DebianKernel::newest(line, flavour);
                let release = stock_metadata::release_if_known(&cache, kernel);
                println!("{}", describe(kernel, release.as_deref()));
            }
        }
        println!(
            "{:<WIDTH$} a version of that package, as in debian-13/rt/6.12.107-1",
            "NAME/VERSION"
        );
        println!(
            "{:<WIDTH$} the output of `uname -r` in one of them, as in 6.12.107+deb13-amd64",
            "RELEASE"
        );
        println!(
            "{:<WIDTH$} {}: its build folder in /lib/modules, or Debian's packages if it is one of the above",
            "running",
            release::of_running()?
        );
        println!(
            "{:<WIDTH$} a kernel's build folder; without CONFIG_RUST, patches use `klp` only",
            "DIR"
        );
        Ok(())
    }
}

/// The line about a Debian kernel; `release` is that of the kernel in the cache.
fn describe(kernel: DebianKernel, release: Option<&str>) -> String {
    let name = kernel.name();
    let series = kernel.line.series;
    let (rust, crates) = match kernel.line.has_rust {
        true => ("with", "`klp` and `kernel`"),
        false => ("without", "`klp` only"),
    };
    let release = match release {
        Some(release) => format!("{release} is in the cache"),
        None => "will be fetched".to_owned(),
    };
    let mut line =
        format!("{name:<WIDTH$} Linux {series}, {rust} Rust: patches use {crates}; {release}");
    if let Some(lacks) = kernel.line.lacks {
        line.push_str(&format!("\n{:WIDTH$} but {lacks}", ""));
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;
    use klp_host::kernel::debian_line::{DEBIAN_12, DEBIAN_13, STOCK};

    #[test]
    fn the_list_shows_which_crates_patches_can_use() {
        assert_eq!(
            describe(DebianKernel::plain(&STOCK), Some("7.2.12+deb14-amd64")),
            "stock                     Linux 7.2, with Rust: patches use `klp` and `kernel`; \
             7.2.12+deb14-amd64 is in the cache"
        );
        let of_6_1 = describe(DebianKernel::plain(&DEBIAN_12), None);
        assert!(of_6_1.ends_with(
            "will be fetched\n                          but a module that a patch refers to can be \
             loaded only once while the patch is there"
        ));
        assert_eq!(
            describe(DebianKernel::newest(&DEBIAN_13, Flavour::Rt), None),
            "debian-13/rt              Linux 6.12, without Rust: patches use `klp` only; will be fetched"
        );
    }
}
