// SPDX-License-Identifier: GPL-2.0-only

//! Checks for code of a patch that the kernel may call later, even after the patch is unloaded.
//!
//! For a patch by `#[livepatch]`, [`Module::handed_out`] is exact. A patch in C has other tables, so this looks for
//! uses of kernel functions that keep callbacks.

use super::{Place, Problem, Report};
use crate::elf::{Symbols, is_undefined};
use crate::module::{Module, demangled};
use crate::text::Name;

/// Kernel functions that keep a callback and call it later, sorted: those that
/// safe code of the kernel crate reaches, and their relatives.
const LATER: &[&[u8]] = &[
    b"__auxiliary_driver_register",
    b"__devm_add_action",
    b"__pci_register_driver",
    b"__platform_driver_register",
    b"add_timer",
    b"call_rcu",
    b"call_srcu",
    b"configfs_register_subsystem",
    b"cpufreq_register_driver",
    b"debugfs_create_file_full",
    b"device_add_disk",
    b"drm_dev_register",
    b"hrtimer_start_range_ns",
    b"i2c_register_driver",
    b"irq_work_queue",
    b"kthread_create_on_node",
    b"misc_register",
    b"mod_delayed_work_on",
    b"mod_timer",
    b"phy_drivers_register",
    b"queue_delayed_work_on",
    b"queue_rcu_work",
    b"queue_work_node",
    b"queue_work_on",
    b"request_threaded_irq",
    b"rust_helper_request_irq",
    b"task_work_add",
    b"timer_reduce",
    b"usb_register_driver",
];

/// Modules of the kernel crate whose functions keep callbacks.
const LATER_IN_RUST: &[&str] = &[
    "kernel::configfs::",
    "kernel::debugfs::",
    "kernel::faux::",
    "kernel::irq::request::",
];

/// Reports such code.
pub(super) fn check(module: &Module<'_>, report: &mut Report) {
    if module.is_of_klp() {
        for function in module.handed_out() {
            report.add(Place::Module, Problem::HandedOut(function));
        }
        return;
    }
    for used in outlives(module) {
        report.add(Place::Module, Problem::Outlives(used));
    }
}

/// The used kernel functions that keep callbacks.
fn outlives(module: &Module<'_>) -> impl Iterator<Item = Name> {
    let symbols: Symbols<'_> = module.elf.symbols;
    let undefined = symbols.all.iter().filter(|symbol| is_undefined(symbol));
    undefined.filter_map(move |symbol| {
        let name = symbols.name(symbol);
        let shown = demangled(name);
        let is_later = LATER.binary_search(&name).is_ok()
            || LATER_IN_RUST.iter().any(|part| shown.contains(part));
        is_later.then_some(shown)
    })
}

#[cfg(test)]
mod tests {
    use super::LATER;

    #[test]
    fn names_are_sorted() {
        assert!(LATER.is_sorted());
    }
}
