// SPDX-License-Identifier: GPL-2.0-only

//! Tests the published fixes in `examples/cve`: each patch is built, loaded and tried on the stock kernel.
//! If a module has the fix, the module is also built without it, and the flaw is shown first. Some fixes of
//! built-in code are tried on a small kernel without them instead.

mod builtin;
mod edit;
mod folders;
mod undone;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use klp_host::cache::Cache;
use klp_host::kernel::DebianKernel;
use klp_host::kernel::debian_line::STOCK;
use klp_host::kernel::metadata::KernelMetadata;
use klp_host::kernel::{Core, Kernel, Profile, modules};
use klp_host::module::{self, Built, Options};

use crate::case::{Case, Tally};
use crate::checkout;
use crate::files::write_changed;
use crate::scenarios;

/// Modules that scenarios load unmodified.
const UNMODIFIED: [&str; 3] = ["iscsi_tcp", "nft_queue", "tipc"];

/// Fixes of code that is in the small kernels on every architecture.
const IN_EVERY_KERNEL: [&str; 10] = [
    "CVE-2013-1858",
    "CVE-2013-2094",
    "CVE-2014-3153",
    "CVE-2017-18344",
    "CVE-2018-10087",
    "CVE-2018-17972",
    "CVE-2018-6927",
    "CVE-2019-5489",
    "CVE-2019-9213",
    "CVE-2022-0847",
];

/// The scenario that applies all patches to their objects.
const APPLIES: &str = "tests/cve/fixed/applies.sh";

/// The function that scenarios call if they need a module, or a kernel, without its fix.
const NEEDS_FLAW: &str = "shows_flaw";

/// Runs the scenarios of all fixes.
pub(super) fn run() -> Result<Tally> {
    let mut total = on_unfixed()?;
    total += on_stock()?;
    Ok(total)
}

/// Builds all patches, and the modules without their fixes, and runs the scenarios for the stock kernel.
fn on_stock() -> Result<Tally> {
    let kernel = checkout::kernel(Core::STOCK, Profile::Base)?;
    let known = KernelMetadata {
        modules: modules::of_stock(&Cache::open()?, DebianKernel::plain(&STOCK))?,
        ..KernelMetadata::of_folder(&kernel.build.dir)
    }
    .or_users();
    let undone = build_undone(&kernel)?;
    let mut files = build_patches(&kernel, known.env(), &folders::all()?)?.modules;
    files.extend(others(&known, Some(&undone))?);
    files.extend(undone.modules);
    let cases = scenarios::run(&kernel, &files, &scripts(false)?)?;
    Ok(Tally::of(&cases))
}

/// Builds the small kernel without some fixes, and the patches with these fixes, and runs their scenarios.
fn on_unfixed() -> Result<Tally> {
    let kernel = builtin::kernel()?;
    let names: Vec<_> = builtin::fixes().map(str::to_owned).collect();
    let built = build_patches(&kernel, Vec::new(), &names)?;
    let cases = scenarios::run(&kernel, &built.modules, &scripts(true)?)?;
    Ok(Tally::of(&cases))
}

/// Runs patches on a Debian kernel that has the fixes: the scenarios that need no module without its fix, and one
/// that applies all patches to their objects.
pub(super) fn on_fixed(
    debian: DebianKernel,
    kernel: &Kernel,
    patches: &[PathBuf],
) -> Result<Vec<Case>> {
    let known = KernelMetadata {
        modules: modules::of_stock(&Cache::open()?, debian)?,
        ..KernelMetadata::of_folder(&kernel.build.dir)
    }
    .or_users();
    let mut files = patches.to_vec();
    files.extend(others(&known, None)?);
    scenarios::run(kernel, &files, &scripts_of_fixed(patches)?)
}

/// Builds the patches of code that is in every kernel, and runs their scenarios as [`on_fixed`] does.
pub(super) fn on_small(kernel: &Kernel) -> Result<Tally> {
    let names = IN_EVERY_KERNEL.map(str::to_owned);
    let patches = build_patches(kernel, Vec::new(), &names)?.modules;
    let cases = scenarios::run(kernel, &patches, &scripts_of_fixed(&patches)?)?;
    Ok(Tally::of(&cases))
}

/// The scenarios of these patches that can run on a kernel with the fixes.
fn scripts_of_fixed(patches: &[PathBuf]) -> Result<Vec<PathBuf>> {
    let mut scripts = scenarios::in_checkout("tests/cve", "sh")?;
    let is_built = |script: &Path| {
        let name = script.file_stem().unwrap_or_default().to_string_lossy();
        let module = format!("livepatch-{}.ko", name.to_lowercase());
        patches.iter().any(|patch| patch.ends_with(&module))
    };
    scripts.retain(|script| is_built(script));
    let mut usable = vec![checkout::top().join(APPLIES)];
    for script in scripts {
        let text = fs::read_to_string(&script)
            .with_context(|| format!("cannot read {}", script.display()))?;
        if !text.contains(NEEDS_FLAW) {
            usable.push(script);
        }
    }
    Ok(usable)
}

/// The scenarios for the small kernel without fixes, or those for the stock kernel.
fn scripts(unfixed: bool) -> Result<Vec<PathBuf>> {
    let mut scripts = scenarios::in_checkout("tests/cve", "sh")?;
    scripts.retain(|path| {
        let name = path.file_stem().unwrap_or_default();
        unfixed == builtin::fixes().any(|fix| name == fix)
    });
    Ok(scripts)
}

/// Builds these patches with the variables of their modules' metadata, separately from the other
/// examples, which are built without.
fn build_patches(
    kernel: &Kernel,
    mut vars: Vec<(String, String)>,
    names: &[String],
) -> Result<Built> {
    let folders: Vec<_> = names
        .iter()
        .map(|name| format!("{}/{name}/", folders::FOLDER))
        .collect();
    vars.push(("KLP_PATCHES".to_owned(), folders.join(" ")));
    build(kernel, &checkout::top(), vars)
}

/// Builds the modules from the kernel's source, with the fixes removed.
fn build_undone(kernel: &Kernel) -> Result<Built> {
    let dir = checkout::top().join("target/cve/undone");
    undone::write_sources(&kernel.source, &dir)?;
    build(kernel, &dir, Vec::new())
}

fn build(kernel: &Kernel, dir: &Path, make_vars: Vec<(String, String)>) -> Result<Built> {
    let options = Options {
        output: checkout::top().join("target/cve/kmod"),
        ..checkout::build_options(make_vars, Vec::new())
    };
    module::build(&kernel.build, dir, &options)
}

/// The files of the kernel's own modules that scenarios load, except those built without their fixes.
fn others(known: &KernelMetadata, undone: Option<&Built>) -> Result<Vec<PathBuf>> {
    let kernel = known.modules.as_deref().and_then(Path::file_name);
    let dir = checkout::top()
        .join("target/cve/others")
        .join(kernel.unwrap_or_default());
    fs::create_dir_all(&dir).with_context(|| format!("cannot make {}", dir.display()))?;
    let names: Vec<_> = undone::MODULES
        .iter()
        .map(|module| module.name)
        .chain(UNMODIFIED)
        .map(str::to_owned)
        .collect();
    let mut files = Vec::new();
    for module in modules::with_dependencies(known, &names)? {
        if undone.is_none_or(|undone| undone.module(&module.name).is_none()) {
            let file = dir.join(format!("{}.ko", module.name));
            write_changed(&file, &module.data)?;
            files.push(file);
        }
    }
    Ok(files)
}
