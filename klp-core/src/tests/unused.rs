// SPDX-License-Identifier: GPL-2.0-only

//! Tests of unloading the core.

use super::{code, enable_read, machine, replacement, FIRST, READ, SECOND};
use crate::types::PatchState;

#[test]
fn a_core_with_patches_names_them() {
    let mut machine = machine();
    assert!(machine.core().is_unused(true));
    assert_eq!(enable_read(&mut machine, FIRST), 0);
    let read = [("write", 0, replacement(SECOND, 0))];
    assert_eq!(code(machine.register(SECOND, &[(None, &read)])), 0);
    machine.promote();
    machine.kernel.log.borrow_mut().clear();
    assert!(!machine.core().is_unused(false));
    assert!(machine.kernel.log.borrow().is_empty());
    assert!(!machine.core().is_unused(true));
    let log = machine.kernel.log.borrow().join("\n");
    for patch in [FIRST, SECOND] {
        let line = format!("klp_core is in use by patch '{patch:x}': disable that first");
        assert!(log.contains(&line), "{log}");
    }
    assert_eq!(code(machine.set_enabled(FIRST, false)), 0);
    machine.promote();
    assert!(!machine.core().is_unused(false));
    assert_eq!(code(machine.unregister(SECOND)), 0);
    assert!(machine.core().is_unused(true));
}

#[test]
fn sites_that_were_jumps_are_detached_at_once() {
    let mut machine = machine();
    let task = machine.sleeper(&[]);
    let both = [
        ("read", 0, replacement(FIRST, 0)),
        ("write", 0, replacement(FIRST, 1)),
    ];
    for _ in 0..2 {
        assert_eq!(code(machine.enable(FIRST, &[(None, &both)], false)), 0);
        machine.promote();
        machine.core().promote_to_jumps();
        assert!(!machine.core().detach_rest());
        assert_eq!(machine.call(&task, READ), replacement(FIRST, 0));
        assert_eq!(code(machine.set_enabled(FIRST, false)), 0);
        machine.core().try_complete();
        while !machine.core().detach_rest() {}
        assert!(machine.kernel.dedicated_targets.borrow().is_empty());
        assert!(machine.kernel.attached.borrow().is_empty());
        // Another round works after the memory is freed.
        machine.core().free_memory();
        assert_eq!(machine.call(&task, READ), 0);
    }
}

/// Code outside of the core may switch tasks by itself.
#[test]
fn the_target_state_is_shown() {
    let mut machine = machine();
    let task = machine.sleeper(&[READ + 8]);
    let shown = |machine: &crate::simulated::Machine| machine.kernel.shown_target.get();
    assert_eq!(enable_read(&mut machine, FIRST), 0);
    assert_eq!(shown(&machine), Some(PatchState::Patched));
    assert_eq!(code(machine.set_enabled(FIRST, false)), 0);
    assert_eq!(shown(&machine), Some(PatchState::Unpatched));
    task.stack.borrow_mut().clear();
    machine.core().try_complete();
    assert_eq!(shown(&machine), Some(PatchState::Idle));
}
