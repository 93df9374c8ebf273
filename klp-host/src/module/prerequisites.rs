// SPDX-License-Identifier: GPL-2.0-only

//! What is built before patches: `#[livepatch]` compares them with its types.

use std::path::Path;

use anyhow::Result;

use super::Folder;
use super::helpers::Helpers;
use super::kbuild::Kbuild;
use crate::kernel::BuildFolder;

/// The modules in C that patches are about, and their own functions in C.
#[derive(Clone, Debug, Default)]
pub struct Prerequisites {
    /// Files, relative to the output.
    modules: Vec<String>,
    helpers: Vec<Helpers>,
}

impl Prerequisites {
    /// Adds those of the folder with that Kbuild file, which is `folder` below the sources.
    ///
    /// # Errors
    ///
    /// When the Kbuild file does not make `helpers.c` part of one patch.
    pub fn add(&mut self, kbuild: &Kbuild, folder: &Path) -> Result<()> {
        let path = |name| folder.join(name).display().to_string();
        self.modules.extend(kbuild.in_c().into_iter().map(path));
        self.helpers.extend(Helpers::of(kbuild, folder)?);
        Ok(())
    }

    /// Is there nothing to build?
    pub fn is_empty(&self) -> bool {
        self.modules.is_empty() && self.helpers.is_empty()
    }

    /// The modules' files, relative to the output.
    pub fn modules(&self) -> &[String] {
        &self.modules
    }

    /// Builds them in `folder`. Gives the files that tell of types, relative to its output: without
    /// the kernel's own, in `vmlinux`, nothing is told of functions in C.
    ///
    /// # Errors
    ///
    /// When they cannot be built.
    pub fn build(
        &self,
        folder: &Folder<'_>,
        kernel: &BuildFolder,
        vmlinux: Option<&Path>,
    ) -> Result<Vec<String>> {
        let helpers = self.helpers.iter().flat_map(Helpers::targets);
        let targets: Vec<_> = self.modules.iter().cloned().chain(helpers).collect();
        folder.make_only(kernel, &targets)?;
        let mut files = self.modules.clone();
        if let Some(vmlinux) = vmlinux {
            for helpers in &self.helpers {
                files.push(helpers.encode_types(folder.output, vmlinux)?);
            }
        }
        Ok(files)
    }
}
