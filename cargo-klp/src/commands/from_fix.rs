// SPDX-License-Identifier: GPL-2.0-only

//! `cargo klp new --from FIX`: starts a patch from an upstream fix.

use std::path::Path;

use anyhow::{Result, ensure};
use klp_elf::Kernel;
use klp_host::cache::Cache;

use super::stub::plain;
use crate::fix::{Facts, Files, Fix, Plan};
use crate::inlined::DebugInfo;
use crate::kernel::Choice;

/// A patch that is begun.
pub(super) struct Begun {
    name: String,
    fix: Fix,
    plan: Plan,
    release: String,
    /// Whether inlined copies are known.
    inlined: bool,
}

/// Reads the fix, and finds out what of it can be patched on that kernel.
pub(super) fn begin(
    name: &str,
    fix: &Path,
    choice: &Choice,
    debug_info: &DebugInfo,
) -> Result<Begun> {
    // Before anything is fetched.
    let fix = Fix::read(fix)?;
    let cache = Cache::open()?;
    let kernel = choice.describe(&cache)?;
    let indices = debug_info.indices(&cache, choice, &kernel.known)?;
    let inlined = !indices.is_empty();
    let facts = Facts::new(
        Kernel::open(kernel.known.clone().sources()?).map_err(plain)?,
        &kernel,
        indices,
    );
    let plan = Plan::make(&fix, &facts)?;
    let release = kernel.release;
    ensure!(
        !plan.is_empty(),
        "nothing of this fix can be patched on {release}:\n{}",
        plan.summary().trim_end()
    );
    Ok(Begun {
        name: name.to_owned(),
        fix,
        plan,
        release,
        inlined,
    })
}

impl Begun {
    /// The files of the patch's folder, with those that are common to all patches.
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

    /// Says what became of the fix.
    pub(super) fn tell(&self, dir: &Path) {
        print!("{}", self.plan.summary());
        if self.plan.is_in_kernel() {
            println!("note: the source of {} has this fix already", self.release);
        }
        if !self.inlined {
            println!("note: which functions were inlined is not known; --debug-info tells");
        }
        println!(
            "made {}: a stub for each function, to write the change into; its README.md has the above",
            dir.display()
        );
    }
}
