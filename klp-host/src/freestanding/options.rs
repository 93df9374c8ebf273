// SPDX-License-Identifier: GPL-2.0-only

//! Compiler options for Rust code in a kernel, by architecture and configuration.

use std::ffi::OsString;
use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result};

use crate::arch::{Arch, Compiler};
use crate::kconfig::Config;

/// The name of the target's file.
pub(super) const TARGET: &str = "target.json";

/// The options that keep this folder's path out of panic messages, as in the kernel's own
/// builds: a patch is the same wherever it was built.
pub(super) fn without_folder(folder: &Path) -> [OsString; 2] {
    let mut prefix = OsString::from("--remap-path-prefix=");
    prefix.push(folder);
    prefix.push("/=");
    [prefix, "--remap-path-scope=macro".into()]
}

/// The options for the kernel that was configured in this build folder.
pub(super) fn of_build(arch: Arch, build: &Path) -> Result<Compiler> {
    let config = Config::of_build(build)?;
    let compiler = arch.facts().compiler.with_context(|| {
        format!(
            "there are no patches for kernels without Rust on {arch}: take one with CONFIG_RUST"
        )
    })?;
    Ok(compiler(&config))
}

/// Writes the target's file into a folder, and gives the words with its path.
pub(super) fn at(compiler: &Compiler, dir: &Path) -> Result<Vec<String>> {
    let path = dir.join(TARGET);
    fs::write(&path, &compiler.target)
        .with_context(|| format!("cannot write {}", path.display()))?;
    let mut words = compiler.words.clone();
    words.push(format!("--target={}", path.display()));
    Ok(words)
}
