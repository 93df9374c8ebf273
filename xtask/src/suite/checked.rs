// SPDX-License-Identifier: GPL-2.0-only

//! Compares `cargo klp check` with the kernel. The scenarios load each of these modules: the checker has to accept the
//! modules that the kernel accepts, and to refuse the others for the same reason.

use std::path::Path;

use anyhow::{Result, ensure};
use klp_elf::check::{Against, Report, Severity, check};
use klp_elf::{Kernel, Sources};
use klp_host::kernel::BuildFolder;
use klp_host::kernel::metadata::KernelMetadata;
use klp_host::module::Built;

use crate::files;

/// The patches that the checker has to refuse for their contents, with its finding. The kernel refuses others for what
/// they do.
const REFUSED: [(&str, &str); 9] = [
    ("unknown-function", "function-missing"),
    ("not-traceable", "not-traceable"),
    ("ambiguous-function", "function-ambiguous"),
    ("symbols-missing", "symbol-missing"),
    ("symbols-missing-in-module", "symbol-missing"),
    ("original-rebuilt", "entry-differs"),
    ("missing-late", "symbol-missing"),
    // The kernel accepts the first of its patches, and refuses the second.
    ("second-patch", "object-twice"),
    // The kernel accepts it, but the C core can unload it while a task runs in it.
    ("flaw-helper", "leaves-for-own"),
];

/// Checks all built modules.
pub(super) fn agree(build: &BuildFolder, built: &Built) -> Result<()> {
    let folders = built.modules.iter().filter_map(|path| path.parent());
    let kernel = Kernel::open(Sources {
        modules: folders.map(Path::to_owned).collect(),
        ..KernelMetadata::of_folder(&build.dir).sources()?
    })?;
    let against = Against::kernel(&kernel)?;
    let mut patches = 0;
    for path in &built.modules {
        let data = files::read(path)?;
        let report = check(&data, &against)?;
        let name = path.file_stem().unwrap_or_default().to_string_lossy();
        let reason = REFUSED.iter().find(|(refused, _)| *refused == name);
        let expected: &[&str] = match reason {
            Some((_, reason)) => &[*reason],
            // A module that patches are for.
            None if name.starts_with("klp_") => &["not-enabled"],
            None => &[],
        };
        let found = ids(&report);
        ensure!(
            found == expected,
            "{name}: expected {expected:?}, but the checker reports\n{report}"
        );
        patches += usize::from(!report.replaced.is_empty());
    }
    ensure!(patches >= 12, "only {patches} patches were checked");
    Ok(())
}

/// The ids of errors, and of notes about omitted checks.
fn ids(report: &Report) -> Vec<&'static str> {
    let findings = report.findings.iter();
    let counts = findings.filter(|finding| finding.severity() != Severity::Warning);
    counts.map(|finding| finding.problem.id()).collect()
}
