// SPDX-License-Identifier: GPL-2.0-only

//! Builds external kernel modules against a kernel, into the checkout's `target/`.

use std::path::{Path, PathBuf};

use anyhow::{Result, bail};

use crate::kernel::Kernel;

/// How to build.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// More variables for make's command line.
    pub make_vars: Vec<(String, String)>,
}

/// What a build left.
#[derive(Clone, Debug)]
pub struct Built {
    /// The folder with everything that was built.
    pub dir: PathBuf,
    /// The modules, sorted by path.
    pub modules: Vec<PathBuf>,
}

impl Built {
    /// The module of this name (`livepatch_sample` or `livepatch-sample`, with `.ko` or without).
    pub fn module(&self, name: &str) -> Option<&Path> {
        let plain = |text: &str| text.trim_end_matches(".ko").replace('-', "_");
        self.modules
            .iter()
            .find(|path| {
                path.file_name()
                    .is_some_and(|file| plain(&file.to_string_lossy()) == plain(name))
            })
            .map(PathBuf::as_path)
    }
}

/// Builds the module folder `dir` (C or Rust) against the kernel.
pub fn build(kernel: &Kernel, dir: &Path, options: &Options) -> Result<Built> {
    bail!("{} {} {options:?}", kernel.kdir.display(), dir.display())
}
