// SPDX-License-Identifier: GPL-2.0-only

//! A kernel that can be booted, and that modules can be built for.

use std::path::PathBuf;

use super::kind::{Core, Profile};
use crate::build_folder::BuildFolder;
use crate::vm::Spec;

/// A kernel that can be booted, with the folder for building its modules.
#[derive(Clone, Debug)]
pub struct Kernel {
    /// Its livepatch core and origin.
    pub core: Core,
    /// Its configuration.
    pub profile: Profile,
    /// What modules for it are built against.
    pub build: BuildFolder,
    /// The image for QEMU.
    pub image: PathBuf,
    /// The kernel source tree it was built from: selftests, headers.
    pub source: PathBuf,
    /// klp-core as a module, to be loaded into this kernel.
    pub core_module: Option<PathBuf>,
}

impl Kernel {
    /// Returns the specification of a run of this kernel, with its livepatch core.
    pub fn spec(&self, command: impl Into<String>) -> Spec {
        Spec {
            core_module: self.core_module.clone(),
            slowness: self.slowness(),
            ..Spec::new(&self.image, command)
        }
    }

    /// Returns the factor for time limits, relative to the small kernel.
    pub fn slowness(&self) -> u32 {
        match self.core {
            // A complete kernel; each boot runs two transitions of the C core.
            Core::StockRust => 2,
            _ => self.profile.slowness(),
        }
    }
}
