// SPDX-License-Identifier: GPL-2.0-only

//! Tests klpctl on a system with systemd and a persistent disk: installed patches are applied at each boot, a patch that
//! crashed the machine is held out, and power cuts leave no partial files. Packages, playbooks and units are run by the
//! real programs.

mod keys;
mod machine;
mod package_lint;
mod packages;
mod page;

use std::time::Duration;

use anyhow::{Result, bail};
use klp_host::arch::Arch;
use klp_host::host::needs::Needs;
use klp_host::host::progress;
use klp_host::kernel::line::DEBIAN_13;
use klp_host::kernel::{Core, DebianKernel};
use klp_host::venv;
use klp_host::vm::system;

use crate::case::Tally;
use crate::checkout;
use crate::guest_program;
use machine::Machine;
use packages::Packages;

/// The kernel that belongs to the system.
const KERNEL: DebianKernel = DebianKernel::plain(&DEBIAN_13);

/// The same, as a core.
const CORE: Core = Core::Debian(KERNEL);

/// A boot.
#[derive(Clone, Copy, Debug)]
struct Boot {
    /// The script function: `step_NAME` in `tests/image/steps/`.
    step: &'static str,
    /// A word for the kernel's command line.
    parameter: Option<&'static str>,
    ends: End,
}

/// How a boot ends.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum End {
    /// By a shutdown in order.
    InOrder,
    /// The kernel panics.
    Panic,
    /// The host ends the machine so long after the guest says `@cut`.
    PowerCut(Duration),
}

impl Boot {
    const fn with(self, parameter: &'static str) -> Self {
        Self {
            parameter: Some(parameter),
            ..self
        }
    }
}

const fn boot(step: &'static str) -> Boot {
    Boot {
        step,
        parameter: None,
        ends: End::InOrder,
    }
}

const fn panics(step: &'static str) -> Boot {
    Boot {
        ends: End::Panic,
        ..boot(step)
    }
}

const fn cut(step: &'static str, milliseconds: u64) -> Boot {
    Boot {
        ends: End::PowerCut(Duration::from_millis(milliseconds)),
        ..boot(step)
    }
}

/// The special features of a machine.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Extra {
    Nothing,
    /// Firmware with a key that the kernel trusts.
    Key,
    /// The packages that the author on the page made.
    Page,
}

/// Boots of one machine, with one disk.
struct Story {
    /// Its steps are in `tests/image/steps/NAME.sh`.
    name: &'static str,
    has: Extra,
    boots: &'static [Boot],
}

const STORIES: [Story; 7] = [
    Story {
        name: "boots",
        has: Extra::Nothing,
        boots: &[
            boot("install"),
            boot("applied"),
            boot("healthy"),
            panics("crash"),
            boot("held"),
            boot("still"),
            boot("disabled").with("klp.enable=0"),
            boot("upgraded"),
            cut("cut", 700),
            cut("whole", 2600),
            cut("whole", 1300),
            cut("whole", 5100),
            boot("end"),
        ],
    },
    Story {
        name: "packages",
        has: Extra::Nothing,
        boots: &[
            boot("packages"),
            panics("upgrade"),
            boot("predecessor"),
            boot("removed"),
        ],
    },
    Story {
        name: "trouble",
        has: Extra::Nothing,
        boots: &[
            boot("trouble"),
            cut("replace", 900),
            cut("replaced", 2100),
            boot("mended"),
        ],
    },
    Story {
        name: "hundred",
        has: Extra::Nothing,
        boots: &[boot("hundred"), boot("hundred_applied")],
    },
    Story {
        name: "lockdown",
        has: Extra::Key,
        boots: &[
            boot("lockdown").with("lockdown=integrity"),
            boot("locked").with("lockdown=integrity"),
        ],
    },
    Story {
        name: "ansible",
        has: Extra::Nothing,
        boots: &[boot("ansible"), boot("rolled_out")],
    },
    Story {
        name: "page",
        has: Extra::Page,
        boots: &[boot("page_1"), boot("page_2")],
    },
];

/// The packages that it takes.
pub fn needs() -> Result<Needs> {
    let needs = checkout::needs(CORE, klp_host::kernel::Profile::Base)?;
    let tools = venv::needs().and(Needs::of(&["openssl"]));
    let tools = tools.and(package_lint::needs());
    Ok(needs
        .and(guest_program::needs(Arch::default())?)
        .and(system::needs())
        .and(tools))
}

/// The names of what there is.
pub fn names() -> Vec<&'static str> {
    let stories = STORIES.iter().map(|story| story.name);
    [package_lint::NAME].into_iter().chain(stories).collect()
}

/// Runs the tests of these names; all without names.
///
/// # Errors
///
/// A name is unknown, or a machine cannot be made.
pub fn run(names: &[String]) -> Result<Tally> {
    if let Some(wrong) = names
        .iter()
        .find(|&it| !self::names().contains(&it.as_str()))
    {
        bail!(
            "there is no {wrong}: there are {}",
            self::names().join(", ")
        );
    }
    let packages = Packages::new()?;
    let is_wanted = |name: &str| names.is_empty() || names.iter().any(|it| it == name);
    let mut tally = Tally::default();
    if is_wanted(package_lint::NAME) {
        tally += package_lint::run(&packages)?;
    }
    for story in STORIES.iter().filter(|it| is_wanted(it.name)) {
        let step = progress::Step::start(&format!("the machine of {}", story.name), "minutes");
        let machine = Machine::new(&packages, story)?;
        for boot in story.boots {
            let cases = machine.boot(*boot)?;
            let ended_well = cases
                .iter()
                .all(|it| it.name != machine::END || it.failure.is_none());
            cases.iter().for_each(|case| tally.count(case));
            if !ended_well {
                // The others begin where it should have ended.
                break;
            }
        }
        step.done();
    }
    Ok(tally)
}
