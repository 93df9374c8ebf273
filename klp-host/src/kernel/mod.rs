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
pub mod install;
mod introspect;
mod kind;
mod layout;
pub mod line;
pub mod metadata;
mod minimal;
pub mod modules;
mod options;
mod overlay;
mod package;
mod ready;
pub mod release;
mod seed;
mod source;
pub mod stock;
mod tools;

use anyhow::Result;

use crate::cache::Cache;
use crate::tools::needs::Needs;

pub use crate::build_folder::BuildFolder;
pub use changes::Changes;
pub use debian_kernel::DebianKernel;
pub use kind::{Core, Origin, Profile};
pub use line::{Flavour, Line};
pub use options::Options;
pub use ready::Kernel;

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
    options.check(core)?;
    let cache = Cache::open()?;
    match core {
        Core::Debian(kernel) => stock::get(&cache, kernel, profile, options),
        Core::C | Core::Rust => minimal::get(&cache, core, profile, options),
        Core::StockRust => core_module::get(&cache, profile, options),
    }
}
