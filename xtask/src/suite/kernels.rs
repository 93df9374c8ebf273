// SPDX-License-Identifier: GPL-2.0-only

//! The kernels that were built without Rust: every example that names `klp` alone is built for them from
//! the same source, and the sample is run.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};
use klp_host::freestanding::names_kernel_crate;
use klp_host::host::process;
use klp_host::host::toolchain::{self, PINNED, Toolchain};
use klp_host::kernel::Core;

use super::cases::Cases;
use crate::case::Tally;
use crate::checkout;

/// The kernels.
pub(super) const CORES: [Core; 2] = [Core::Debian13, Core::Debian12];

/// What is run, too.
const SAMPLE: &str = "livepatch-sample";

/// One that names the `kernel` crate.
const OF_THE_KERNEL: &str = "livepatch-syscall";

/// The largest that the sample may be without its debug information.
const LARGEST: u64 = 64 << 10;

pub(super) fn run() -> Result<Tally> {
    let author = Author {
        toolchain: toolchain::ensure(PINNED, &[])?,
        dir: tempfile::tempdir().context("cannot make a temporary folder")?,
    };
    let folders = folders()?;
    let mut cases = Cases::new("kernels");
    for core in CORES {
        let name = core.name();
        for folder in &folders {
            let example = folder.file_name().unwrap_or_default().to_string_lossy();
            let is_sample = example == SAMPLE;
            let done = if is_sample { "runs" } else { "takes" };
            cases.check(&format!("{name} {done} {example}"), || {
                author.build(folder, core, is_sample)
            });
        }
        cases.check(&format!("{name} says what it has no crate for"), || {
            author.refused(core)
        });
    }
    Ok(cases.tally())
}

/// The examples that name no crate but klp.
fn folders() -> Result<Vec<PathBuf>> {
    let mut folders = Vec::new();
    for top in ["examples", "examples/cve"] {
        let top = checkout::top().join(top);
        let list = || format!("cannot list {}", top.display());
        for item in fs::read_dir(&top).with_context(list)? {
            let dir = item.with_context(list)?.path();
            if dir.join("Kbuild").is_file() && is_for_all(&dir)? {
                folders.push(dir);
            }
        }
    }
    folders.sort();
    Ok(folders)
}

fn is_for_all(dir: &Path) -> Result<bool> {
    let list = || format!("cannot list {}", dir.display());
    for item in fs::read_dir(dir).with_context(list)? {
        let path = item.with_context(list)?.path();
        if path.extension().is_some_and(|ending| ending == "rs") {
            let text = fs::read_to_string(&path)
                .with_context(|| format!("cannot read {}", path.display()))?;
            if names_kernel_crate(&text).is_some() {
                return Ok(false);
            }
        }
    }
    Ok(true)
}

struct Author {
    toolchain: Toolchain,
    /// Copies of the examples.
    dir: tempfile::TempDir,
}

impl Author {
    fn build(&self, folder: &Path, core: Core, in_vm: bool) -> Result<()> {
        let copy = self.copy(folder)?;
        let output = self.klp(&copy, core, in_vm)?;
        let module = output.lines().last().unwrap_or_default();
        ensure!(module.ends_with(".ko"), "no module was built: {output}");
        if in_vm {
            let stripped = copy.join("stripped.ko");
            let mut strip = process::command("strip");
            strip.args(["--strip-debug", "-o"]).arg(&stripped);
            process::output(strip.arg(module))?;
            let size = fs::metadata(&stripped)?.len();
            ensure!(size < LARGEST, "{module} has {size} bytes when stripped");
        }
        Ok(())
    }

    /// A patch that names the `kernel` crate gets one error, which says what to do.
    fn refused(&self, core: Core) -> Result<()> {
        let copy = self.copy(&checkout::top().join("examples").join(OF_THE_KERNEL))?;
        let text = match self.klp(&copy, core, false) {
            Ok(output) => anyhow::bail!("it was built: {output}"),
            Err(error) => format!("{error:#}"),
        };
        for part in [
            "names the `kernel` crate",
            "built without CONFIG_RUST",
            "--kernel stock",
        ] {
            ensure!(text.contains(part), "{part:?} is missing in: {text}");
        }
        ensure!(!text.contains("E0433"), "the compiler was asked: {text}");
        Ok(())
    }

    fn copy(&self, folder: &Path) -> Result<PathBuf> {
        let to = self.dir.path().join(folder.file_name().unwrap_or_default());
        fs::create_dir_all(&to).with_context(|| format!("cannot make {}", to.display()))?;
        let list = || format!("cannot list {}", folder.display());
        for item in fs::read_dir(folder).with_context(list)? {
            let path = item.with_context(list)?.path();
            if path.is_file() {
                let file = to.join(path.file_name().unwrap_or_default());
                fs::copy(&path, &file)
                    .with_context(|| format!("cannot copy {}", path.display()))?;
            }
        }
        Ok(to)
    }

    fn klp(&self, dir: &Path, core: Core, in_vm: bool) -> Result<String> {
        let mut cargo = self.toolchain.cargo();
        cargo
            .args(["run", "--quiet", "--package", "cargo-klp", "--"])
            .args(["klp", "build", "--kernel", core.name()])
            .args(in_vm.then_some("--vm"))
            .arg(dir)
            .current_dir(checkout::top());
        process::output(&mut cargo)
    }
}
