// SPDX-License-Identifier: GPL-2.0-only

//! The published fixes in `examples/cve`, on the stock kernel: each patch is built, loaded and tried.
//! Where a fix is one of a module, the module is also built without it, and the flaw is seen first.

mod folders;
mod undone;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use klp_host::cache::Cache;
use klp_host::host::files::write_atomic;
use klp_host::kernel::known::Known;
use klp_host::kernel::line::STOCK;
use klp_host::kernel::{Core, Kernel, Profile, modules};
use klp_host::module::{self, Built, Options};

use crate::case::Tally;
use crate::checkout;
use crate::scenarios;

/// Modules that scenarios load as they are.
const UNTOUCHED: [&str; 2] = ["iscsi_tcp", "tipc"];

/// Builds all patches and all modules without their fixes, and runs the scenarios.
pub(super) fn run() -> Result<Tally> {
    let kernel = checkout::kernel(Core::Stock, Profile::Base)?;
    let known = Known {
        modules: modules::of_stock(&Cache::open()?, &STOCK)?,
        ..Known::of_folder(&kernel.build.dir)
    }
    .or_users();
    let undone = build_undone(&kernel)?;
    let mut files = build_patches(&kernel, &known)?.modules;
    files.extend(others(&known, &undone)?);
    files.extend(undone.modules);
    let cases = scenarios::run(&kernel, &files, &scenarios::listed("tests/cve", "sh")?)?;
    Ok(Tally::of(&cases))
}

/// Builds the patches, with what is known of the modules that they are about. Apart from the other
/// examples, which are built without that.
fn build_patches(kernel: &Kernel, known: &Known) -> Result<Built> {
    let names = folders::all()?.into_iter();
    let folders: Vec<_> = names
        .map(|name| format!("{}/{name}/", folders::FOLDER))
        .collect();
    let mut vars = known.env();
    vars.push(("KLP_PATCHES".to_owned(), folders.join(" ")));
    build(kernel, &checkout::top(), vars)
}

/// Builds the modules from the kernel's source, with the fixes taken out.
fn build_undone(kernel: &Kernel) -> Result<Built> {
    let dir = checkout::top().join("target/cve/undone");
    undone::write_sources(&kernel.source, &dir)?;
    build(kernel, &dir, Vec::new())
}

fn build(kernel: &Kernel, dir: &Path, make_vars: Vec<(String, String)>) -> Result<Built> {
    let options = Options {
        output: checkout::top().join("target/cve/kmod"),
        make_vars,
        patched: Vec::new(),
    };
    module::build(&kernel.build, dir, &options)
}

/// The stock modules that are loaded besides, as files.
fn others(known: &Known, undone: &Built) -> Result<Vec<PathBuf>> {
    let dir = checkout::top().join("target/cve/others");
    fs::create_dir_all(&dir).with_context(|| format!("cannot make {}", dir.display()))?;
    let names: Vec<_> = undone::MODULES
        .iter()
        .map(|module| module.name)
        .chain(UNTOUCHED)
        .map(str::to_owned)
        .collect();
    let mut files = Vec::new();
    for module in modules::with_dependencies(known, &names)? {
        if undone.module(&module.name).is_none() {
            let file = dir.join(format!("{}.ko", module.name));
            write_changed(&file, &module.data)?;
            files.push(file);
        }
    }
    Ok(files)
}

/// Writes a file unless it has this content, so that what is made of it stays as it is.
fn write_changed(file: &Path, content: &[u8]) -> Result<()> {
    match fs::read(file) {
        Ok(found) if found == content => Ok(()),
        _ => write_atomic(file, content),
    }
}
