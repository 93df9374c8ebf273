// SPDX-License-Identifier: GPL-2.0-only

//! The part `kernels`: tests Debian's other kernels. Every example that uses the crate `klp` alone is built for those
//! without Rust, from the same source, and run if it has a scenario. The sample and a few test patches are built and run
//! on all flavours.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};
use klp_host::arch::Arch;
use klp_host::freestanding::names_kernel_crate;
use klp_host::kernel::debian_line::{DEBIAN_12, DEBIAN_13, EXPERIMENTAL};
use klp_host::kernel::{self, Core, DebianKernel, Options, Origin, Profile};

use super::author_build::Author;
use super::cases::Cases;
use super::core_module;
use super::cve;
use crate::case::{Case, Tally};
use crate::checkout;
use crate::files::{listed, with_extension};
use crate::kselftest;
use crate::scenarios;

const DEBIAN_13_CORE: Core = Core::Debian(DebianKernel::plain(&DEBIAN_13));
const DEBIAN_12_CORE: Core = Core::Debian(DebianKernel::plain(&DEBIAN_12));

/// The kernels for which every example is built.
pub(super) const CORES: [Core; 2] = [DEBIAN_13_CORE, DEBIAN_12_CORE];

/// The kernels for which only the sample and a few test patches are built and run, with and without Rust.
const SAMPLE_KERNELS: [&str; 8] = [
    "debian-13/cloud",
    "debian-13/rt",
    "debian-12/cloud",
    "debian-12/rt",
    "stock/cloud",
    "stock/rt",
    "debian-sid",
    "debian-experimental",
];

/// The sample.
const SAMPLE: &str = "livepatch-sample";

/// A patch in `tests/patches`.
struct TestPatch {
    name: &'static str,
    /// The C module that it patches, which is built with it.
    target: Option<&'static str>,
    /// The scenario that needs it.
    scenario: &'static str,
}

const PATCHES: [TestPatch; 3] = [
    TestPatch {
        name: "sync",
        target: Some("klp_sync_target"),
        scenario: "sync",
    },
    TestPatch {
        name: "arguments",
        target: Some("klp_arguments"),
        scenario: "arguments",
    },
    TestPatch {
        name: "refused-module",
        target: None,
        scenario: "livepatch-callbacks",
    },
];

impl TestPatch {
    /// Whether the scenario of this patch runs with these examples: it is that of one of them, or the patch's own.
    fn is_needed(&self, folders: &[PathBuf]) -> bool {
        let has_name = |folder: &PathBuf| folder.ends_with(self.scenario);
        self.name == self.scenario || folders.iter().any(has_name)
    }
}

/// A patch that uses the part of the prelude that all kernels share.
const PRELUDE: &str = "tests/prelude";

/// A patch that uses the `kernel` crate.
const USES_KERNEL_CRATE: &str = "livepatch-syscall";

/// The limit of the size of the sample's module, in bytes.
const MAX_SIZE: u64 = 64 << 10;

/// An example that cannot be built for a kernel. The build has to fail with this message.
struct Exception {
    core: Core,
    example: &'static str,
    message: &'static str,
}

const EXCEPTIONS: [Exception; 5] = [
    // The function has fewer arguments there: one set of flags for both futexes.
    Exception {
        core: DEBIAN_12_CORE,
        example: "CVE-2014-3153",
        message: "`futex_requeue` has 7 arguments in C",
    },
    Exception {
        core: DEBIAN_12_CORE,
        example: "CVE-2018-6927",
        message: "`futex_requeue` has 7 arguments in C",
    },
    // Mounts have a user namespace there, and no `struct mnt_idmap`.
    Exception {
        core: DEBIAN_12_CORE,
        example: "CVE-2019-5489",
        message: "`vfsmount` has no member `mnt_idmap`",
    },
    // The compiler specialised the function there.
    Exception {
        core: DEBIAN_12_CORE,
        example: "CVE-2020-25284",
        message: "only `do_rbd_add.constprop.0`",
    },
    // Splicing uses a page there, and no folio.
    Exception {
        core: DEBIAN_12_CORE,
        example: "CVE-2022-0847",
        message: "`vmlinux` has no function `splice_folio_into_pipe`",
    },
];

/// The exception for an example on a kernel.
fn exception(core: Core, example: &str) -> Option<&'static Exception> {
    EXCEPTIONS
        .iter()
        .find(|exception| exception.core == core && exception.example == example)
}

pub(super) fn run() -> Result<Tally> {
    let author = Author::new()?;
    let mut cases = Cases::new("kernels");
    for core in CORES {
        on_kernel(&author, core, &folders()?, |_| true, &mut cases);
        let name = core.name();
        cases.check(
            &format!("{name} refuses patches with the kernel crate"),
            || author.refused(core),
        );
    }
    let sample = [checkout::top().join("examples").join(SAMPLE)];
    for kernel in SAMPLE_KERNELS {
        on_kernel(&author, kernel.parse()?, &sample, |_| true, &mut cases);
    }
    let mut tally = cases.tally();
    tally += next_series()?;
    Ok(tally)
}

/// Tests klp-core in the next kernel series, with that one's selftests and all scenarios.
fn next_series() -> Result<Tally> {
    let options = Options {
        source: Origin::Debian(DebianKernel::plain(&EXPERIMENTAL)),
        ..checkout::kernel_options()
    };
    let kernel = kernel::get(Core::Rust, Profile::Base, &options)?;
    let built = checkout::build_all(&kernel)?;
    let mut tally = kselftest::run(&kernel)?;
    tally += Tally::of(&scenarios::run(
        &kernel,
        &built.modules,
        &core_module::scripts_without(Arch::default())?,
    )?);
    Ok(tally)
}

/// Builds and runs these examples and test patches on one kernel; without names, all. Those without a scenario are
/// skipped.
pub fn run_on(core: Core, names: &[String]) -> Result<Tally> {
    let is_selected = |name: &str| names.is_empty() || names.iter().any(|it| it == name);
    let scripts = scenarios::all()?;
    let has_scenario = |name: &str| {
        let has_name = |script: &PathBuf| script.file_stem().is_some_and(|stem| stem == name);
        scripts.iter().any(has_name)
    };
    let mut folders = folders()?;
    folders.retain(|folder| {
        let name = folder.file_name().unwrap_or_default().to_string_lossy();
        is_selected(&name) && (is_fix(&name) || has_scenario(&name))
    });
    let has_selected_scenario = |patch: &TestPatch| is_selected(patch.scenario);
    ensure!(
        !folders.is_empty() || PATCHES.iter().any(has_selected_scenario),
        "none of {} is an example or patch that has a scenario and uses the crate `klp` alone",
        names.join(", ")
    );
    let mut cases = Cases::new("kernels");
    on_kernel(
        &Author::new()?,
        core,
        &folders,
        has_selected_scenario,
        &mut cases,
    );
    Ok(cases.tally())
}

/// Builds the patches of these folders, and the selected test patches that their scenarios need, and runs the
/// scenarios.
fn on_kernel(
    author: &Author,
    core: Core,
    folders: &[PathBuf],
    is_selected: impl Fn(&TestPatch) -> bool,
    cases: &mut Cases,
) {
    let name = core.name();
    let mut built = Vec::new();
    for folder in folders {
        let example = folder.file_name().unwrap_or_default().to_string_lossy();
        if let Some(exception) = exception(core, &example) {
            cases.check(&format!("{name} refuses {example}"), || {
                author.check_exception(folder, exception)
            });
            continue;
        }
        cases.check(&format!("{name} takes {example}"), || {
            let modules = author.build(&author.copy(folder)?, core)?;
            if example == SAMPLE {
                author.check_size(&modules)?;
            }
            built.push((example.to_string(), modules));
            Ok(())
        });
    }
    let patches = PATCHES.iter().filter(|patch| patch.is_needed(folders));
    for patch in patches.filter(|patch| is_selected(patch)) {
        cases.check(&format!("{name} takes {}", patch.name), || {
            let modules = author.build(&author.patch(patch)?, core)?;
            built.push((patch.name.to_owned(), modules));
            Ok(())
        });
    }
    for done in [run_scenarios(core, &built), run_cve(core, &built)] {
        match done {
            Ok(done) => done.into_iter().for_each(|case| cases.add(&case)),
            Err(error) => cases.check(&format!("{name} runs the scenarios"), || Err(error)),
        }
    }
}

/// Whether an example is a published fix.
fn is_fix(example: &str) -> bool {
    example.starts_with("CVE-")
}

/// Runs the scenarios of published fixes among these modules, in one boot.
fn run_cve(core: Core, built: &[(String, Vec<PathBuf>)]) -> Result<Vec<Case>> {
    let fixes = built.iter().filter(|(example, _)| is_fix(example));
    let modules: Vec<_> = fixes.flat_map(|(_, modules)| modules.clone()).collect();
    match core {
        Core::Debian(debian) if !modules.is_empty() => {
            cve::on_fixed(debian, &checkout::kernel(core, Profile::Base)?, &modules)
        }
        _ => Ok(Vec::new()),
    }
}

/// Runs the scenarios of these modules, in one boot.
fn run_scenarios(core: Core, built: &[(String, Vec<PathBuf>)]) -> Result<Vec<Case>> {
    let is_built = |script: &PathBuf| {
        let name = script.file_stem().unwrap_or_default();
        built.iter().any(|(example, _)| name == example.as_str())
    };
    let mut scripts = scenarios::all()?;
    scripts.retain(is_built);
    if scripts.is_empty() {
        return Ok(Vec::new());
    }
    let modules: Vec<_> = built
        .iter()
        .flat_map(|(_, modules)| modules.clone())
        .collect();
    let kernel = checkout::kernel(core, Profile::Base)?;
    scenarios::run(&kernel, &modules, &scripts)
}

/// The examples that use the crate `klp` alone, and the patch that uses the common prelude.
fn folders() -> Result<Vec<PathBuf>> {
    let mut folders = vec![checkout::top().join(PRELUDE)];
    for top in ["examples", "examples/cve"] {
        for dir in listed(&checkout::top().join(top))? {
            if dir.join("Kbuild").is_file() && is_for_all(&dir)? {
                folders.push(dir);
            }
        }
    }
    folders.sort();
    Ok(folders)
}

/// Whether no source in the folder uses the `kernel` crate.
fn is_for_all(dir: &Path) -> Result<bool> {
    for path in with_extension(dir, "rs")? {
        let text =
            fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
        if names_kernel_crate(&text).is_some() {
            return Ok(false);
        }
    }
    Ok(true)
}

impl Author {
    fn check_size(&self, modules: &[PathBuf]) -> Result<()> {
        for module in modules {
            let size = fs::metadata(module)?.len();
            ensure!(
                size < MAX_SIZE,
                "{} has {size} bytes, expected less than {MAX_SIZE}",
                module.display()
            );
        }
        Ok(())
    }

    /// Makes a folder with a test patch and the module that it patches.
    fn patch(&self, patch: &TestPatch) -> Result<PathBuf> {
        let to = self.dir.path().join(patch.name);
        let from = checkout::top().join("tests/patches");
        fs::create_dir_all(&to).with_context(|| format!("cannot make {}", to.display()))?;
        let mut kbuild = String::from("obj-m :=");
        let sources = [
            patch.target.map(|name| (name, "c")),
            Some((patch.name, "rs")),
        ];
        for (name, extension) in sources.into_iter().flatten() {
            let file = format!("{name}.{extension}");
            fs::copy(from.join(&file), to.join(&file))
                .with_context(|| format!("cannot copy {file}"))?;
            kbuild.push_str(&format!(" {name}.o"));
        }
        kbuild.push('\n');
        fs::write(to.join("Kbuild"), kbuild).context("cannot write a Kbuild file")?;
        Ok(to)
    }

    /// Checks that an example that cannot be built for the kernel fails with the listed message.
    fn check_exception(&self, folder: &Path, exception: &Exception) -> Result<()> {
        let text = self.failure(folder, exception.core)?;
        let message = exception.message;
        ensure!(text.contains(message), "{message:?} is missing in: {text}");
        Ok(())
    }

    /// Returns the error of a patch that does not build.
    fn failure(&self, folder: &Path, core: Core) -> Result<String> {
        match self.klp(&self.copy(folder)?, core) {
            Ok(output) => anyhow::bail!("the build succeeded: {output}"),
            Err(error) => Ok(format!("{error:#}")),
        }
    }

    /// Checks that a patch that uses the `kernel` crate gets one error, which says what to do.
    fn refused(&self, core: Core) -> Result<()> {
        let example = checkout::top().join("examples").join(USES_KERNEL_CRATE);
        let text = self.failure(&example, core)?;
        for part in [
            "names the `kernel` crate",
            "built without CONFIG_RUST",
            "--kernel stock",
        ] {
            ensure!(text.contains(part), "{part:?} is missing in: {text}");
        }
        ensure!(!text.contains("E0433"), "the compiler was run: {text}");
        Ok(())
    }
}
