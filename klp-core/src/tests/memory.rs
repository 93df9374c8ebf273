// SPDX-License-Identifier: GPL-2.0-only

//! Tests with each allocation of each step failing once: the step is refused, and nothing is changed.

use super::{helper, machine, replacement, FIRST, READ, SECOND, WRITE};
use crate::errno::ENOMEM;
use crate::memory::failing;
use crate::simulated::{code, Machine};

const DRIVE: usize = 0x5_0000;

/// The state of a machine that is visible from outside.
fn seen(machine: &Machine) -> String {
    let kernel = &machine.kernel;
    let task = kernel.tasks.borrow()[2].clone();
    let calls = [READ, WRITE, DRIVE].map(|function| machine.call(&task, function));
    format!(
        "{:x?} {:?} {:x?} {:?} {:?} {calls:x?}",
        kernel.sysfs.borrow(),
        kernel.relocated.borrow(),
        kernel.patch_list.borrow(),
        kernel.watching.get(),
        kernel.state_of(&task),
    )
}

/// A machine with a module, loaded or not, and a patch of the module and vmlinux.
fn with_first(is_loaded: bool) -> Machine {
    let mut machine = machine();
    machine.function("read.cold", 0x3_0000);
    machine.module("driver", &[("drive", DRIVE), ("drive.cold", DRIVE + 0x100)]);
    machine.module(
        "1000000",
        &[
            ("new_read", replacement(FIRST, 0)),
            ("new_read.cold", helper(FIRST)),
        ],
    );
    machine.sleeper(&[]);
    if is_loaded {
        assert_eq!(code(machine.load("driver")), 0);
    }
    assert_eq!(enable(&mut machine, FIRST, false), 0);
    machine.promote();
    machine
}

fn enable(machine: &mut Machine, patch: usize, replace: bool) -> i32 {
    let read = [("read", 0, replacement(patch, 0))];
    let drive = [("drive", 0, replacement(patch, 1))];
    let objects = [(None, &read[..]), (Some("driver"), &drive[..])];
    code(machine.enable(patch, &objects, replace))
}

/// Tries `step` with each of its allocations failing.
fn fail_each(make: impl Fn() -> Machine, step: impl Fn(&mut Machine) -> i32) {
    for number in 0..1000 {
        let mut machine = make();
        let before = seen(&machine);
        failing::fail_after(number);
        let result = step(&mut machine);
        if !failing::stop() {
            assert_eq!(result, 0);
            assert!(number > 2, "only {number} allocations");
            return;
        }
        assert_eq!(result, ENOMEM.to_c(), "allocation {number}");
        assert_eq!(seen(&machine), before, "allocation {number}");
        // A retry succeeds.
        assert_eq!(step(&mut machine), 0, "after allocation {number}");
    }
    panic!("more than 1000 allocations");
}

#[test]
fn enabling() {
    fail_each(
        || with_first(true),
        |machine| enable(machine, SECOND, false),
    );
}

#[test]
fn replacing() {
    let write_only = |machine: &mut Machine| {
        let write = [("write", 0, replacement(SECOND, 0))];
        code(machine.enable(SECOND, &[(None, &write)], true))
    };
    fail_each(|| with_first(true), write_only);
}

#[test]
fn disabling() {
    let disable = |machine: &mut Machine| code(machine.set_enabled(FIRST, false));
    fail_each(|| with_first(true), disable);
}

#[test]
fn allocations_of_loading_a_module() {
    fail_each(|| with_first(false), |machine| code(machine.load("driver")));
}

#[test]
fn reversing() {
    let in_transition = || {
        let machine = with_first(true);
        machine.sleeper(&[replacement(FIRST, 0) + 8]);
        let mut machine = machine;
        assert_eq!(code(machine.set_enabled(FIRST, false)), 0);
        machine
    };
    let back = |machine: &mut Machine| code(machine.set_enabled(FIRST, true));
    fail_each(in_transition, back);
}

/// The stack check is rebuilt once there is memory.
#[test]
fn allocations_of_unloading_a_module_in_transition() {
    for number in 0..3 {
        let mut machine = machine();
        machine.module("driver", &[("drive", DRIVE)]);
        assert_eq!(code(machine.load("driver")), 0);
        let blocker = machine.sleeper(&[READ + 8]);
        assert_eq!(enable(&mut machine, FIRST, false), 0);
        failing::fail_after(number);
        machine.unload("driver");
        assert!(failing::stop(), "allocation {number}");
        // The text may belong to another module now.
        *blocker.stack.borrow_mut() = vec![DRIVE + 8];
        machine.retry();
        assert_eq!(machine.call(&blocker, READ), replacement(FIRST, 0));
    }
}
