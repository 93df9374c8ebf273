// SPDX-License-Identifier: GPL-2.0-only

//! Debian's other kernels: every example that names `klp` alone is built from the same source for those without
//! Rust, and run where it has a scenario; a few are built and run on all flavours.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};
use klp_host::freestanding::names_kernel_crate;
use klp_host::kernel::debian_line::{DEBIAN_12, DEBIAN_13, EXPERIMENTAL};
use klp_host::kernel::{self, Core, DebianKernel, Options, Origin, Profile};

use super::author_build::Author;
use super::cases::Cases;
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

/// The kernels for which a few are built and run, with and without Rust.
const FEW: [&str; 8] = [
    "debian-13/cloud",
    "debian-13/rt",
    "debian-12/cloud",
    "debian-12/rt",
    "stock/cloud",
    "stock/rt",
    "debian-sid",
    "debian-experimental",
];

/// The patch that is built for them.
const SAMPLE: &str = "livepatch-sample";

/// A patch of the tests.
struct TestPatch {
    name: &'static str,
    /// The module in C that it is built with.
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
    /// Whether its scenario is run where these examples are: it is that of one of them, or its own.
    fn is_needed(&self, folders: &[PathBuf]) -> bool {
        let has_name = |folder: &PathBuf| folder.ends_with(self.scenario);
        self.name == self.scenario || folders.iter().any(has_name)
    }
}

/// A patch that uses the prelude common to all kernels.
const PRELUDE: &str = "tests/prelude";

/// A patch that uses the `kernel` crate.
const OF_THE_KERNEL: &str = "livepatch-syscall";

/// The largest that the sample's module may be.
const LARGEST: u64 = 64 << 10;

/// An example that is not for a kernel. The build has to fail, and say why.
struct Exception {
    core: Core,
    example: &'static str,
    says: &'static str,
}

const EXCEPTIONS: [Exception; 5] = [
    // These have fewer arguments there: one set of flags for both futexes.
    Exception {
        core: DEBIAN_12_CORE,
        example: "CVE-2014-3153",
        says: "`futex_requeue` has 7 arguments in C",
    },
    Exception {
        core: DEBIAN_12_CORE,
        example: "CVE-2018-6927",
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

/// Why an example is not for a kernel.
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
        cases.check(&format!("{name} says what it has no crate for"), || {
            author.refused(core)
        });
    }
    let sample = [checkout::top().join("examples").join(SAMPLE)];
    for kernel in FEW {
        on_kernel(&author, kernel.parse()?, &sample, |_| true, &mut cases);
    }
    let mut tally = cases.tally();
    tally += next_series()?;
    Ok(tally)
}

/// klp-core in the next series: that one's selftests, and all scenarios.
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
        &scenarios::all()?,
    )?);
    Ok(tally)
}

/// Builds and runs these examples and patches on one kernel, and those without a scenario not; all without names.
pub fn run_on(core: Core, names: &[String]) -> Result<Tally> {
    let is_wanted = |name: &str| names.is_empty() || names.iter().any(|wanted| wanted == name);
    let scripts = scenarios::all()?;
    let has_scenario = |name: &str| {
        let is_its = |script: &PathBuf| script.file_stem().is_some_and(|stem| stem == name);
        scripts.iter().any(is_its)
    };
    let mut folders = folders()?;
    folders.retain(|folder| {
        let name = folder.file_name().unwrap_or_default().to_string_lossy();
        is_wanted(&name) && (is_fix(&name) || has_scenario(&name))
    });
    let is_known = |patch: &TestPatch| is_wanted(patch.scenario);
    ensure!(
        !folders.is_empty() || PATCHES.iter().any(is_known),
        "none of {} is an example or patch with a scenario that names `klp` alone",
        names.join(", ")
    );
    let mut cases = Cases::new("kernels");
    on_kernel(&Author::new()?, core, &folders, is_known, &mut cases);
    Ok(cases.tally())
}

/// Builds the patches of these folders, and of the test patches those that are wanted and needed, and runs their
/// scenarios.
fn on_kernel(
    author: &Author,
    core: Core,
    folders: &[PathBuf],
    is_wanted: impl Fn(&TestPatch) -> bool,
    cases: &mut Cases,
) {
    let name = core.name();
    let mut built = Vec::new();
    for folder in folders {
        let example = folder.file_name().unwrap_or_default().to_string_lossy();
        if let Some(exception) = exception(core, &example) {
            cases.check(&format!("{name} refuses {example}"), || {
                author.not_for(folder, exception)
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
    for patch in patches.filter(|patch| is_wanted(patch)) {
        cases.check(&format!("{name} takes {}", patch.name), || {
            let modules = author.build(&author.patch(patch)?, core)?;
            built.push((patch.name.to_owned(), modules));
            Ok(())
        });
    }
    for done in [run_scenarios(core, &built), run_cve(core, &built)] {
        match done {
            Ok(done) => done.into_iter().for_each(|case| cases.add(&case)),
            Err(error) => cases.check(&format!("{name} runs them"), || Err(error)),
        }
    }
}

/// Whether an example is a published fix.
fn is_fix(example: &str) -> bool {
    example.starts_with("CVE-")
}

/// Runs those of these modules that are published fixes, in one boot.
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
    let is_of = |script: &PathBuf| {
        let name = script.file_stem().unwrap_or_default();
        built.iter().any(|(example, _)| name == example.as_str())
    };
    let mut scripts = scenarios::all()?;
    scripts.retain(is_of);
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

/// The examples that use klp alone, and the patch that uses the prelude.
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
            ensure!(size < LARGEST, "{} has {size} bytes", module.display());
        }
        Ok(())
    }

    /// A folder with a patch of the tests, and the module that it is for.
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

    /// An example that is not for the kernel fails to build for the listed reason.
    fn not_for(&self, folder: &Path, exception: &Exception) -> Result<()> {
        let text = self.failure(folder, exception.core)?;
        let says = exception.says;
        ensure!(text.contains(says), "{says:?} is missing in: {text}");
        Ok(())
    }

    /// The error of a patch that does not build.
    fn failure(&self, folder: &Path, core: Core) -> Result<String> {
        match self.klp(&self.copy(folder)?, core) {
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
}
