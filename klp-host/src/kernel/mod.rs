// SPDX-License-Identifier: GPL-2.0-only

//! Kernels: which ones there are, and how each is fetched and built.

mod changes;
pub mod core_files;
mod core_module;
mod debian;
pub mod debian_kernel;
pub mod debug_info;
pub mod external;
pub mod facts;
mod image;
pub mod install;
pub mod introspect;
mod layout;
pub mod line;
pub mod metadata;
mod minimal;
pub mod modules;
mod overlay;
mod package;
pub mod release;
mod seed;
mod source;
pub mod stock;
mod tools;

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context as _, Result};

use crate::arch::Arch;
use crate::cache::Cache;
use crate::freestanding::Freestanding;
use crate::host::needs::Needs;

pub use changes::Changes;
pub use debian_kernel::DebianKernel;
pub use line::{Flavour, Line};

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
    pub const STOCK: Self = Self::Debian(DebianKernel::plain(&line::STOCK));

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

/// What modules are built against: a kernel's full build folder, and the tools that go with it.
#[derive(Clone, Debug)]
pub struct BuildFolder {
    /// What `uname -r` prints in this kernel.
    pub release: String,
    /// The architecture.
    pub arch: Arch,
    /// The folder for `make -C`.
    pub dir: PathBuf,
    /// Environment that every `make` against it needs (PATH with the kernel's rustc and bindgen
    /// first, RUSTC_FORCE_RUSTC_VERSION ...).
    pub env: Vec<(String, String)>,
    /// Variables for the command line of every `make` against it (LLVM=, KERNELRELEASE=).
    pub vars: Vec<(String, String)>,
    /// What builds patches in Rust, for a kernel that was built without Rust.
    pub freestanding: Option<Freestanding>,
}

impl BuildFolder {
    /// A make in it, with its tools, on all CPUs.
    pub fn make(&self) -> Command {
        tools::make(&self.dir, &self.env, &self.vars)
    }
}

/// A kernel that is ready: it can be booted, and modules can be built for it.
#[derive(Clone, Debug)]
pub struct Kernel {
    /// Its livepatch core and origin.
    pub core: Core,
    /// How it is configured.
    pub profile: Profile,
    /// What modules for it are built against.
    pub build: BuildFolder,
    /// What QEMU boots.
    pub image: PathBuf,
    /// The kernel source tree it was built from: selftests, headers.
    pub source: PathBuf,
    /// klp-core as a module, to be loaded into this kernel.
    pub core_module: Option<PathBuf>,
}

impl Kernel {
    /// How many times longer than with a small kernel everything may take.
    pub fn slowness(&self) -> u32 {
        match self.core {
            // A complete kernel, where each boot has two transitions of the C core.
            Core::StockRust => 2,
            _ => self.profile.slowness(),
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
        Self::Debian(DebianKernel::plain(&line::STOCK))
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

/// Where to get a kernel from.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// The architecture that the kernel is for.
    pub arch: Arch,
    /// The origin of a small kernel's source.
    pub source: Origin,
    /// The folder of klp-core, for a kernel with it.
    pub klp_core: Option<PathBuf>,
    /// Files to build in another form, for the small kernel with the C core.
    pub changes: Option<Changes>,
    /// Look for a newer point release instead of using the one this machine has.
    pub update: bool,
}

/// The packages that [`get`] needs for this kernel.
pub fn needs(core: Core, profile: Profile, options: &Options) -> Result<Needs> {
    let cache = Cache::open()?;
    match core {
        Core::Debian(kernel) => stock::needs(&cache, kernel, profile, options),
        Core::C | Core::Rust => minimal::needs(&cache, options),
        Core::StockRust => core_module::needs(&cache, profile, options),
    }
}

/// Gives the kernel, building it first when the cache does not have it.
pub fn get(core: Core, profile: Profile, options: &Options) -> Result<Kernel> {
    Changes::check(core, options)?;
    let cache = Cache::open()?;
    match core {
        Core::Debian(kernel) => stock::get(&cache, kernel, profile, options),
        Core::C | Core::Rust => minimal::get(&cache, core, profile, options),
        Core::StockRust => core_module::get(&cache, profile, options),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_is_one_of_debians_or_a_tree() {
        let of_7_3 = Origin::Debian(DebianKernel::plain(&line::EXPERIMENTAL));
        assert_eq!("debian-experimental".parse::<Origin>().unwrap(), of_7_3);
        let tree = Origin::Tree("../linux".into());
        assert_eq!("../linux".parse::<Origin>().unwrap(), tree);
        assert_eq!("stock".parse::<Origin>().unwrap(), Origin::default());
    }
}
