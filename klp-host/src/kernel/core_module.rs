// SPDX-License-Identifier: GPL-2.0-only

//! klp-core as a module, for a kernel of Debian's that has the livepatch core in C.
//!
//! The module is for one kernel, by the build id of that. What it replaces and what it uses of vmlinux is looked
//! up in the kernel's own lists when the module is built: a name that is not there, is there twice, or cannot be
//! traced, is an error.

use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use klp_elf::check::{Against, Severity, check};

use super::known::Known;
use super::{Core, DebianKernel, Kernel, Options, Profile, image, line, stock};
use crate::cache::Cache;
use crate::host::needs::Needs;
use crate::module;

const KERNEL: DebianKernel = DebianKernel::plain(&line::STOCK);

/// The packages that it takes.
pub(super) fn needs(cache: &Cache, profile: Profile, options: &Options) -> Result<Needs> {
    let unpacks = Needs::of(&["zstd"]);
    Ok(stock::needs(cache, KERNEL, profile, options)?.and(unpacks))
}

/// Gives the kernel, with the module built for it.
pub(super) fn get(cache: &Cache, profile: Profile, options: &Options) -> Result<Kernel> {
    let sources = options
        .klp_core
        .as_deref()
        .context("klp-core is built in a checkout of klp: cargo xtask kernel build")?;
    let kernel = stock::get(cache, KERNEL, profile, options)?;
    let build_id = image::build_id(&kernel.image)?;
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
        .context("the build made no klp-core.ko")?;
    check_names(&kernel, module)?;
    Ok(Kernel {
        core: Core::StockRust,
        core_module: Some(module.to_owned()),
        ..kernel
    })
}

/// Looks the module's names up in what is known of the kernel.
fn check_names(kernel: &Kernel, module: &Path) -> Result<()> {
    let known = klp_elf::Kernel::open(Known::of_folder(&kernel.build.dir).sources()?)?;
    let report = check(&klp_elf::read_module(module)?, &Against::kernel(&known)?)?;
    let bad = report
        .findings
        .iter()
        .any(|finding| finding.severity() != Severity::Warning);
    ensure!(
        !bad && !report.replaced.is_empty(),
        "{} does not go with the kernel {}:\n{report}",
        module.display(),
        kernel.build.release
    );
    Ok(())
}
