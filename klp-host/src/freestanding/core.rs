// SPDX-License-Identifier: GPL-2.0-only

//! Compiles Rust's `core` from source with a kernel's mitigations. Kernels with the same compiler options share it.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

use super::Freestanding;
use super::options::{self, without_folder};
use crate::arch::Compiler;
use crate::build_folder::BuildFolder;
use crate::cache::{Cache, Key};
use crate::host::progress::Step;
use crate::tools::toolchain;

/// The source of the crate `compiler_builtins`.
const COMPILER_BUILTINS: &str = include_str!("compiler_builtins.rs");

/// Changed when the build steps change.
const RECIPE: &str = "2";

/// Returns the folder with the crates for this kernel, compiled first if needed.
///
/// # Errors
///
/// The source is missing or does not compile.
pub fn get(cache: &Cache, kernel: &BuildFolder, tools: &Freestanding) -> Result<PathBuf> {
    let options = options::of_build(kernel.arch, &kernel.dir)?;
    let key = Key::new()
        .with("recipe", RECIPE)
        .with("rustc", &tools.toolchain.version)
        .with("options", options.words.join(" "))
        .with("target", &options.target)
        .with("compiler_builtins", COMPILER_BUILTINS);
    let number = toolchain::number(&tools.toolchain.version).unwrap_or_default();
    cache
        .entry("core", number, &key)
        .get_or_create(|dir| compile(tools, &options, dir))
}

fn compile(tools: &Freestanding, options: &Compiler, dir: &Path) -> Result<()> {
    let step = Step::start(
        "compiling Rust's core for kernels of this configuration",
        "half a minute",
    );
    let words = options::at(options, dir)?;
    let log = dir.join("build.log");
    let sources = tools.toolchain.root.join("lib/rustlib/src/rust");
    let mut command = tools.rustc();
    command
        .args(&words)
        .args(["--crate-name=core", "--crate-type=rlib", "--emit=link"])
        .args(["--edition=2024", "--cfg=no_fp_fmt_parse"])
        .args(["-Coverflow-checks=n", "-Ccodegen-units=2"])
        .arg("--cap-lints=allow")
        .arg("--out-dir")
        .arg(dir)
        .args(without_folder(&sources))
        .arg(sources.join("library/core/src/lib.rs"));
    step.run(&mut command, &log)?;
    let builtins = dir.join("compiler_builtins.rs");
    fs::write(&builtins, COMPILER_BUILTINS)
        .with_context(|| format!("cannot write {}", builtins.display()))?;
    let mut command = tools.rustc();
    command
        .args(&words)
        .args(["--crate-name=compiler_builtins", "--crate-type=rlib"])
        .args(["--emit=link", "--edition=2021"])
        .arg("-L")
        .arg(dir)
        .arg("--out-dir")
        .arg(dir)
        .arg(&builtins);
    step.run(&mut command, &log)?;
    step.done();
    Ok(())
}
