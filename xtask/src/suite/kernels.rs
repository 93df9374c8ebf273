// SPDX-License-Identifier: GPL-2.0-only

//! The kernels that were built without Rust: every example that names `klp` alone is built for them from
//! the same source, and the sample is run.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};
use klp_host::freestanding::names_kernel_crate;
use klp_host::host::process;
use klp_host::host::toolchain::{self, PINNED, Toolchain};
use klp_host::kernel::line::{DEBIAN_12, DEBIAN_13};
use klp_host::kernel::{Core, DebianKernel};

use super::cases::Cases;
use crate::case::Tally;
use crate::checkout;

const DEBIAN_13_CORE: Core = Core::Debian(DebianKernel::plain(&DEBIAN_13));
const DEBIAN_12_CORE: Core = Core::Debian(DebianKernel::plain(&DEBIAN_12));

/// The kernels.
pub(super) const CORES: [Core; 2] = [DEBIAN_13_CORE, DEBIAN_12_CORE];

/// What is run, too.
const SAMPLE: &str = "livepatch-sample";

/// A patch that names what the prelude has on every kernel.
const PRELUDE: &str = "tests/prelude";

/// One that names the `kernel` crate.
const OF_THE_KERNEL: &str = "livepatch-syscall";

/// The largest that the sample may be without its debug information.
const LARGEST: u64 = 64 << 10;

/// An example that is not for a kernel. The build has to fail, and say why.
struct Exception {
    core: Core,
    example: &'static str,
    says: &'static str,
}

const EXCEPTIONS: [Exception; 4] = [
    // It has fewer arguments there: one set of flags for both futexes.
    Exception {
        core: DEBIAN_12_CORE,
        example: "CVE-2014-3153",
        says: "`futex_requeue` has 7 arguments in C",
    },
    // Mounts have a user namespace there, and no `struct mnt_idmap`.
    Exception {
        core: DEBIAN_12_CORE,
        example: "CVE-2019-5489",
        says: "`vfsmount` has no member `mnt_idmap`",
    },
    // The compiler has specialised it there.
    Exception {
        core: DEBIAN_12_CORE,
        example: "CVE-2020-25284",
        says: "only `do_rbd_add.constprop.0`",
    },
    // Splicing has a page there, and no folio.
    Exception {
        core: DEBIAN_12_CORE,
        example: "CVE-2022-0847",
        says: "`vmlinux` has no function `splice_folio_into_pipe`",
    },
];

/// What is wrong with an example on a kernel.
fn exception(core: Core, example: &str) -> Option<&'static Exception> {
    EXCEPTIONS
        .iter()
        .find(|exception| exception.core == core && exception.example == example)
}

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
            if let Some(exception) = exception(core, &example) {
                cases.check(&format!("{name} refuses {example}"), || {
                    author.not_for(folder, exception)
                });
                continue;
            }
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

/// The examples that name no crate but klp, and the patch that names what the prelude has.
fn folders() -> Result<Vec<PathBuf>> {
    let mut folders = vec![checkout::top().join(PRELUDE)];
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

    /// An example that is not for the kernel is not built, for the reason that is known.
    fn not_for(&self, folder: &Path, exception: &Exception) -> Result<()> {
        let text = self.failure(folder, exception.core)?;
        let says = exception.says;
        ensure!(text.contains(says), "{says:?} is missing in: {text}");
        Ok(())
    }

    /// What is said about a patch that is not built.
    fn failure(&self, folder: &Path, core: Core) -> Result<String> {
        match self.klp(&self.copy(folder)?, core, false) {
            Ok(output) => anyhow::bail!("it was built: {output}"),
            Err(error) => Ok(format!("{error:#}")),
        }
    }

    /// A patch that names the `kernel` crate gets one error, which says what to do.
    fn refused(&self, core: Core) -> Result<()> {
        let text = self.failure(&checkout::top().join("examples").join(OF_THE_KERNEL), core)?;
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
