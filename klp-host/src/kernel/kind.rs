// SPDX-License-Identifier: GPL-2.0-only

//! What identifies a kernel: its livepatch core, configuration profile and source.

use std::path::PathBuf;

use anyhow::{Context as _, Result};

use super::debian_kernel::DebianKernel;
use super::debian_line;

/// The livepatch core and origin of a kernel.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Core {
    /// One of Debian's unmodified kernels, with a build folder for its modules.
    Debian(DebianKernel),
    /// The small kernel with the upstream livepatch core in C.
    C,
    /// The small kernel with klp-core, the livepatch core in Rust.
    Rust,
    /// The unmodified kernel of Debian's testing suite, with klp-core loaded as a module.
    StockRust,
}

impl Core {
    /// The kernel of Debian's testing suite.
    pub const STOCK: Self = Self::Debian(DebianKernel::plain(&debian_line::STOCK));

    /// Returns its name on the command line.
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
                .context("the small kernels are c and rust, and stock+rust is stock with klp-core as a module"),
        }
    }
}

/// The configuration profile of a kernel.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq, clap::ValueEnum)]
pub enum Profile {
    /// Small and fast, for tests.
    Base,
    /// `base` with the kernel's debug checkers (lockdep, list and object debugging ...).
    Debug,
    /// `base` with fault injection into allocations, and kmemleak.
    Faults,
    /// `base` with the mitigations, preemption, hardening and memory management that Debian builds in.
    Debian,
}

impl Profile {
    /// Returns its name on the command line and in folder names.
    pub fn name(self) -> &'static str {
        match self {
            Self::Base => "base",
            Self::Debug => "debug",
            Self::Faults => "faults",
            Self::Debian => "debian",
        }
    }

    /// Returns the factor for time limits, relative to [`Self::Base`].
    pub fn slowness(self) -> u32 {
        match self {
            Self::Base => 1,
            Self::Debug => 4,
            Self::Faults | Self::Debian => 2,
        }
    }
}

/// The origin of the small kernel's source.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Origin {
    /// The source of one of Debian's kernels, which is downloaded.
    Debian(DebianKernel),
    /// A local source tree.
    Tree(PathBuf),
}

impl Default for Origin {
    fn default() -> Self {
        Self::Debian(DebianKernel::plain(&debian_line::STOCK))
    }
}

impl std::str::FromStr for Origin {
    type Err = anyhow::Error;

    /// Parses the name of one of Debian's kernels, or a path.
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
