// SPDX-License-Identifier: GPL-2.0-only

//! The part `debian`: both cores on a kernel with the built-in features of Debian's: mitigations at entries, calls and
//! returns, preemption, hardened memory.

use anyhow::Result;
use klp_host::arch::Arch;
use klp_host::kernel::Profile;

use super::core_module;
use super::form::OWN_CORES;
use crate::case::Tally;
use crate::checkout;
use crate::kselftest;
use crate::scenarios;

/// The prefix of those long scenarios that need no debug checkers.
const HOSTILE: &str = "hostile";

/// Runs the selftests and the scenarios on one kernel after the other: these compute more than they wait.
pub(super) fn run() -> Result<Tally> {
    let mut scripts = core_module::scripts_without(Arch::default())?;
    scripts.extend(scenarios::long()?.into_iter().filter(|path| {
        path.file_stem()
            .is_some_and(|stem| stem.to_string_lossy().starts_with(HOSTILE))
    }));
    let mut tally = Tally::default();
    for core in OWN_CORES {
        let kernel = checkout::kernel(core, Profile::Debian)?;
        let built = checkout::build_all(&kernel)?;
        tally += kselftest::run(&kernel)?;
        tally += Tally::of(&scenarios::run(&kernel, &built.modules, &scripts)?);
    }
    Ok(tally)
}
