// SPDX-License-Identifier: GPL-2.0-only

//! The stories: the boots of each machine, and how each has to end.

use std::time::Duration;

use klp_host::kernel::debian_line::DEBIAN_13;
use klp_host::kernel::{Core, DebianKernel};

/// The kernel of the system.
pub(super) const KERNEL: DebianKernel = DebianKernel::plain(&DEBIAN_13);

/// The kernel of the system, as a core.
pub(super) const CORE: Core = Core::Debian(KERNEL);

/// A boot.
#[derive(Clone, Copy, Debug)]
pub(super) struct Boot {
    /// The script function: `step_NAME` in `tests/image/steps/`.
    pub(super) step: &'static str,
    /// A kernel parameter.
    pub(super) parameter: Option<&'static str>,
    pub(super) ends: End,
}

/// How a boot ends.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum End {
    /// By an orderly shutdown.
    InOrder,
    /// By a kernel panic.
    Panic,
    /// The host stops the machine this long after the guest prints `@cut`.
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
pub(super) enum Extra {
    Nothing,
    /// Firmware with a key that the kernel trusts.
    Key,
    /// The packages that the page's commands made.
    Page,
}

/// The boots of one machine, with one disk.
pub(super) struct Story {
    /// Its steps are in `tests/image/steps/NAME.sh`.
    pub(super) name: &'static str,
    pub(super) has: Extra,
    pub(super) boots: &'static [Boot],
}

pub(super) const STORIES: [Story; 7] = [
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
