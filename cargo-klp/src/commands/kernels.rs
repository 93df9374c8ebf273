// SPDX-License-Identifier: GPL-2.0-only

//! `cargo klp kernels`: which kernels `--kernel` takes by name, and what patches for each may name.

use anyhow::Result;
use clap::Args;
use klp_host::cache::Cache;
use klp_host::kernel::line::{LINES, Line};
use klp_host::kernel::{facts, release};

#[derive(Args, Debug)]
pub(super) struct KernelsArgs {}

impl KernelsArgs {
    pub(super) fn run(self) -> Result<()> {
        let cache = Cache::open()?;
        for line in LINES {
            println!(
                "{}",
                describe(line, facts::release_if_known(&cache, line).as_deref())
            );
        }
        println!(
            "{:<10} {}: its build folder, with Rust in it, in /lib/modules",
            "running",
            release::of_running()?
        );
        println!(
            "{:<10} a folder in which a kernel with Rust was built",
            "DIR"
        );
        Ok(())
    }
}

/// The line about a line of Debian's kernels. `release` is the one that this machine has.
fn describe(line: &Line, release: Option<&str>) -> String {
    let Line { name, series, .. } = line;
    let (rust, crates) = match line.has_rust {
        true => ("with", "`klp` and `kernel`"),
        false => ("without", "`klp` alone"),
    };
    let release = match release {
        Some(release) => format!("{release} is here"),
        None => "will be fetched".to_owned(),
    };
    format!("{name:<10} Linux {series}, {rust} Rust: patches name {crates}; {release}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use klp_host::kernel::line::{DEBIAN_13, STOCK};

    #[test]
    fn each_kernel_says_what_patches_may_name() {
        assert_eq!(
            describe(&STOCK, Some("7.2.12+deb14-amd64")),
            "stock      Linux 7.2, with Rust: patches name `klp` and `kernel`; \
             7.2.12+deb14-amd64 is here"
        );
        assert_eq!(
            describe(&DEBIAN_13, None),
            "debian-13  Linux 6.12, without Rust: patches name `klp` alone; will be fetched"
        );
    }
}
