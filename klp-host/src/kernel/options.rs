// SPDX-License-Identifier: GPL-2.0-only

//! The options of a kernel, besides its livepatch core and profile.

use std::path::PathBuf;

use anyhow::{Result, ensure};

use super::changes::Changes;
use super::kind::{Core, Origin};
use crate::arch::Arch;

/// The options for getting a kernel.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// The architecture.
    pub arch: Arch,
    /// The origin of the small kernel's source.
    pub source: Origin,
    /// The folder of klp-core's crate, for a kernel with klp-core.
    pub klp_core: Option<PathBuf>,
    /// Changed source files, for the small kernel with the C core.
    pub changes: Option<Changes>,
    /// Whether to look for a newer release instead of using the recorded one.
    pub update: bool,
}

impl Options {
    /// Refuses changed files for another core or another source.
    pub(super) fn check(&self, core: Core) -> Result<()> {
        ensure!(
            self.changes.is_none() || (core == Core::C && self.source == Origin::default()),
            "source files can be changed only for the small kernel with the C core, built from Debian's \
             source"
        );
        Ok(())
    }
}
