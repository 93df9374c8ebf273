// SPDX-License-Identifier: GPL-2.0-only

//! Tests of registered and immediate patches.

use super::{code, enable_read, machine, replacement, FIRST, READ, SECOND, THIRD, WRITE};
use crate::errno::{EBUSY, EINVAL};
use crate::memory::failing;
use crate::simulated::{Machine, TestObject};

const SUBMIT: usize = 0x5_0000;

fn register_read(machine: &mut Machine, patch: usize) -> i32 {
    let read = [("read", 0, replacement(patch, 0))];
    code(machine.register(patch, &[(None, &read)]))
}

fn references(machine: &Machine, patch: usize) -> usize {
    let references = machine.kernel.module_references.borrow();
    references.get(&patch).copied().unwrap_or_default()
}

#[test]
fn a_registered_patch_is_enabled_and_disabled_again_and_again() {
    let mut machine = machine();
    let task = machine.sleeper(&[]);
    assert_eq!(register_read(&mut machine, FIRST), 0);
    assert_eq!(machine.call(&task, READ), 0);
    assert!(machine
        .kernel
        .sysfs
        .borrow()
        .contains("1000000/vmlinux/read,1"));
    assert!(machine.kernel.patch_list.borrow().0.is_empty());
    for _ in 0..3 {
        assert_eq!(references(&machine, FIRST), 0);
        assert_eq!(code(machine.set_enabled(FIRST, true)), 0);
        assert_eq!(machine.call(&task, READ), replacement(FIRST, 0));
        assert_eq!(references(&machine, FIRST), 1);
        machine.promote();
        assert_eq!(code(machine.unregister(FIRST)), EBUSY.to_c());
        assert_eq!(code(machine.set_enabled(FIRST, false)), 0);
        assert_eq!(machine.call(&task, READ), 0);
        machine.promote();
    }
    assert_eq!(code(machine.unregister(FIRST)), 0);
    assert_eq!(code(machine.unregister(FIRST)), EINVAL.to_c());
    assert_eq!(code(machine.set_enabled(FIRST, true)), EINVAL.to_c());
    assert!(machine.is_clean());
}

#[test]
fn a_known_patch_is_not_enabled_as_a_new_one() {
    let mut machine = machine();
    assert!(machine.core().enable_known(FIRST).is_none());
    assert_eq!(register_read(&mut machine, FIRST), 0);
    let again = |machine: &mut Machine, patch| machine.core().enable_known(patch).map(code);
    assert_eq!(again(&mut machine, FIRST), Some(0));
    assert_eq!(again(&mut machine, FIRST), Some(EINVAL.to_c()));
    assert_eq!(enable_read(&mut machine, SECOND), 0);
    assert_eq!(again(&mut machine, SECOND), Some(EINVAL.to_c()));
    assert_eq!(register_read(&mut machine, SECOND), EINVAL.to_c());
}

/// Enabling a registered patch that is being disabled reverses its transition, like writing to `enabled`. Other
/// patches are refused: `klp_enable_patch()` is for new ones.
#[test]
fn a_patch_that_is_being_disabled_is_enabled_again_if_it_is_registered() {
    let mut machine = machine();
    let task = machine.sleeper(&[]);
    assert_eq!(register_read(&mut machine, FIRST), 0);
    assert_eq!(code(machine.set_enabled(FIRST, true)), 0);
    let write = [("write", 0, replacement(SECOND, 0))];
    assert_eq!(code(machine.enable(SECOND, &[(None, &write)], false)), 0);
    for (patch, function, expected) in [(SECOND, WRITE, EINVAL.to_c()), (FIRST, READ, 0)] {
        task.stack.borrow_mut().push(replacement(patch, 0) + 8);
        assert_eq!(code(machine.set_enabled(patch, false)), 0);
        assert_eq!(machine.kernel.patch_list.borrow().1, Some(patch));
        let result = machine.core().enable_known(patch).map(code);
        assert_eq!(result, Some(expected));
        task.stack.borrow_mut().clear();
        machine.retry();
        let is_patched = machine.call(&task, function) != 0;
        assert_eq!(is_patched, expected == 0);
    }
}

#[test]
fn registered_patches_are_enabled_in_any_order() {
    let mut machine = machine();
    let task = machine.sleeper(&[]);
    assert_eq!(register_read(&mut machine, FIRST), 0);
    assert_eq!(register_read(&mut machine, FIRST), EINVAL.to_c());
    assert_eq!(register_read(&mut machine, SECOND), 0);
    assert_eq!(code(machine.set_enabled(SECOND, true)), 0);
    assert_eq!(code(machine.set_enabled(FIRST, true)), 0);
    assert_eq!(machine.call(&task, READ), replacement(FIRST, 0));
    assert_eq!(machine.kernel.patch_list.borrow().0, [SECOND, FIRST]);
    // The lower one is disabled, and enabled again on top.
    assert_eq!(code(machine.set_enabled(SECOND, false)), 0);
    assert_eq!(code(machine.set_enabled(SECOND, true)), 0);
    assert_eq!(machine.call(&task, READ), replacement(SECOND, 0));
}

#[test]
fn a_patch_that_replaces_a_registered_one_disables_it() {
    let mut machine = machine();
    let task = machine.sleeper(&[]);
    assert_eq!(register_read(&mut machine, FIRST), 0);
    assert_eq!(code(machine.set_enabled(FIRST, true)), 0);
    let write = [("write", 0, replacement(SECOND, 0))];
    assert_eq!(code(machine.enable(SECOND, &[(None, &write)], true)), 0);
    assert_eq!(machine.call(&task, READ), 0);
    assert_eq!(references(&machine, FIRST), 0);
    assert_eq!(code(machine.set_enabled(FIRST, true)), 0);
    assert_eq!(machine.call(&task, READ), replacement(FIRST, 0));
}

#[test]
fn enabling_and_disabling_can_be_reversed() {
    let mut machine = machine();
    let inside = machine.sleeper(&[READ + 8]);
    assert_eq!(register_read(&mut machine, FIRST), 0);
    assert_eq!(code(machine.set_enabled(FIRST, true)), 0);
    // No other transition can begin meanwhile.
    assert_eq!(register_read(&mut machine, SECOND), 0);
    assert_eq!(code(machine.set_enabled(SECOND, true)), EBUSY.to_c());
    assert_eq!(code(machine.set_enabled(FIRST, false)), 0);
    machine.retry();
    assert_eq!(references(&machine, FIRST), 0);
    inside.stack.borrow_mut().clear();
    assert_eq!(code(machine.set_enabled(FIRST, true)), 0);
    assert_eq!(machine.call(&inside, READ), replacement(FIRST, 0));
}

#[test]
fn modules_are_loaded_and_unloaded_with_the_patch_enabled_or_not() {
    let mut machine = machine();
    machine.module("disk", &[("submit", SUBMIT)]);
    let task = machine.sleeper(&[]);
    let submit = [("submit", 0, replacement(FIRST, 0))];
    let objects: [TestObject<'_>; 1] = [(Some("disk"), &submit)];
    assert_eq!(code(machine.register(FIRST, &objects)), 0);
    assert_eq!(code(machine.load("disk")), 0);
    assert_eq!(machine.call(&task, SUBMIT), 0);
    assert_eq!(code(machine.set_enabled(FIRST, true)), 0);
    assert_eq!(machine.call(&task, SUBMIT), replacement(FIRST, 0));
    machine.unload("disk");
    assert_eq!(code(machine.load("disk")), 0);
    assert_eq!(machine.call(&task, SUBMIT), replacement(FIRST, 0));
    assert_eq!(code(machine.set_enabled(FIRST, false)), 0);
    machine.promote();
    machine.unload("disk");
    assert_eq!(code(machine.load("disk")), 0);
    assert_eq!(machine.call(&task, SUBMIT), 0);
    machine.unload("disk");
    assert_eq!(code(machine.unregister(FIRST)), 0);
    assert!(machine.is_clean());
}

#[test]
fn a_module_without_a_function_of_a_registered_patch_is_refused() {
    let mut machine = machine();
    machine.module("disk", &[("other", SUBMIT)]);
    let submit = [("submit", 0, replacement(FIRST, 0))];
    let objects: [TestObject<'_>; 1] = [(Some("disk"), &submit)];
    assert_eq!(code(machine.register(FIRST, &objects)), 0);
    let first = code(machine.load("disk"));
    assert_ne!(first, 0);
    assert_eq!(code(machine.load("disk")), first, "nothing has stayed");
    assert_eq!(code(machine.unregister(FIRST)), 0);
    assert!(machine.is_clean());
}

#[test]
fn a_patch_that_replaces_others_cannot_be_registered() {
    let mut machine = machine();
    let read = [("read", 0, replacement(FIRST, 0))];
    let declared = Machine::declare(FIRST, &[(None, &read)], true).expect("memory");
    let refused = machine.core().register(declared).expect_err("refused");
    assert_eq!((refused.errno, refused.needs_release), (EINVAL, false));
    assert!(machine.log()[0].contains("cannot replace others and be registered"));
}

/// A patch of `read` and `write`, of which the second is immediate, or the whole patch is.
fn enable_immediate(machine: &mut Machine, patch: usize, whole: bool) -> i32 {
    let funcs = [
        ("read", 0, replacement(patch, 0)),
        ("write", 0, replacement(patch, 1)),
    ];
    let mut declared = Machine::declare(patch, &[(None, &funcs)], false).expect("memory");
    declared.immediate = whole;
    declared.objects[0].funcs[1].immediate = !whole;
    code(machine.enable_declared(declared))
}

#[test]
fn an_immediate_patch_has_no_transition() {
    let mut machine = machine();
    let inside = machine.sleeper(&[READ + 8]);
    inside.running.set(true);
    assert_eq!(enable_immediate(&mut machine, FIRST, true), 0);
    assert_eq!(machine.call(&inside, READ), replacement(FIRST, 0));
    assert_eq!(machine.kernel.patch_list.borrow().1, None, "no transition");
    machine.promote();

    inside.stack.borrow_mut().push(replacement(FIRST, 0) + 8);
    assert_eq!(code(machine.set_enabled(FIRST, false)), 0);
    assert_eq!(machine.call(&inside, READ), 0);
    // Tasks may still be in the replacement.
    assert_eq!(*machine.kernel.released.borrow(), [(FIRST, true)]);
    assert_eq!(*machine.kernel.forced.borrow(), [FIRST]);
    machine.promote();
    assert!(machine.is_clean());
}

#[test]
fn immediate_and_other_functions_of_a_patch() {
    let mut machine = machine();
    let inside = machine.sleeper(&[READ + 8, WRITE + 8]);
    assert_eq!(enable_immediate(&mut machine, FIRST, false), 0);
    assert_eq!(machine.call(&inside, READ), 0);
    assert_eq!(machine.call(&inside, WRITE), replacement(FIRST, 1));
    // Only the function that is not immediate is waited for.
    *inside.stack.borrow_mut() = vec![WRITE + 8];
    machine.retry();
    assert_eq!(machine.call(&inside, READ), replacement(FIRST, 0));

    *inside.stack.borrow_mut() = vec![replacement(FIRST, 1) + 8];
    assert_eq!(code(machine.set_enabled(FIRST, false)), 0);
    assert_eq!(machine.call(&inside, WRITE), 0);
    assert_eq!(*machine.kernel.released.borrow(), [(FIRST, true)]);
    assert!(machine.is_clean());
}

#[test]
fn an_immediate_patch_does_not_replace_others() {
    let mut machine = machine();
    assert_eq!(enable_read(&mut machine, FIRST), 0);
    machine.log();
    let read = [("read", 0, replacement(THIRD, 0))];
    let mut declared = Machine::declare(THIRD, &[(None, &read)], true).expect("memory");
    declared.immediate = true;
    assert_eq!(code(machine.enable_declared(declared)), EINVAL.to_c());
    assert!(machine.log()[0].contains("cannot be immediate and replace others"));
}

#[test]
fn a_registered_patch_survives_each_allocation_that_fails() {
    let submit = [("submit", 0, replacement(FIRST, 1))];
    let read = [("read", 0, replacement(FIRST, 0))];
    let objects: [TestObject<'_>; 2] = [(None, &read), (Some("disk"), &submit)];
    let mut refused = 0;
    for number in 0..1000 {
        let mut machine = machine();
        machine.module("disk", &[("submit", SUBMIT)]);
        let task = machine.sleeper(&[]);
        failing::fail_after(number);
        let mut steps = vec![code(machine.register(FIRST, &objects))];
        if steps == [0] {
            steps.push(code(machine.load("disk")));
            steps.push(code(machine.set_enabled(FIRST, true)));
            steps.push(code(machine.set_enabled(FIRST, false)));
        }
        let all_done = !failing::stop();
        refused += steps.iter().filter(|code| **code != 0).count();
        // Steps that were refused succeed now.
        if steps[0] != 0 {
            assert!(machine.is_clean(), "{number}");
            assert_eq!(code(machine.register(FIRST, &objects)), 0);
        }
        if machine.call(&task, READ) == 0 {
            assert_eq!(references(&machine, FIRST), 0, "{number}");
            assert_eq!(code(machine.set_enabled(FIRST, true)), 0);
        }
        assert_eq!(machine.call(&task, READ), replacement(FIRST, 0));
        machine.promote();
        assert_eq!(code(machine.set_enabled(FIRST, false)), 0);
        assert_eq!(code(machine.unregister(FIRST)), 0, "{number}");
        if all_done {
            assert!(refused > 10);
            return;
        }
    }
    panic!("more than 1000 allocations");
}

/// A module can register its patch again with the same declaration.
#[test]
fn unregistering_restores_immediate_flags() {
    let mut machine = machine();
    let functions = [
        ("read", 0, replacement(FIRST, 0)),
        ("write", 0, replacement(FIRST, 1)),
    ];
    let mut declared = Machine::declare(FIRST, &[(None, &functions)], false).expect("memory");
    declared.objects[0].funcs[1].immediate = true;
    let handles = [0, 1].map(|at| declared.objects[0].funcs[at].handle);
    assert_eq!(machine.core().register(declared).map_err(|_| ()), Ok(()));
    let is_declared = |machine: &Machine| {
        let funcs = machine.kernel.funcs.borrow();
        handles.map(|handle| funcs.get(&handle).is_some_and(|func| func.in_transition))
    };
    assert_eq!(is_declared(&machine), [false, false]);
    assert_eq!(code(machine.unregister(FIRST)), 0);
    assert_eq!(is_declared(&machine), [false, true]);
}
