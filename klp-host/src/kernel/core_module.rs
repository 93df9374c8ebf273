// SPDX-License-Identifier: GPL-2.0-only

//! Builds klp-core as a module, for a Debian kernel with the livepatch core in C.
//!
//! The module is bound to one kernel by its build ID. The symbols that it replaces and uses are looked up in the
//! kernel's symbol lists at build time: a missing, ambiguous or untraceable one
//! is an error.

use std::path::Path;

use anyhow::{Context as _, Result, anyhow, ensure};
use klp_elf::check::{Against, Finding, Severity, check};

use super::built_kernel::Kernel;
use super::debian_kernel::DebianKernel;
use super::kind::{Core, Profile};
use super::metadata::KernelMetadata;
use super::options::Options;
use super::{debian_line, stock};
use crate::cache::Cache;
use crate::tools::needs::Needs;
use crate::{kernel_image, module};

const KERNEL: DebianKernel = DebianKernel::plain(&debian_line::STOCK);

/// Returns the required packages.
pub(super) fn needs(cache: &Cache, profile: Profile, options: &Options) -> Result<Needs> {
    let unpacks = Needs::of(&["zstd"]);
    Ok(stock::needs(cache, KERNEL, profile, options)?.and(unpacks))
}

/// Returns the kernel, with the module built for it.
pub(super) fn get(cache: &Cache, profile: Profile, options: &Options) -> Result<Kernel> {
    let sources = options
        .klp_core
        .as_deref()
        .context("klp-core is built in a checkout of klp: cargo xtask kernel build")?;
    let kernel = stock::get(cache, KERNEL, profile, options)?;
    let build_id = kernel_image::build_id(&kernel.image)?;
    let (btf, none) = module::WITHOUT_BTF;
    let build = module::Options {
        output: cache.root().join("core-module"),
        make_vars: vec![
            ("KLP_BUILD_ID".to_owned(), build_id),
            (btf.to_owned(), none.to_owned()),
        ],
        patched: Vec::new(),
    };
    let built = module::build(&kernel.build, sources, &build)?;
    let module = built
        .module("klp-core")
        .context("the build did not make klp-core.ko")?;
    check_names(&kernel, module)?;
    let mut for_patches = kernel.build;
    for_patches.vars.push(exports_variable(module)?);
    Ok(Kernel {
        core: Core::StockRust,
        core_module: Some(module.to_owned()),
        build: for_patches,
        ..kernel
    })
}

/// Returns the make variable that lets patches use the exports of klp-core.ko.
fn exports_variable(module: &Path) -> Result<(String, String)> {
    let folder = module
        .parent()
        .context("klp-core.ko has no parent folder")?;
    let exported = folder.join("Module.symvers");
    ensure!(
        exported.is_file(),
        "the build of klp-core.ko did not make {}",
        exported.display()
    );
    Ok(("KLP_CORE_MODULE".to_owned(), folder.display().to_string()))
}

/// Findings of the checker that klp-core alone may have: it calls the functions that it replaces by their own
/// names, and the C core's `klp_enable_patch()` through a livepatch symbol.
const EXPECTED: [&str; 2] = ["not-enabled", "calls-itself"];

/// Functions with an `ftrace_ops` of the module (`module/klp_hook.c`, `kernel/klp_ftrace.c`).
const TRACED: [&str; 2] = ["__klp_sched_try_switch", "klp_cancel_transition"];

/// Looks up the module's symbols in the kernel's symbol lists.
fn check_names(kernel: &Kernel, module: &Path) -> Result<()> {
    let unfit = |why: &dyn std::fmt::Display| {
        let release = &kernel.build.release;
        anyhow!("{} does not match {release}: {why}", module.display())
    };
    let known = klp_elf::Kernel::open(KernelMetadata::of_folder(&kernel.build.dir).sources()?)?;
    let report = check(&klp_elf::read_module(module)?, &Against::kernel(&known)?)?;
    let is_bad = |finding: &Finding| {
        finding.severity() != Severity::Warning && !EXPECTED.contains(&finding.problem.id())
    };
    if report.findings.iter().any(is_bad) || report.replaced.is_empty() {
        return Err(unfit(&report));
    }
    let vmlinux = known
        .object("vmlinux")?
        .context("the functions of vmlinux are unknown")?;
    for name in TRACED {
        match vmlinux.function(name).matches.as_deref() {
            Some([one]) if one.traceable == Some(true) => {}
            _ => return Err(unfit(&format_args!("{name}() cannot be traced there"))),
        }
    }
    Ok(())
}
