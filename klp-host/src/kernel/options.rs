// SPDX-License-Identifier: GPL-2.0-only

//! The choices that a caller has about a kernel.

use std::path::PathBuf;

use anyhow::{Result, ensure};

use super::changes::Changes;
use super::kind::{Core, Origin};
use crate::arch::Arch;

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

impl Options {
    /// Refuses changes for a kernel with another core, or from another source.
    pub(super) fn check(&self, core: Core) -> Result<()> {
        ensure!(
            self.changes.is_none() || (core == Core::C && self.source == Origin::default()),
            "only the small kernel with the C core, built from Debian's source, is built with changed \
             files"
        );
        Ok(())
    }
}
