// SPDX-License-Identifier: GPL-2.0-only

//! Builds patches as authors do: with `cargo klp build`, outside of the checkout.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};
use klp_host::host::process;
use klp_host::kernel::Core;
use klp_host::tools::toolchain::Toolchain;

use crate::checkout;
use crate::files::listed;

/// An author who builds patches by `cargo klp build`.
pub(super) struct Author {
    toolchain: Toolchain,
    /// The parent of the copied folders, which is removed with this.
    pub(super) dir: tempfile::TempDir,
}

impl Author {
    pub(super) fn new() -> Result<Self> {
        Ok(Self {
            toolchain: checkout::toolchain()?,
            dir: tempfile::tempdir().context("cannot make a temporary folder")?,
        })
    }

    /// Builds the patches of a folder. Returns the modules.
    pub(super) fn build(&self, folder: &Path, core: Core) -> Result<Vec<PathBuf>> {
        let output = self.klp(folder, core)?;
        let modules: Vec<_> = output.lines().map(PathBuf::from).collect();
        ensure!(
            !modules.is_empty() && modules.iter().all(|path| path.is_file()),
            "no module was built: {output}"
        );
        Ok(modules)
    }

    /// Copies a folder of patches, without subfolders. Returns the copy.
    pub(super) fn copy(&self, folder: &Path) -> Result<PathBuf> {
        let to = self.dir.path().join(folder.file_name().unwrap_or_default());
        fs::create_dir_all(&to).with_context(|| format!("cannot make {}", to.display()))?;
        for path in listed(folder)? {
            if path.is_file() {
                let file = to.join(path.file_name().unwrap_or_default());
                fs::copy(&path, &file)
                    .with_context(|| format!("cannot copy {}", path.display()))?;
            }
        }
        Ok(to)
    }

    /// Runs `cargo klp build`. Returns its output.
    pub(super) fn klp(&self, dir: &Path, core: Core) -> Result<String> {
        let mut cargo = self.toolchain.cargo();
        cargo
            .args(["run", "--quiet", "--package", "cargo-klp", "--"])
            .args(["klp", "build", "--kernel", core.name()])
            .arg(dir)
            .current_dir(checkout::top());
        process::output(&mut cargo)
    }
}
