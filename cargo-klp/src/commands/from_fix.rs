// SPDX-License-Identifier: GPL-2.0-only

//! `cargo klp new --from FIX`: creates a patch from an upstream fix.

use std::path::Path;

use anyhow::{Result, ensure};
use klp_elf::Kernel;
use klp_host::cache::Cache;

use super::stub::message_only;
use crate::fix::{Facts, Files, Fix, Plan};
use crate::inlined::DebugInfo;
use crate::kernel::Choice;

/// The plan of a patch for a fix.
pub(super) struct FixPatch {
    name: String,
    fix: Fix,
    plan: Plan,
    release: String,
    /// Whether inlined copies are known.
    inlined: bool,
}

/// Reads the fix, and plans a patch for the functions that can be replaced on that kernel.
pub(super) fn plan(
    name: &str,
    fix: &Path,
    choice: &Choice,
    debug_info: &DebugInfo,
) -> Result<FixPatch> {
    // Read first, so that nothing is fetched for an invalid fix.
    let fix = Fix::read(fix)?;
    let cache = Cache::open()?;
    let kernel = choice.describe(&cache)?;
    let indices = debug_info.indices(&cache, choice, &kernel.known)?;
    let inlined = !indices.is_empty();
    let facts = Facts::new(
        Kernel::open(kernel.known.clone().sources()?).map_err(message_only)?,
        &kernel,
        indices,
    );
    let plan = Plan::make(&fix, &facts)?;
    let release = kernel.release;
    ensure!(
        !plan.is_empty(),
        "no part of this fix can be patched on {release}:\n{}",
        plan.summary().trim_end()
    );
    Ok(FixPatch {
        name: name.to_owned(),
        fix,
        plan,
        release,
        inlined,
    })
}

impl FixPatch {
    /// The files of the patch's folder, including those that are the same for all patches.
    pub(super) fn files(&self, common: [(String, String); 4]) -> Vec<(String, String)> {
        let Files { patch, readme } = Files::write(&self.name, &self.fix.about, &self.plan);
        let own = [
            (format!("{}.rs", self.name), patch),
            ("README.md".to_owned(), readme),
        ];
        let is_own = |name: &String| own.iter().any(|(own, _)| own == name);
        let common = common.into_iter().filter(|(name, _)| !is_own(name));
        common.chain(own.clone()).collect()
    }

    /// Prints what the patch does for each part of the fix.
    pub(super) fn print_summary(&self, dir: &Path) {
        print!("{}", self.plan.summary());
        if self.plan.is_in_kernel() {
            println!("note: the source of {} already has this fix", self.release);
        }
        if !self.inlined {
            println!("note: inlined functions are unknown; --debug-info finds them");
        }
        println!(
            "created {}: write the change into the stub of each function; README.md has the list above",
            dir.display()
        );
    }
}
