// SPDX-License-Identifier: GPL-2.0-only

//! The table of metrics, for the output and the guide.
//!
//! `cargo xtask docs` also compiles this file, to generate the table in the guide, so it uses only the language.

/// A metric. All are gauges.
pub struct Metric {
    pub name: &'static str,
    /// The labels of its samples.
    pub labels: &'static [&'static str],
    /// The HELP line in the output.
    pub help: &'static str,
    /// The description of its value in the guide.
    #[allow(dead_code)] // Read by `cargo xtask docs`.
    pub value: &'static str,
}

/// All metrics, in the order of the output.
#[allow(dead_code)] // Read by `cargo xtask docs`.
pub const METRICS: [&Metric; 13] = [
    &COLLECTED,
    &KERNEL,
    &LIVEPATCH,
    &PATCH,
    &APPLIED,
    &IN_TRANSITION,
    &TASKS_LEFT,
    &FUNCTIONS,
    &FIXES,
    &LEFTOVER,
    &INSTALLED,
    &INSTALLED_PATCH,
    &BOOT_DISABLED,
];

pub const COLLECTED: Metric = Metric {
    name: "klp_collected_timestamp_seconds",
    labels: &[],
    help: "When these were collected.",
    value: "time of collection",
};

pub const KERNEL: Metric = Metric {
    name: "klp_kernel_info",
    labels: &["release"],
    help: "The kernel that runs.",
    value: "1",
};

pub const LIVEPATCH: Metric = Metric {
    name: "klp_kernel_livepatch",
    labels: &[],
    help: "Whether the kernel has live patching.",
    value: "whether the kernel has live patching",
};

pub const PATCH: Metric = Metric {
    name: "klp_patch_info",
    labels: &["patch", "version", "state"],
    help: "A patch that the kernel has.",
    value: "1 for each patch in the kernel",
};

pub const APPLIED: Metric = Metric {
    name: "klp_patch_applied",
    labels: &["patch"],
    help: "Whether all tasks run the patch.",
    value: "whether all tasks run it",
};

pub const IN_TRANSITION: Metric = Metric {
    name: "klp_patch_in_transition",
    labels: &["patch"],
    help: "Whether the patch's transition is running.",
    value: "whether its transition is running",
};

pub const TASKS_LEFT: Metric = Metric {
    name: "klp_patch_tasks_left",
    labels: &["patch"],
    help: "Tasks that have not switched in the patch's transition.",
    value: "tasks that have not switched",
};

pub const FUNCTIONS: Metric = Metric {
    name: "klp_patch_functions",
    labels: &["patch"],
    help: "Functions that the patch replaces.",
    value: "functions that it replaces",
};

pub const FIXES: Metric = Metric {
    name: "klp_patch_fixes",
    labels: &["patch", "id"],
    help: "What the patch says that it fixes. Known of patches that klpctl has loaded.",
    value: "1 for each CVE that it fixes",
};

pub const LEFTOVER: Metric = Metric {
    name: "klp_leftover_modules",
    labels: &[],
    help: "Modules of patches that are not in use and still loaded.",
    value: "modules of unused patches",
};

pub const INSTALLED: Metric = Metric {
    name: "klp_installed_patches",
    labels: &["state"],
    help: "Patches installed for the kernel that runs, by what has become of them.",
    value: "patches installed for the running kernel that are `loaded`, `on-trial`, `other-build`, `superseded`, `held`, `failed`, `not-loaded`",
};

pub const INSTALLED_PATCH: Metric = Metric {
    name: "klp_installed_patch",
    labels: &["patch", "state"],
    help: "What has become of a patch installed for the kernel that runs.",
    value: "1 for each of these",
};

pub const BOOT_DISABLED: Metric = Metric {
    name: "klp_boot_disabled",
    labels: &[],
    help: "Whether the kernel's command line forbids to load installed patches.",
    value: "whether `klp.enable=0` is on the kernel's command line",
};
