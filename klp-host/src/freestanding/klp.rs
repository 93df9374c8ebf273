// SPDX-License-Identifier: GPL-2.0-only

//! Builds klp for a kernel without Rust: Kbuild makes the bindings and C functions with the kernel's own options,
//! cargo builds the attribute macros, and rustc the crate.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

use super::options::{self, without_folder};
use super::{Freestanding, part};
use crate::build_folder::BuildFolder;
use crate::host::files;
use crate::host::paths::check_for_make;
use crate::host::progress::{Show, Step};

/// The library with the crate's code, which patches are linked with.
pub(super) const CRATE: &str = "libklp.rlib";
/// The archive with the C functions.
pub(super) const IN_C: &str = "klp_c.a";
/// The attribute macros.
pub(super) const MACROS: &str = "libklp_macros.so";
/// The linker script for patches.
pub(super) const SCRIPT: &str = "freestanding.lds";

/// The makefile for Kbuild in klp's folder, and its other inputs.
const MAKEFILE: &str = "Makefile.freestanding";
const HEADERS: [&str; 2] = ["freestanding.h", "freestanding_parameters"];

/// Compiles klp from the folder `source` into the folder `klp` in `output`. `core` is the folder of
/// [`super::core`].
///
/// # Errors
///
/// A part cannot be built.
pub fn build(
    kernel: &BuildFolder,
    tools: &Freestanding,
    core: &Path,
    source: &Path,
    output: &Path,
) -> Result<()> {
    for path in [source, output, &kernel.dir] {
        check_for_make(path)?;
    }
    let builder = Builder {
        kernel,
        tools,
        core,
        klp: &source.join("klp"),
        workspace: source,
        output,
        log: &output.join("build.log"),
        step: Step::start(
            &format!("building klp for {}", kernel.release),
            "up to a minute",
        ),
    };
    files::create_log(builder.log).context("cannot write the log")?;
    builder.copy_sources()?;
    builder.headers()?;
    builder.macros()?;
    builder.library()?;
    builder.step.done();
    Ok(())
}

struct Builder<'a> {
    kernel: &'a BuildFolder,
    tools: &'a Freestanding,
    core: &'a Path,
    /// klp's folder.
    klp: &'a Path,
    workspace: &'a Path,
    output: &'a Path,
    log: &'a Path,
    step: Step,
}

impl Builder<'_> {
    fn part(&self, name: &str) -> PathBuf {
        part(self.output, name)
    }

    /// Copies the sources: older kernels build modules in their source folder.
    fn copy_sources(&self) -> Result<()> {
        let dir = self.output.join("klp");
        fs::create_dir_all(&dir).with_context(|| format!("cannot make {}", dir.display()))?;
        let bindings = HEADERS.map(|name| (self.klp.join("bindings").join(name), name.to_owned()));
        let plain = [
            (self.klp.join(MAKEFILE), "Kbuild".to_owned()),
            (self.klp.join(SCRIPT), SCRIPT.to_owned()),
        ];
        let c_sources = self.c_sources()?.into_iter().map(|name| {
            let file = format!("{name}.c");
            (self.klp.join("c").join(&file), file)
        });
        for (from, name) in bindings.into_iter().chain(plain).chain(c_sources) {
            let to = self.part(&name);
            fs::copy(&from, &to)
                .with_context(|| format!("cannot copy {} to {}", from.display(), to.display()))?;
        }
        Ok(())
    }

    /// Returns the names of the C sources, without extension.
    fn c_sources(&self) -> Result<Vec<String>> {
        let dir = self.klp.join("c");
        let list = || format!("cannot list {}", dir.display());
        let mut names = Vec::new();
        for item in fs::read_dir(&dir).with_context(list)? {
            let path = item.with_context(list)?.path();
            if path.extension().is_some_and(|ending| ending == "c") {
                let stem = path.file_stem().unwrap_or_default();
                names.push(stem.to_string_lossy().into_owned());
            }
        }
        names.sort();
        Ok(names)
    }

    /// Builds the bindings and the C functions.
    fn headers(&self) -> Result<()> {
        let mut folder = std::ffi::OsString::from("M=");
        folder.push(self.output.join("klp"));
        let names = self.c_sources()?.join(" ");
        let mut command = self.kernel.make();
        command
            .arg(folder)
            .arg(format!("KLP_IN_C={names}"))
            .arg("modules");
        self.step
            .run_showing(&mut command, self.log, Show::Messages)?;
        let objects = self.c_sources()?;
        let objects = objects.iter().map(|name| self.part(&format!("{name}.o")));
        let archive = self.part(IN_C);
        files::ignore_not_found(fs::remove_file(&archive), &archive)?;
        let mut command = self.tools.llvm("llvm-ar");
        command.arg("rcD").arg(archive).args(objects);
        self.step.run(&mut command, self.log)
    }

    /// Builds the attribute macros, which run in the compiler.
    fn macros(&self) -> Result<()> {
        let target = self.output.join("cargo");
        let mut command = self.tools.toolchain.cargo();
        command
            .args(["build", "--quiet", "--locked", "--profile=macros"])
            .args(["--package=klp-macros", "--manifest-path"])
            .arg(self.workspace.join("Cargo.toml"))
            .arg("--target-dir")
            .arg(&target)
            .current_dir("/");
        self.step
            .run_showing(&mut command, self.log, Show::Messages)?;
        let built = target.join("macros").join(MACROS);
        let to = self.part(MACROS);
        fs::copy(&built, &to)
            .with_context(|| format!("cannot copy {} to {}", built.display(), to.display()))?;
        // Cargo's files for rebuilds are large, and there are no rebuilds.
        files::ignore_not_found(fs::remove_dir_all(&target), &target)
    }

    fn library(&self) -> Result<()> {
        let compiler = options::of_build(self.kernel.arch, &self.kernel.dir)?;
        let mut external = std::ffi::OsString::from("klp_macros=");
        external.push(self.part(MACROS));
        let mut command = self.tools.rustc();
        command
            .args(options::at(&compiler, &self.output.join("klp"))?)
            .args(crate_options(&self.kernel.dir))
            .args(without_folder(self.workspace))
            .args(["--crate-name=klp", "--crate-type=rlib", "--emit=link"])
            .arg("-L")
            .arg(self.core)
            .arg("--extern")
            .arg(external)
            .arg("--out-dir")
            .arg(self.output.join("klp"))
            .arg(self.klp.join("src/lib.rs"))
            .env("KLP_BINDINGS", self.part("bindings_generated.rs"))
            .env("KLP_KNOWN", "");
        self.step
            .run_showing(&mut command, self.log, Show::Messages)
    }
}

/// Returns rustc's options for the crates of klp and of patches, with the kernel's configuration.
pub(super) fn crate_options(build: &Path) -> Vec<String> {
    let configuration = build.join("include/generated/rustc_cfg");
    vec![
        "--edition=2021".to_owned(),
        "--cfg=kernel".to_owned(),
        "--cfg=klp_freestanding".to_owned(),
        "--cfg=MODULE".to_owned(),
        format!("@{}", configuration.display()),
        "-Coverflow-checks=y".to_owned(),
        "-Ccodegen-units=1".to_owned(),
        "-Aunexpected_cfgs".to_owned(),
    ]
}
