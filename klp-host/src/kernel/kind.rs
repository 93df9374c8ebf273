// SPDX-License-Identifier: GPL-2.0-only

//! The kinds of kernels: livepatch core, configuration, source.

use std::path::PathBuf;

use anyhow::{Context as _, Result};

use super::debian_kernel::DebianKernel;
use super::debian_line;

/// The livepatch core and origin of a kernel.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Core {
    /// A kernel binary of Debian's, untouched, with a folder to build modules for it.
    Debian(DebianKernel),
    /// Our small kernel with the kernel's C livepatch core.
    C,
    /// The same with klp-core, the livepatch core in Rust.
    Rust,
    /// The kernel of Debian's testing suite, untouched, with klp-core loaded into it as a module.
    StockRust,
}

impl Core {
    /// The kernel of Debian's testing suite.
    pub const STOCK: Self = Self::Debian(DebianKernel::plain(&debian_line::STOCK));

    /// Its name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Debian(kernel) => kernel.name(),
            Self::C => "c",
            Self::Rust => "rust",
            Self::StockRust => "stock+rust",
        }
    }
}

impl std::fmt::Display for Core {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

impl std::str::FromStr for Core {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> Result<Self> {
        match [Self::C, Self::Rust, Self::StockRust]
            .iter()
            .find(|core| core.name() == text)
        {
            Some(core) => Ok(*core),
            None => text
                .parse()
                .map(Self::Debian)
                .context("our small kernels are c and rust, and stock+rust is stock with klp-core as a module"),
        }
    }
}

/// How a kernel is configured.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq, clap::ValueEnum)]
pub enum Profile {
    /// Small and fast: for tests.
    Base,
    /// The same with the kernel's debug checkers (lockdep, list and object debugging ...).
    Debug,
    /// The same with allocations that fail on request, and the kernel's leak detector.
    Faults,
    /// The same with what Debian's kernel has built in of mitigations, preemption, hardening and memory management.
    Debian,
}

impl Profile {
    /// Its name on the command line and in folder names.
    pub fn name(self) -> &'static str {
        match self {
            Self::Base => "base",
            Self::Debug => "debug",
            Self::Faults => "faults",
            Self::Debian => "debian",
        }
    }

    /// How many times longer than with the small kernel everything may take.
    pub fn slowness(self) -> u32 {
        match self {
            Self::Base => 1,
            Self::Debug => 4,
            Self::Faults | Self::Debian => 2,
        }
    }
}

/// The origin of a small kernel's source.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Origin {
    /// That of one of Debian's kernels, fetched.
    Debian(DebianKernel),
    /// A tree that the user has.
    Tree(PathBuf),
}

impl Default for Origin {
    fn default() -> Self {
        Self::Debian(DebianKernel::plain(&debian_line::STOCK))
    }
}

impl std::str::FromStr for Origin {
    type Err = anyhow::Error;

    /// Reads a name of one of Debian's kernels, or a path.
    fn from_str(text: &str) -> Result<Self> {
        Ok(match DebianKernel::parse(text)? {
            Some(kernel) => Self::Debian(kernel),
            None => Self::Tree(text.into()),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_is_one_of_debians_or_a_tree() {
        let of_7_3 = Origin::Debian(DebianKernel::plain(&debian_line::EXPERIMENTAL));
        assert_eq!("debian-experimental".parse::<Origin>().unwrap(), of_7_3);
        let tree = Origin::Tree("../linux".into());
        assert_eq!("../linux".parse::<Origin>().unwrap(), tree);
        assert_eq!("stock".parse::<Origin>().unwrap(), Origin::default());
    }
}
