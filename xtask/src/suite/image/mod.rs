// SPDX-License-Identifier: GPL-2.0-only

//! The part `image`: tests klpctl on a system with systemd and a persistent disk. Installed patches are applied at each
//! boot, a patch that crashed the machine is not loaded again, and power cuts leave no partial files. Packages,
//! playbooks and units are run by the real programs.

mod keys;
mod machine;
mod package_lint;
mod packages;
mod page;
mod stories;

use anyhow::{Result, bail};
use klp_host::arch::Arch;
use klp_host::host::progress;
use klp_host::tools::needs::Needs;
use klp_host::venv;
use klp_host::vm::system;

use crate::case::Tally;
use crate::checkout;
use crate::guest_program;
use machine::Machine;
use packages::Packages;
use stories::{CORE, STORIES};

/// The packages that this part needs.
pub fn needs() -> Result<Needs> {
    let needs = checkout::needs(CORE, klp_host::kernel::Profile::Base)?;
    let tools = venv::needs().and(Needs::of(&["openssl"]));
    let tools = tools.and(package_lint::needs());
    Ok(needs
        .and(guest_program::needs(Arch::default())?)
        .and(system::needs())
        .and(tools))
}

/// The names of the tests.
pub fn names() -> Vec<&'static str> {
    let stories = STORIES.iter().map(|story| story.name);
    [package_lint::NAME].into_iter().chain(stories).collect()
}

/// Runs the tests of these names; without names, all.
///
/// # Errors
///
/// A name is unknown, or a machine cannot be made.
pub fn run(names: &[String]) -> Result<Tally> {
    if let Some(unknown) = names
        .iter()
        .find(|&it| !self::names().contains(&it.as_str()))
    {
        bail!(
            "there is no test {unknown}; known tests: {}",
            self::names().join(", ")
        );
    }
    let packages = Packages::new()?;
    let is_selected = |name: &str| names.is_empty() || names.iter().any(|it| it == name);
    let mut tally = Tally::default();
    if is_selected(package_lint::NAME) {
        tally += package_lint::run(&packages)?;
    }
    for story in STORIES.iter().filter(|it| is_selected(it.name)) {
        let step = progress::Step::start(&format!("the machine of {}", story.name), "minutes");
        let machine = Machine::new(&packages, story)?;
        for boot in story.boots {
            let cases = machine.boot(*boot)?;
            let ended_well = cases
                .iter()
                .all(|it| it.name != machine::END || it.failure.is_none());
            cases.iter().for_each(|case| tally.count(case));
            if !ended_well {
                // The next boots depend on the state that this one should have left.
                break;
            }
        }
        step.done();
    }
    Ok(tally)
}
