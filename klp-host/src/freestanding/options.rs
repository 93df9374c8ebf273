// SPDX-License-Identifier: GPL-2.0-only

//! Compiler options for Rust code in a kernel, by architecture and configuration.

use std::ffi::OsString;
use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result};

use crate::arch::{Arch, Compiler};
use crate::kconfig::Config;

/// The file name of the target specification.
pub(super) const TARGET: &str = "target.json";

/// Returns the options that remove this folder's path from panic messages, as in the kernel's own
/// builds. The build is then reproducible in other folders.
pub(super) fn without_folder(folder: &Path) -> [OsString; 2] {
    let mut prefix = OsString::from("--remap-path-prefix=");
    prefix.push(folder);
    prefix.push("/=");
    [prefix, "--remap-path-scope=macro".into()]
}

/// Returns the options for the kernel with this build folder.
pub(super) fn of_build(arch: Arch, build: &Path) -> Result<Compiler> {
    let config = Config::of_build(build)?;
    let compiler = arch.facts().compiler.with_context(|| {
        format!("kernels without Rust are not supported on {arch}: use one with CONFIG_RUST")
    })?;
    Ok(compiler(&config))
}

/// Writes the target specification into a folder. Returns all arguments, with its path.
pub(super) fn at(compiler: &Compiler, dir: &Path) -> Result<Vec<String>> {
    let path = dir.join(TARGET);
    fs::write(&path, &compiler.target)
        .with_context(|| format!("cannot write {}", path.display()))?;
    let mut words = compiler.words.clone();
    words.push(format!("--target={}", path.display()));
    Ok(words)
}
