// SPDX-License-Identifier: GPL-2.0-only

//! The kernels that klp knows, and how each is fetched and built.

mod build_seed;
mod built_kernel;
mod changes;
mod config_check;
pub mod core_files;
mod core_module;
pub mod debian_kernel;
pub mod debian_line;
mod debian_packages;
mod debian_release;
pub mod debug_info;
pub mod external;
pub mod install;
mod introspect;
mod kind;
pub mod metadata;
mod minimal;
pub mod modules;
mod options;
mod overlay;
mod package_files;
pub mod release;
mod source;
pub mod stock;
pub mod stock_metadata;
mod tools;

use anyhow::Result;

use crate::cache::Cache;
use crate::tools::needs::Needs;

pub use crate::build_folder::BuildFolder;
pub use built_kernel::Kernel;
pub use changes::Changes;
pub use debian_kernel::DebianKernel;
pub use debian_line::{Flavour, Line};
pub use kind::{Core, Origin, Profile};
pub use options::Options;

/// Returns the packages that [`get`] needs for this kernel.
pub fn needs(core: Core, profile: Profile, options: &Options) -> Result<Needs> {
    let cache = Cache::open()?;
    match core {
        Core::Debian(kernel) => stock::needs(&cache, kernel, profile, options),
        Core::C | Core::Rust => minimal::needs(&cache, options),
        Core::StockRust => core_module::needs(&cache, profile, options),
    }
}

/// Returns the kernel, built first if the cache does not have it.
pub fn get(core: Core, profile: Profile, options: &Options) -> Result<Kernel> {
    options.check(core)?;
    let cache = Cache::open()?;
    match core {
        Core::Debian(kernel) => stock::get(&cache, kernel, profile, options),
        Core::C | Core::Rust => minimal::get(&cache, core, profile, options),
        Core::StockRust => core_module::get(&cache, profile, options),
    }
}
