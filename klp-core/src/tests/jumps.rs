// SPDX-License-Identifier: GPL-2.0-only

//! Tests of sites that are jumps: when they are, and that calls have the same targets.

use super::{
    enable_read, machine, replacement, Random, ELSEWHERE, FIRST, READ, SECOND, THIRD, WRITE,
};
use crate::errno::{EAGAIN, EBUSY, ENOMEM};
use crate::fault::{self, Fault};
use crate::simulated::{code, Machine};
use crate::types::PatchState;
use std::time::Duration;

/// A function of a module.
const DRIVE: usize = 0x5_0000;

fn enable_both(machine: &mut Machine, patch: usize, replace: bool) -> i32 {
    let functions = [
        ("read", 0, replacement(patch, 0)),
        ("write", 0, replacement(patch, 1)),
    ];
    code(machine.enable(patch, &[(None, &functions)], replace))
}

#[test]
fn a_settled_function_is_a_jump_until_the_next_transition() {
    let mut machine = machine();
    let task = machine.sleeper(&[]);
    assert_eq!(enable_read(&mut machine, FIRST), 0);
    assert_eq!(machine.jump(READ), None);
    // Not at once: another patch may follow.
    assert_eq!(
        machine.kernel.promote_delay.get(),
        Some(Duration::from_millis(100))
    );
    machine.promote();
    assert_eq!(machine.jump(READ), Some(replacement(FIRST, 0)));

    task.stack.borrow_mut().push(replacement(FIRST, 0) + 8);
    assert_eq!(code(machine.set_enabled(FIRST, false)), 0);
    assert_eq!(machine.jump(READ), None);
    assert_eq!(machine.call(&task, READ), replacement(FIRST, 0));
    // The worker makes no jump before the end of the transition.
    machine.promote();
    assert_eq!(machine.jump(READ), None);

    task.stack.borrow_mut().clear();
    machine.retry();
    assert!(machine.is_clean());
}

#[test]
fn the_top_patch_has_the_jump() {
    let mut machine = machine();
    let task = machine.sleeper(&[]);
    assert_eq!(enable_both(&mut machine, FIRST, false), 0);
    machine.promote();
    task.stack.borrow_mut().push(replacement(FIRST, 0));
    assert_eq!(enable_read(&mut machine, SECOND), 0);
    // Only the functions of the transition are reverted.
    assert_eq!(machine.jump(READ), None);
    assert_eq!(machine.jump(WRITE), Some(replacement(FIRST, 1)));
    task.stack.borrow_mut().clear();
    machine.retry();
    machine.promote();
    assert_eq!(machine.jump(READ), Some(replacement(SECOND, 0)));

    assert_eq!(code(machine.set_enabled(SECOND, false)), 0);
    machine.promote();
    assert_eq!(machine.jump(READ), Some(replacement(FIRST, 0)));
    assert_eq!(code(machine.set_enabled(FIRST, false)), 0);
    machine.promote();
    assert!(machine.is_clean());
}

#[test]
fn functions_missing_in_a_replacing_patch_are_reverted() {
    let mut machine = machine();
    let task = machine.sleeper(&[]);
    assert_eq!(enable_both(&mut machine, FIRST, false), 0);
    machine.promote();
    let only_read = [("read", 0, replacement(SECOND, 0))];
    assert_eq!(code(machine.enable(SECOND, &[(None, &only_read)], true)), 0);
    assert_eq!(machine.call(&task, WRITE), 0);
    machine.promote();
    assert_eq!(machine.jump(READ), Some(replacement(SECOND, 0)));
    assert_eq!(machine.jump(WRITE), None);
    assert_eq!(machine.kernel.dedicated_targets.borrow().len(), 1);
}

#[test]
fn a_transition_does_not_begin_if_jumps_cannot_be_reverted() {
    let mut machine = machine();
    let task = machine.sleeper(&[]);
    assert_eq!(enable_read(&mut machine, FIRST), 0);
    machine.promote();
    machine.kernel.memory.set(0);
    assert_eq!(code(machine.set_enabled(FIRST, false)), ENOMEM.to_c());
    assert_eq!(enable_read(&mut machine, SECOND), ENOMEM.to_c());
    assert_eq!(machine.call(&task, READ), replacement(FIRST, 0));
    assert_eq!(machine.kernel.state_of(&task), PatchState::Idle);
    machine.kernel.memory.set(1);
    assert_eq!(code(machine.set_enabled(FIRST, false)), 0);
    assert!(machine.is_clean());
}

#[test]
fn a_jump_without_memory_is_retried() {
    let mut machine = machine();
    assert_eq!(enable_read(&mut machine, FIRST), 0);
    machine.kernel.memory.set(0);
    machine.kernel.promote_delay.set(None);
    machine.core().promote_to_jumps();
    assert_eq!(machine.jump(READ), None);
    assert_eq!(
        machine.kernel.promote_delay.get(),
        Some(Duration::from_secs(1))
    );
    // The dedicated ops, two guards, and the idle site of the shared ops.
    machine.kernel.memory.set(4);
    machine.promote();
    assert_eq!(machine.jump(READ), Some(replacement(FIRST, 0)));
}

#[test]
fn there_are_no_more_jumps_than_allowed() {
    let mut machine = machine();
    machine.kernel.max_jumps.set(1);
    assert_eq!(enable_both(&mut machine, FIRST, false), 0);
    machine.promote();
    assert_eq!(machine.kernel.dedicated_targets.borrow().len(), 1);

    let mut machine = super::machine();
    machine.kernel.max_jumps.set(0);
    machine.kernel.direct_calls.borrow_mut().insert(READ, true);
    assert_eq!(enable_both(&mut machine, FIRST, false), 0);
    machine.promote();
    // It has a dedicated ops because of the direct call, but is not a jump.
    assert_eq!(machine.kernel.dedicated_targets.borrow().len(), 1);
    assert_eq!(machine.jump(READ), None);
    assert_eq!(code(machine.set_enabled(FIRST, false)), 0);
    assert!(machine.is_clean());
}

#[test]
fn dedicated_ops_are_registered_and_unregistered_in_batches() {
    // More than a batch.
    const MANY: usize = if cfg!(miri) { 36 } else { 100 };
    let mut machine = Machine::new();
    machine.kernel.max_jumps.set(1000);
    let names: Vec<_> = (0..MANY).map(|number| format!("f{number}")).collect();
    let mut functions = Vec::new();
    for (number, name) in names.iter().enumerate() {
        machine.function(name, 0x10_0000 + number * 0x1000);
        functions.push((name.as_str(), 0, replacement(FIRST, number)));
    }
    assert_eq!(code(machine.enable(FIRST, &[(None, &functions)], false)), 0);
    machine.core().promote_to_jumps();
    assert_eq!(machine.kernel.dedicated_targets.borrow().len(), 32);
    machine.promote();
    assert_eq!(machine.kernel.dedicated_targets.borrow().len(), MANY);

    let before = machine.kernel.text_changes.get();
    assert_eq!(code(machine.set_enabled(FIRST, false)), 0);
    // A guard is registered and unregistered for the retargeting; then one dedicated ops is unregistered.
    assert_eq!(machine.kernel.text_changes.get() - before, 3);
    assert_eq!(machine.kernel.dedicated_targets.borrow().len(), MANY - 1);
    assert_eq!(*machine.kernel.released.borrow(), [(FIRST, false)]);

    // A dedicated ops that is still registered is reused.
    let again = [
        (names[MANY / 2].as_str(), 0, replacement(SECOND, 0)),
        (names[MANY - 1].as_str(), 0, replacement(SECOND, 1)),
    ];
    assert_eq!(code(machine.enable(SECOND, &[(None, &again)], false)), 0);
    machine.promote();
    assert_eq!(machine.kernel.dedicated_targets.borrow().len(), 2);
    assert_eq!(code(machine.set_enabled(SECOND, false)), 0);
    machine.promote();
    assert!(machine.is_clean());
}

#[test]
fn unloading_a_module_removes_its_sites() {
    let mut machine = machine();
    let names: Vec<_> = (0..40).map(|number| format!("drive{number}")).collect();
    let mut symbols = Vec::new();
    let mut functions = Vec::new();
    for (number, name) in names.iter().enumerate() {
        symbols.push((name.as_str(), DRIVE + number * 0x100));
        functions.push((name.as_str(), 0, replacement(FIRST, number)));
    }
    machine.module("driver", &symbols);
    let functions = [(Some("driver"), functions.as_slice())];
    assert_eq!(code(machine.enable(FIRST, &functions, false)), 0);
    machine.promote();
    assert_eq!(code(machine.load("driver")), 0);
    machine.promote();
    assert_eq!(machine.jump(DRIVE), Some(replacement(FIRST, 0)));
    machine.unload("driver");
    assert!(machine.kernel.dedicated_targets.borrow().is_empty());
    assert!(machine.kernel.attached.borrow().is_empty());
    assert_eq!(code(machine.set_enabled(FIRST, false)), 0);
    assert!(machine.is_clean());
}

#[test]
fn other_ftrace_users_of_a_site_are_notified_or_refused() {
    let mut machine = machine();
    machine.kernel.direct_calls.borrow_mut().insert(READ, true);
    assert_eq!(enable_both(&mut machine, FIRST, false), 0);
    assert_eq!(machine.kernel.dedicated_targets.borrow().len(), 1);
    assert_eq!(code(machine.set_enabled(FIRST, false)), 0);
    assert!(machine.is_clean());
    machine.log();

    machine
        .kernel
        .direct_calls
        .borrow_mut()
        .insert(WRITE, false);
    assert_eq!(enable_both(&mut machine, FIRST, false), EBUSY.to_c());
    assert!(machine
        .log()
        .contains(&"failed to register ftrace handler for function 'write' (-16)".to_owned()));
    assert!(machine.is_clean());

    // No memory has the same effect as being refused.
    machine.kernel.memory.set(0);
    assert_eq!(enable_both(&mut machine, FIRST, false), ENOMEM.to_c());
    assert!(machine.is_clean());
    machine.kernel.memory.set(usize::MAX);

    // A later direct call is detected when disabling.
    machine.kernel.direct_calls.borrow_mut().clear();
    machine.kernel.max_jumps.set(0);
    assert_eq!(enable_both(&mut machine, FIRST, false), 0);
    machine.kernel.direct_calls.borrow_mut().insert(READ, true);
    let before = machine.kernel.text_changes.get();
    assert_eq!(code(machine.set_enabled(FIRST, false)), 0);
    // Two guards are registered and unregistered, while the site moves from the shared ops to a dedicated one;
    // then both ops are unregistered.
    assert_eq!(machine.kernel.text_changes.get() - before, 8);
    assert!(machine.is_clean());
}

#[test]
fn unloading_a_module_removes_leftover_sites() {
    let mut machine = machine();
    let symbols = [("a", DRIVE), ("b", DRIVE + 0x100), ("c", DRIVE + 0x200)];
    machine.module("driver", &symbols);
    let functions = symbols.map(|(name, _)| name).map(|name| (name, 0, 0));
    let of = |patch| {
        let mut functions = functions;
        for (number, function) in functions.iter_mut().enumerate() {
            function.2 = replacement(patch, number);
        }
        functions
    };
    assert_eq!(code(machine.load("driver")), 0);
    let first = of(FIRST);
    assert_eq!(
        code(machine.enable(FIRST, &[(Some("driver"), &first)], false)),
        0
    );
    machine.promote();
    assert_eq!(code(machine.set_enabled(FIRST, false)), 0);
    assert_eq!(machine.kernel.released.borrow().len(), 1);
    // While another transition runs, the worker does nothing.
    machine.sleeper(&[WRITE + 0x10]);
    let write = [("write", 0, replacement(SECOND, 0))];
    assert_eq!(code(machine.enable(SECOND, &[(None, &write)], false)), 0);
    machine.promote_once();
    assert!(!machine.kernel.dedicated_targets.borrow().is_empty());
    machine.unload("driver");
    assert!(machine.kernel.dedicated_targets.borrow().is_empty());

    // The module is loaded again at the same address.
    machine.kernel.tasks.borrow()[2].stack.borrow_mut().clear();
    machine.retry();
    assert_eq!(code(machine.load("driver")), 0);
    let third = of(super::THIRD);
    let objects = [(Some("driver"), &third[..])];
    assert_eq!(code(machine.enable(super::THIRD, &objects, false)), 0);
    assert_eq!(machine.kernel.attached.borrow().len(), 4);
}

#[test]
fn a_site_with_other_users_is_checked_again_later() {
    let mut machine = machine();
    assert_eq!(enable_both(&mut machine, FIRST, false), 0);
    machine.kernel.traced.borrow_mut().insert(READ);
    machine.kernel.direct_calls.borrow_mut().insert(WRITE, true);
    machine.promote_once();
    assert!(machine.kernel.dedicated_targets.borrow().is_empty());
    let later = Some(Duration::from_secs(2));
    assert_eq!(machine.kernel.promote_delay.get(), later);
    machine.kernel.traced.borrow_mut().clear();
    machine.promote_once();
    assert_eq!(machine.jump(READ), Some(replacement(FIRST, 0)));
    machine.promote_once();
    assert_eq!(machine.kernel.promote_delay.get(), later);
    machine.kernel.direct_calls.borrow_mut().clear();
    machine.promote();
    assert_eq!(machine.jump(WRITE), Some(replacement(FIRST, 1)));
    assert_eq!(machine.kernel.promote_delay.get(), None);
}

/// The simulated kernel detects a wrong order of changes.
#[test]
#[should_panic(expected = "a patched site is without the handler")]
fn sites_that_move_without_guards() {
    let mut machine = machine();
    assert_eq!(enable_read(&mut machine, FIRST), 0);
    fault::inject(Some(Fault::NoGuards));
    machine.promote();
}

#[test]
#[should_panic(expected = "ftrace finds what it has not written")]
fn targets_that_change_without_a_guard() {
    let mut machine = machine();
    assert_eq!(enable_read(&mut machine, FIRST), 0);
    machine.promote();
    fault::inject(Some(Fault::NoGuards));
    let _ = machine.set_enabled(FIRST, false);
}

#[test]
fn registering_is_retried_while_others_are_busy() {
    let mut machine = machine();
    machine.kernel.busy.set(3);
    assert_eq!(enable_both(&mut machine, FIRST, false), 0);
    assert_eq!(machine.kernel.busy.get(), 0);
    // But the number of attempts is limited.
    machine.kernel.busy.set(1000);
    assert_eq!(enable_read(&mut machine, SECOND), 0);
    assert_eq!(code(machine.set_enabled(SECOND, false)), 0);
    assert_eq!(code(machine.set_enabled(FIRST, false)), 0);
    assert_eq!(enable_read(&mut machine, SECOND), EAGAIN.to_c());
    assert_eq!(machine.kernel.busy.get(), 900);
    machine.kernel.busy.set(0);
    assert!(machine.is_clean());
}

/// A site with another ops with IPMODIFY, registered just before it became a jump, stays patched.
#[test]
fn the_handler_stays_beside_another_ipmodify_ops() {
    let mut machine = machine();
    let task = machine.sleeper(&[]);
    assert_eq!(enable_both(&mut machine, FIRST, false), 0);
    machine
        .kernel
        .redirected_by_others
        .borrow_mut()
        .insert(READ);
    machine.promote_once();
    assert_eq!(machine.jump(READ), None);
    assert_eq!(machine.jump(WRITE), Some(replacement(FIRST, 1)));
    assert_eq!(machine.call(&task, READ), replacement(FIRST, 0));
    // It does not become a jump later either.
    assert_eq!(enable_read(&mut machine, SECOND), 0);
    machine.promote();
    assert_eq!(machine.jump(READ), None);
    assert_eq!(machine.call(&task, READ), replacement(SECOND, 0));
    assert_eq!(code(machine.set_enabled(SECOND, false)), 0);
    assert_eq!(code(machine.set_enabled(FIRST, false)), 0);
    machine.promote();
    assert!(machine.is_clean());
}

/// Whether both sites may become jumps, and the memory of the first attempt. With 5, or 3 for one site, there would be
/// none for the return to the shared ops.
const CIRCUMSTANCES: [(bool, usize); 6] = [
    (true, 2),
    (true, 3),
    (true, 4),
    (true, usize::MAX),
    (false, 2),
    (false, usize::MAX),
];

/// Patches both functions, and lets the worker make jumps, the first time with little memory. `prepare` lets others
/// attach meanwhile. Ends when `check` returns whether another round, with more operations before that, is needed.
fn while_sites_become_jumps(
    prepare: impl Fn(&Machine, usize),
    check: impl Fn(&mut Machine) -> bool,
) {
    for (is_alone, memory) in CIRCUMSTANCES {
        for operations in 0.. {
            let mut machine = machine();
            assert_eq!(enable_both(&mut machine, FIRST, false), 0);
            if !is_alone {
                machine.kernel.traced.borrow_mut().insert(WRITE);
            }
            prepare(&machine, operations);
            machine.kernel.memory.set(memory);
            machine.promote_once();
            machine.kernel.memory.set(usize::MAX);
            for _ in 0..3 {
                machine.promote_once();
            }
            let goes_on = check(&mut machine);
            machine.kernel.traced.borrow_mut().clear();
            machine.promote();
            assert_eq!(machine.jump(READ), Some(replacement(FIRST, 0)));
            assert_eq!(machine.jump(WRITE), Some(replacement(FIRST, 1)));
            assert_eq!(code(machine.set_enabled(FIRST, false)), 0);
            machine.promote();
            assert!(machine.is_clean());
            if !goes_on {
                break;
            }
            assert!(operations < 1000, "it never ends");
        }
    }
}

/// A user that redirects calls without IPMODIFY, registered at any moment after the patch, does not take precedence
/// over it, however much later it gets the function: the simulated kernel checks this after each operation.
#[test]
fn the_patch_takes_precedence_over_users_that_are_registered_while_sites_become_jumps() {
    for attaches_in in [0, 1, 2, 5, 1000] {
        while_sites_become_jumps(
            |machine, operations| machine.kernel.override_after(READ, operations, attaches_in),
            |machine| {
                let is_registered = machine.kernel.has_override();
                machine.kernel.finish_override();
                let task = machine.sleeper(&[]);
                assert_eq!(machine.call(&task, READ), replacement(FIRST, 0));
                machine.kernel.end_override();
                is_registered
            },
        );
    }
}

/// The owner of a direct call that is attached at any moment knows that calls are redirected, also if another user
/// makes the site return to the shared ops.
#[test]
fn owners_of_direct_calls_are_notified_while_sites_become_jumps() {
    for registers_in in [2, 4, 6, 8, 9, 10, 11, 12, usize::MAX] {
        while_sites_become_jumps(
            |machine, operations| {
                machine.kernel.override_after(WRITE, registers_in, 1000);
                machine.kernel.direct_call_after(READ, operations);
            },
            |machine| {
                let is_attached = !machine.kernel.direct_calls.borrow().is_empty();
                assert_eq!(machine.kernel.is_notified(READ), is_attached);
                machine.kernel.end_direct_calls();
                machine.kernel.end_override();
                is_attached
            },
        );
    }
}

/// Without memory for the removal of sites from the filter they stay with the shared ops.
#[test]
fn sites_that_cannot_leave_the_shared_ops_stay() {
    let mut machine = machine();
    let task = machine.sleeper(&[]);
    assert_eq!(enable_both(&mut machine, FIRST, false), 0);
    machine.kernel.filter_memory.set(0);
    machine.promote_once();
    assert_eq!(machine.jump(READ), None);
    assert!(machine.kernel.dedicated_targets.borrow().is_empty());
    assert_eq!(machine.call(&task, READ), replacement(FIRST, 0));
    machine.kernel.filter_memory.set(usize::MAX);
    machine.promote();
    assert_eq!(machine.jump(READ), Some(replacement(FIRST, 0)));
    assert_eq!(code(machine.set_enabled(FIRST, false)), 0);
    machine.promote();
    assert!(machine.is_clean());
}

/// A dedicated ops that cannot be registered leaves its site to the shared ops.
#[test]
fn a_refused_dedicated_ops_falls_back_to_the_shared_ops() {
    let mut machine = machine();
    let task = machine.sleeper(&[]);
    assert_eq!(enable_both(&mut machine, FIRST, false), 0);
    machine.kernel.refusals.set(1);
    machine.promote_once();
    assert_eq!(machine.kernel.attached.borrow().len(), 1);
    assert_eq!(machine.kernel.dedicated_targets.borrow().len(), 1);
    assert_eq!(machine.call(&task, READ), replacement(FIRST, 0));
    assert_eq!(machine.call(&task, WRITE), replacement(FIRST, 1));
    assert_eq!(code(machine.set_enabled(FIRST, false)), 0);
    machine.promote();
    assert!(machine.is_clean());
}

/// The filter keeps sites that could not be removed, and is cleared as a whole when the last one goes.
#[test]
fn sites_that_cannot_be_removed_from_the_filter() {
    let mut machine = machine();
    machine.kernel.max_jumps.set(0);
    let task = machine.sleeper(&[]);
    assert_eq!(enable_both(&mut machine, FIRST, false), 0);
    assert_eq!(enable_read(&mut machine, THIRD), 0);
    let write = [("write", 0, replacement(SECOND, 0))];
    machine.kernel.filter_memory.set(0);
    // `read` is reverted but stays in the filter, while `write` stays patched.
    assert_eq!(code(machine.enable(SECOND, &[(None, &write)], true)), 0);
    assert_eq!(machine.kernel.attached.borrow().len(), 2);
    assert_eq!(machine.call(&task, READ), 0);
    assert_eq!(machine.call(&task, WRITE), replacement(SECOND, 0));
    assert_eq!(code(machine.set_enabled(SECOND, false)), 0);
    machine.kernel.filter_memory.set(usize::MAX);
    assert!(machine.is_clean());
    assert_eq!(enable_read(&mut machine, THIRD), 0);
    assert_eq!(code(machine.set_enabled(THIRD, false)), 0);
    assert!(machine.is_clean());
}

/// When the shared ops is unregistered, nothing stays in its filter of sites that could not be removed before.
#[test]
fn sites_that_stayed_in_the_filter_are_removed_with_the_last_one() {
    let mut machine = machine();
    machine.kernel.max_jumps.set(0);
    assert_eq!(enable_both(&mut machine, FIRST, false), 0);
    let write = [("write", 0, replacement(SECOND, 0))];
    machine.kernel.filter_memory.set(0);
    assert_eq!(code(machine.enable(SECOND, &[(None, &write)], true)), 0);
    assert_eq!(machine.kernel.attached.borrow().len(), 2);
    machine.kernel.filter_memory.set(usize::MAX);
    assert_eq!(code(machine.set_enabled(SECOND, false)), 0);
    assert!(machine.is_clean());
}

/// While an ops of another user is newer than the shared one, the worker only looks again, and changes no text.
#[test]
fn no_site_becomes_a_jump_while_another_user_is_newer() {
    let mut machine = machine();
    assert_eq!(enable_both(&mut machine, FIRST, false), 0);
    machine.kernel.override_after(READ, 0, 1000);
    machine.kernel.finish_override();
    let before = machine.kernel.text_changes.get();
    machine.promote_once();
    assert_eq!(machine.kernel.text_changes.get(), before);
    assert_eq!(machine.jump(WRITE), None);
    let later = Some(Duration::from_secs(2));
    assert_eq!(machine.kernel.promote_delay.get(), later);
    machine.kernel.end_override();
    machine.promote();
    assert_eq!(machine.jump(WRITE), Some(replacement(FIRST, 1)));
}

#[test]
fn the_worker_stops_when_ftrace_is_disabled() {
    let mut machine = machine();
    assert_eq!(enable_read(&mut machine, FIRST), 0);
    machine.kernel.is_ftrace_dead.set(true);
    machine.promote();
    assert_eq!(machine.kernel.promote_delay.get(), None);
    assert_eq!(machine.jump(READ), None);
}

/// In any order of events, a jump has the target that the handler returns for every task.
#[test]
fn a_jump_never_differs_from_the_handler() {
    const PATCHES: [usize; 3] = [FIRST, SECOND, super::THIRD];
    let mut jumps = 0;
    let seeds = if cfg!(miri) { 8 } else { 400 };
    for seed in 1..seeds {
        let mut random = Random(seed);
        let mut machine = machine();
        machine.kernel.max_jumps.set(random.below(4));
        machine.module("driver", &[("drive", DRIVE)]);
        let tasks: Vec<_> = (0..3).map(|_| machine.sleeper(&[ELSEWHERE])).collect();
        let mut is_loaded = false;
        for _ in 0..60 {
            let patch = PATCHES[random.below(PATCHES.len())];
            match random.below(10) {
                // A module is loaded once.
                0 | 1 if !machine.kernel.patch_list.borrow().0.contains(&patch) => {
                    let all = [
                        ("read", 0, replacement(patch, 0)),
                        ("write", 0, replacement(patch, 1)),
                    ];
                    let some = &all[random.below(2)..=random.below(2).max(1)];
                    let drive = [("drive", 0, replacement(patch, 2))];
                    let objects = [(None, some), (Some("driver"), &drive[..])];
                    let objects = &objects[..=random.below(2)];
                    let _ = machine.enable(patch, objects, random.below(3) == 0);
                }
                2 | 3 => {
                    let _ = machine.set_enabled(patch, random.below(4) == 0);
                }
                4 => {
                    let places = [
                        vec![],
                        vec![READ + 8],
                        vec![WRITE + 8],
                        vec![replacement(patch, 0) + 8],
                    ];
                    let task = &tasks[random.below(tasks.len())];
                    *task.stack.borrow_mut() = places[random.below(places.len())].clone();
                }
                5 => {
                    let task = &tasks[random.below(tasks.len())];
                    machine.published.update(&*machine.kernel, task);
                }
                6 => machine.retry(),
                7 if is_loaded => {
                    machine.unload("driver");
                    is_loaded = false;
                }
                7 => is_loaded = machine.load("driver").is_ok(),
                8 => {
                    machine.kernel.memory.set(random.below(6));
                }
                _ => machine.promote_once(),
            }
            for function in [READ, WRITE, DRIVE] {
                let Some(target) = machine.jump(function) else {
                    continue;
                };
                jumps += 1;
                for task in &tasks {
                    assert_eq!(
                        machine.handler_target(task, function),
                        target,
                        "seed {seed}"
                    );
                }
            }
        }
    }
    assert!(jumps > seeds, "only {jumps} jumps");
}
