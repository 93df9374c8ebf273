// SPDX-License-Identifier: GPL-2.0-only

//! Tests of the core on the simulated kernel: life cycles of patches, and their effects from outside.

use crate::errno::{EBUSY, EEXIST, EINVAL};
use crate::platform::Stack;
use crate::simulated::{code, transition_lines, Machine, SIZE};
use crate::types::{Direction, PatchState};
use std::time::Duration;

mod details;
mod entry_window;
mod histories;
mod jumps;
// It reads the sources, which takes Miri minutes.
#[cfg(not(miri))]
mod layers;
mod memory;
#[cfg(loom)]
mod memory_order;
mod registered;
mod sizes;
mod unused;

/// Functions of the kernel.
const READ: usize = 0x1_0000;
const WRITE: usize = 0x2_0000;
const READ_COLD: usize = 0x3_0000;
/// Code that no patch touches.
const ELSEWHERE: usize = 0x9_0000;

/// Handles of patches, where their modules' text begins.
const FIRST: usize = 0x100_0000;
const SECOND: usize = 0x200_0000;
const THIRD: usize = 0x300_0000;

/// The address of the patch's replacement with this number.
const fn replacement(patch: usize, number: usize) -> usize {
    patch + 0x1000 + number * SIZE
}

/// Code of the patch's module that is not a replacement.
const fn helper(patch: usize) -> usize {
    patch + 0x8000
}

/// Pseudorandom numbers: Marsaglia's xorshift.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % limit as u64).expect("small")
    }
}

fn machine() -> Machine {
    let machine = Machine::new();
    machine.function("read", READ);
    machine.function("write", WRITE);
    machine
}

fn enable_read(machine: &mut Machine, patch: usize) -> i32 {
    code(machine.enable(
        patch,
        &[(None, &[("read", 0, replacement(patch, 0))])],
        false,
    ))
}

/// Runs the idle loop of the online CPU, and the work that completes transitions.
fn idle_and_retry(machine: &mut Machine) {
    let idle = machine.kernel.tasks.borrow()[0].clone();
    machine.published.update(&*machine.kernel, &idle);
    machine.retry();
}

#[test]
fn a_patch_is_enabled_and_disabled() {
    let mut machine = machine();
    let task = machine.sleeper(&[ELSEWHERE]);
    assert_eq!(machine.call(&task, READ), 0);

    assert_eq!(enable_read(&mut machine, FIRST), 0);
    assert_eq!(machine.call(&task, READ), replacement(FIRST, 0));
    assert_eq!(machine.call(&task, WRITE), 0);
    let mut lines = vec!["enabling patch '1000000'".to_owned()];
    lines.extend(transition_lines("1000000", Direction::Patching));
    assert_eq!(machine.log(), lines);
    let tree: Vec<_> = machine.kernel.sysfs.borrow().iter().cloned().collect();
    assert_eq!(
        tree,
        ["1000000", "1000000/vmlinux", "1000000/vmlinux/read,1"]
    );

    assert_eq!(code(machine.set_enabled(FIRST, false)), 0);
    assert_eq!(machine.call(&task, READ), 0);
    assert_eq!(
        machine.log(),
        transition_lines("1000000", Direction::Unpatching)
    );
    assert_eq!(*machine.kernel.released.borrow(), [(FIRST, false)]);
    assert!(machine.is_clean());
}

#[test]
fn a_task_in_the_function_keeps_the_old_one_until_it_is_out() {
    let mut machine = machine();
    let inside = machine.sleeper(&[ELSEWHERE, READ + 0x10]);
    let outside = machine.sleeper(&[ELSEWHERE]);
    assert_eq!(enable_read(&mut machine, FIRST), 0);
    assert_eq!(machine.call(&outside, READ), replacement(FIRST, 0));
    assert_eq!(machine.call(&inside, READ), 0);
    assert_eq!(machine.kernel.retry.get(), Some(Duration::from_micros(250)));
    assert!(machine.kernel.watching.get());
    assert_eq!(machine.kernel.patch_list.borrow().1, Some(FIRST));

    inside.stack.borrow_mut().pop();
    machine.retry();
    assert_eq!(machine.call(&inside, READ), replacement(FIRST, 0));
    assert!(machine
        .log()
        .contains(&"'1000000': patching complete".to_owned()));
    assert_eq!(machine.kernel.patch_list.borrow().1, None);
    assert!(!machine.kernel.watching.get());
}

#[test]
fn a_cold_part_belongs_to_its_function() {
    let mut machine = machine();
    machine.function("read.cold", READ_COLD);
    let inside = machine.sleeper(&[READ_COLD + 0x10]);
    assert_eq!(enable_read(&mut machine, FIRST), 0);
    assert_eq!(machine.call(&inside, READ), 0);
}

#[test]
fn a_cold_part_belongs_to_its_replacement() {
    let mut machine = machine();
    // Modules of patches are named after their handles here.
    let symbols = [
        ("other.cold", helper(FIRST)),
        ("new_read.cold", helper(FIRST) + 0x100),
        ("new_read", replacement(FIRST, 0)),
    ];
    machine.module("1000000", &symbols);
    let task = machine.sleeper(&[]);
    assert_eq!(enable_read(&mut machine, FIRST), 0);
    // The cold part of another function does not block it.
    task.stack.borrow_mut().push(helper(FIRST) + 8);
    assert_eq!(enable_read(&mut machine, SECOND), 0);
    assert_eq!(machine.call(&task, READ), replacement(SECOND, 0));
    assert_eq!(code(machine.set_enabled(SECOND, false)), 0);

    *task.stack.borrow_mut() = vec![helper(FIRST) + 0x108];
    assert_eq!(enable_read(&mut machine, THIRD), 0);
    assert_eq!(machine.call(&task, READ), replacement(FIRST, 0));
    task.stack.borrow_mut().clear();
    machine.retry();
    assert_eq!(machine.call(&task, READ), replacement(THIRD, 0));
}

#[test]
fn a_running_task_switches_when_it_leaves_the_kernel() {
    let mut machine = machine();
    let task = machine.sleeper(&[]);
    task.running.set(true);
    assert_eq!(enable_read(&mut machine, FIRST), 0);
    assert_eq!(machine.call(&task, READ), 0);
    machine.published.update(&*machine.kernel, &task);
    assert_eq!(machine.call(&task, READ), replacement(FIRST, 0));
    // Another time has no effect.
    machine.published.update(&*machine.kernel, &task);
    machine.retry();
    assert_eq!(machine.kernel.state_of(&task), PatchState::Idle);
}

#[test]
fn a_task_with_an_unreliable_stack_waits() {
    let mut machine = machine();
    let task = machine.sleeper(&[]);
    task.unreliable.set(true);
    assert_eq!(enable_read(&mut machine, FIRST), 0);
    assert_eq!(machine.call(&task, READ), 0);
    task.unreliable.set(false);
    machine.retry();
    assert_eq!(machine.call(&task, READ), replacement(FIRST, 0));
}

#[test]
fn a_task_about_to_sleep_switches_by_itself() {
    let mut machine = machine();
    let task = machine.sleeper(&[]);
    task.running.set(true);
    assert_eq!(enable_read(&mut machine, FIRST), 0);
    task.running.set(false);
    // SAFETY: nothing preempts a test.
    #[allow(unsafe_code)]
    let guard = unsafe { crate::snapshot::NoPreempt::new() };
    machine
        .published
        .update_sleeper(&*machine.kernel, &task, &guard);
    assert_eq!(machine.call(&task, READ), replacement(FIRST, 0));
}

#[test]
fn unpatching_waits_for_any_code_of_the_patch() {
    let mut machine = machine();
    let task = machine.sleeper(&[]);
    assert_eq!(enable_read(&mut machine, FIRST), 0);
    // In a helper, without the replacement that jumped to it.
    task.stack.borrow_mut().push(helper(FIRST));
    assert_eq!(code(machine.set_enabled(FIRST, false)), 0);
    assert!(machine.kernel.released.borrow().is_empty());
    task.stack.borrow_mut().pop();
    machine.retry();
    assert_eq!(*machine.kernel.released.borrow(), [(FIRST, false)]);
    assert!(machine.is_clean());
}

#[test]
fn a_blocker_is_reported_by_its_replacement_or_else_by_the_patch() {
    let mut machine = machine();
    machine.sleeper(&[READ + 8]);
    assert_eq!(enable_read(&mut machine, FIRST), 0);
    assert_eq!(code(machine.set_enabled(FIRST, false)), 0);
    let name_of = |machine: &Machine, stack: &[usize]| {
        // SAFETY: nothing preempts a test.
        #[allow(unsafe_code)]
        let guard = unsafe { crate::snapshot::NoPreempt::new() };
        let check = machine.published.stack_check.get(&guard)?;
        let why = check.judge(&Stack::Known(stack), None).err()?;
        Some(check.name(why)?.to_string())
    };
    let in_replacement = [helper(FIRST), replacement(FIRST, 0) + 8];
    machine.kernel.tasks.borrow()[2].stack.borrow_mut().clear();
    assert_eq!(name_of(&machine, &in_replacement).as_deref(), Some("read"));
    let elsewhere = Some("(other code of the patch)");
    assert_eq!(name_of(&machine, &[helper(FIRST)]).as_deref(), elsewhere);
    assert_eq!(name_of(&machine, &[ELSEWHERE]), None);
}

#[test]
fn idle_cpus_are_woken_and_offline_ones_switched() {
    let mut machine = machine();
    let (online, offline) = {
        let tasks = machine.kernel.tasks.borrow();
        (tasks[0].clone(), tasks[1].clone())
    };
    online.running.set(true);
    assert_eq!(enable_read(&mut machine, FIRST), 0);
    assert_eq!(online.wakes.get(), 1);
    assert_eq!(machine.kernel.state_of(&offline), PatchState::Patched);
    idle_and_retry(&mut machine);
    assert_eq!(machine.kernel.state_of(&online), PatchState::Idle);
}

#[test]
fn patches_stack() {
    let mut machine = machine();
    let task = machine.sleeper(&[]);
    assert_eq!(enable_read(&mut machine, FIRST), 0);
    assert_eq!(enable_read(&mut machine, SECOND), 0);
    assert_eq!(machine.kernel.patch_list.borrow().0, [FIRST, SECOND]);
    assert_eq!(machine.call(&task, READ), replacement(SECOND, 0));

    // The lower one is removed: it is shadowed, and no task has to leave the upper one.
    task.stack.borrow_mut().push(replacement(SECOND, 0) + 8);
    assert_eq!(code(machine.set_enabled(FIRST, false)), 0);
    assert_eq!(machine.call(&task, READ), replacement(SECOND, 0));
    assert_eq!(machine.kernel.patch_list.borrow().0, [SECOND]);

    // The third one replaces functions of the second, and waits for tasks in it.
    assert_eq!(enable_read(&mut machine, THIRD), 0);
    assert_eq!(machine.call(&task, READ), replacement(SECOND, 0));
    task.stack.borrow_mut().pop();
    machine.retry();
    assert_eq!(machine.call(&task, READ), replacement(THIRD, 0));

    // Disabling the third restores the second.
    assert_eq!(code(machine.set_enabled(THIRD, false)), 0);
    assert_eq!(machine.call(&task, READ), replacement(SECOND, 0));
    assert_eq!(code(machine.set_enabled(SECOND, false)), 0);
    assert!(machine.is_clean());
}

#[test]
fn replacing_releases_all_older_patches() {
    let mut machine = machine();
    let inside = machine.sleeper(&[]);
    let outside = machine.sleeper(&[]);
    assert_eq!(enable_read(&mut machine, FIRST), 0);
    let write = [("write", 0, replacement(SECOND, 0))];
    assert_eq!(code(machine.enable(SECOND, &[(None, &write)], false)), 0);
    machine.log();

    // The third has `write` only; `read` is reverted to the original.
    inside.stack.borrow_mut().push(replacement(FIRST, 0) + 8);
    let write = [("write", 1, replacement(THIRD, 0))];
    assert_eq!(code(machine.enable(THIRD, &[(None, &write)], true)), 0);
    assert_eq!(machine.call(&inside, READ), replacement(FIRST, 0));
    assert_eq!(machine.call(&inside, WRITE), replacement(SECOND, 0));
    assert_eq!(machine.call(&outside, READ), 0);
    assert_eq!(machine.call(&outside, WRITE), replacement(THIRD, 0));
    assert!(machine
        .kernel
        .sysfs
        .borrow()
        .contains("3000000/vmlinux/read,1"));

    inside.stack.borrow_mut().pop();
    machine.retry();
    assert_eq!(machine.call(&inside, READ), 0);
    assert_eq!(machine.call(&inside, WRITE), replacement(THIRD, 0));
    assert_eq!(
        *machine.kernel.released.borrow(),
        [(FIRST, false), (SECOND, false)]
    );
    assert_eq!(machine.kernel.attached.borrow().len(), 1);
    let tree: Vec<_> = machine.kernel.sysfs.borrow().iter().cloned().collect();
    assert_eq!(
        tree,
        ["3000000", "3000000/vmlinux", "3000000/vmlinux/write,1"]
    );

    assert_eq!(code(machine.set_enabled(THIRD, false)), 0);
    assert!(machine.is_clean());
}

#[test]
fn replacing_reverts_objects_that_the_new_patch_lacks() {
    let mut machine = machine();
    machine.module("disk", &[("submit", 0x5_0000)]);
    let submit = [("submit", 0, replacement(FIRST, 0))];
    assert_eq!(
        code(machine.enable(FIRST, &[(Some("disk"), &submit)], false)),
        0
    );
    assert_eq!(code(machine.load("disk")), 0);
    let task = machine.sleeper(&[]);
    assert_eq!(machine.call(&task, 0x5_0000), replacement(FIRST, 0));

    let read = [("read", 0, replacement(SECOND, 0))];
    assert_eq!(code(machine.enable(SECOND, &[(None, &read)], true)), 0);
    assert_eq!(machine.call(&task, 0x5_0000), 0);
    assert!(!machine
        .kernel
        .sysfs
        .borrow()
        .iter()
        .any(|path| path.contains("disk")));
    machine.unload("disk");
    assert_eq!(code(machine.set_enabled(SECOND, false)), 0);
}

#[test]
fn a_transition_can_be_reversed_twice() {
    let mut machine = machine();
    let inside = machine.sleeper(&[READ + 8]);
    let outside = machine.sleeper(&[]);
    assert_eq!(enable_read(&mut machine, FIRST), 0);
    assert_eq!(machine.call(&outside, READ), replacement(FIRST, 0));

    outside.stack.borrow_mut().push(replacement(FIRST, 0) + 8);
    assert_eq!(code(machine.set_enabled(FIRST, false)), 0);
    machine.retry();
    assert_eq!(machine.call(&outside, READ), replacement(FIRST, 0));

    assert_eq!(code(machine.set_enabled(FIRST, true)), 0);
    inside.stack.borrow_mut().pop();
    machine.retry();
    assert_eq!(machine.call(&inside, READ), replacement(FIRST, 0));
    assert!(machine.log().ends_with(&[
        "'1000000': reversing transition from patching to unpatching".to_owned(),
        "'1000000': starting unpatching transition".to_owned(),
        "'1000000': reversing transition from unpatching to patching".to_owned(),
        "'1000000': starting patching transition".to_owned(),
        "'1000000': completing patching transition".to_owned(),
        "'1000000': patching complete".to_owned(),
    ]));

    outside.stack.borrow_mut().pop();
    assert_eq!(code(machine.set_enabled(FIRST, false)), 0);
    assert!(machine.is_clean());
}

#[test]
fn reversing_the_enabling_releases_the_patch() {
    let mut machine = machine();
    let inside = machine.sleeper(&[READ + 8]);
    assert_eq!(enable_read(&mut machine, FIRST), 0);
    assert_eq!(code(machine.set_enabled(FIRST, false)), 0);
    machine.retry();
    assert_eq!(machine.call(&inside, READ), 0);
    assert_eq!(*machine.kernel.released.borrow(), [(FIRST, false)]);
    assert!(machine.is_clean());
}

#[test]
fn a_forced_patch_keeps_its_module() {
    let mut machine = machine();
    let inside = machine.sleeper(&[]);
    assert_eq!(enable_read(&mut machine, FIRST), 0);
    inside.stack.borrow_mut().push(replacement(FIRST, 0) + 8);
    assert_eq!(code(machine.set_enabled(FIRST, false)), 0);
    assert_eq!(machine.core().force(SECOND), Err(EINVAL));
    let forced = machine.core().force(FIRST);
    assert_eq!(forced, Ok(()));
    assert_eq!(*machine.kernel.forced.borrow(), [FIRST]);
    machine.retry();
    assert_eq!(*machine.kernel.released.borrow(), [(FIRST, true)]);
    assert!(machine
        .log()
        .contains(&"forcing remaining tasks to the patched state".to_owned()));
}

#[test]
fn forcing_a_replacement_keeps_the_replaced() {
    let mut machine = machine();
    let inside = machine.sleeper(&[]);
    assert_eq!(enable_read(&mut machine, FIRST), 0);
    inside.stack.borrow_mut().push(replacement(FIRST, 0) + 8);
    let read = [("read", 0, replacement(SECOND, 0))];
    assert_eq!(code(machine.enable(SECOND, &[(None, &read)], true)), 0);
    let forced = machine.core().force(SECOND);
    assert_eq!(forced, Ok(()));
    assert_eq!(*machine.kernel.forced.borrow(), [FIRST]);
    machine.retry();
    assert_eq!(*machine.kernel.released.borrow(), [(FIRST, true)]);
    inside.stack.borrow_mut().pop();
    assert_eq!(code(machine.set_enabled(SECOND, false)), 0);
    assert_eq!(machine.kernel.released.borrow()[1], (SECOND, false));
}

#[test]
fn modules_are_patched_when_they_are_loaded() {
    let mut machine = machine();
    machine.module("disk", &[("submit", 0x5_0000), ("done", 0x5_1000)]);
    let task = machine.sleeper(&[]);
    let submit = [("submit", 0, replacement(FIRST, 0))];
    assert_eq!(
        code(machine.enable(FIRST, &[(Some("disk"), &submit)], false)),
        0
    );
    assert!(machine.kernel.attached.borrow().is_empty());
    machine.log();

    for _ in 0..2 {
        assert_eq!(code(machine.load("disk")), 0);
        assert_eq!(machine.call(&task, 0x5_0000), replacement(FIRST, 0));
        assert!(machine.kernel.relocated.borrow().contains("1000000/disk"));
        machine.unload("disk");
        assert!(machine.kernel.attached.borrow().is_empty());
        assert!(machine.kernel.relocated.borrow().is_empty());
        assert_eq!(
            machine.log(),
            [
                "applying patch '1000000' to loading module 'disk'",
                "reverting patch '1000000' on unloading module 'disk'"
            ]
        );
    }
    assert_eq!(code(machine.set_enabled(FIRST, false)), 0);
    assert!(machine.is_clean());
}

#[test]
fn a_module_that_cannot_be_patched_is_not_loaded() {
    let mut machine = machine();
    machine.module("disk", &[("submit", 0x5_0000)]);
    let good = [("submit", 0, replacement(FIRST, 0))];
    let bad = [("missing", 0, replacement(SECOND, 0))];
    assert_eq!(
        code(machine.enable(FIRST, &[(Some("disk"), &good)], false)),
        0
    );
    assert_eq!(
        code(machine.enable(SECOND, &[(Some("disk"), &bad)], false)),
        0
    );
    machine.log();
    assert_eq!(code(machine.load("disk")), EINVAL.to_c());
    assert_eq!(
        machine.log(),
        [
            "applying patch '1000000' to loading module 'disk'",
            "symbol 'missing' not found in symbol table",
            "failed to initialize patch '2000000' for module 'disk' (-22)",
            "patch '2000000' failed for module 'disk', refusing to load module 'disk'",
            "reverting patch '1000000' on unloading module 'disk'",
        ]
    );
    assert!(machine.kernel.attached.borrow().is_empty());
    assert!(machine.kernel.relocated.borrow().is_empty());
}

#[test]
fn a_module_loaded_during_a_transition_takes_part_in_it() {
    let mut machine = machine();
    machine.module("disk", &[("submit", 0x5_0000)]);
    let inside = machine.sleeper(&[READ + 8]);
    let outside = machine.sleeper(&[]);
    let objects = [
        (None, &[("read", 0, replacement(FIRST, 0))][..]),
        (Some("disk"), &[("submit", 0, replacement(FIRST, 1))][..]),
    ];
    assert_eq!(code(machine.enable(FIRST, &objects, false)), 0);
    assert_eq!(code(machine.load("disk")), 0);
    assert_eq!(machine.call(&inside, 0x5_0000), 0);
    assert_eq!(machine.call(&outside, 0x5_0000), replacement(FIRST, 1));
    // It sleeps in the module's function now.
    *inside.stack.borrow_mut() = vec![0x5_0008];
    machine.retry();
    assert_eq!(machine.call(&inside, READ), 0);
    inside.stack.borrow_mut().clear();
    machine.retry();
    assert_eq!(machine.call(&inside, 0x5_0000), replacement(FIRST, 1));
}

#[test]
fn wrong_patches_leave_nothing_behind() {
    let mut machine = machine();
    machine.function("twice", 0x6_0000);
    machine.function("twice", 0x6_1000);
    machine.function("hidden", 0x7_0000);
    machine.function("kprobed", 0x7_1000);
    machine.kernel.untraceable.borrow_mut().insert(0x7_0000);
    machine
        .kernel
        .redirected_by_others
        .borrow_mut()
        .insert(0x7_1000);
    let new = replacement(FIRST, 0);
    type Wrong<'a> = (&'a [(&'a str, usize, usize)], i32, &'a [&'a str]);
    let enabling = "enabling patch '1000000'";
    let failed = "failed to enable patch '1000000'";
    let cases: [Wrong<'_>; 8] = [
        (
            &[("missing", 0, new)],
            22,
            &["symbol 'missing' not found in symbol table"],
        ),
        (
            &[("twice", 0, new)],
            22,
            &["unresolvable ambiguity for symbol 'twice' in object '(null)'"],
        ),
        (
            &[("twice", 3, new)],
            22,
            &["symbol position 3 for symbol 'twice' in object 'vmlinux' not found"],
        ),
        (&[("read", 0, 0)], 22, &[]),
        (
            &[("", 0, new)],
            22,
            &["symbol '' not found in symbol table"],
        ),
        (&[("read", 0, new), ("read", 1, new)], 17, &[]),
        (
            &[("hidden", 0, new)],
            22,
            &[
                enabling,
                "'1000000': initializing patching transition",
                "failed to find location for function 'hidden'",
                "failed to patch object 'vmlinux'",
                failed,
                "'1000000': canceling patching transition, going to unpatch",
                "'1000000': completing unpatching transition",
                "'1000000': unpatching complete",
            ],
        ),
        (
            &[("read", 0, new), ("kprobed", 0, new), ("write", 0, new)],
            16,
            &[
                enabling,
                "'1000000': initializing patching transition",
                "failed to register ftrace handler for function 'kprobed' (-16)",
                "failed to patch object 'vmlinux'",
                failed,
                "'1000000': canceling patching transition, going to unpatch",
                "'1000000': completing unpatching transition",
                "'1000000': unpatching complete",
            ],
        ),
    ];
    for (functions, errno, log) in cases {
        let result = machine.enable(FIRST, &[(None, functions)], false);
        assert_eq!(code(result), -errno, "{functions:?}");
        assert_eq!(machine.log(), log, "{functions:?}");
        assert!(machine.is_clean(), "{functions:?}");
    }
    let long = "m".repeat(56);
    let result = machine.enable(FIRST, &[(Some(&long), &[("read", 0, new)])], false);
    assert_eq!(result, Err(EINVAL));
    assert!(machine.is_clean());
}

#[test]
fn the_second_of_two_is_found_by_its_position() {
    let mut machine = machine();
    machine.function("twice", 0x6_0000);
    machine.function("twice", 0x6_1000);
    let task = machine.sleeper(&[]);
    let second = [("twice", 2, replacement(FIRST, 0))];
    assert_eq!(code(machine.enable(FIRST, &[(None, &second)], false)), 0);
    assert_eq!(machine.call(&task, 0x6_0000), 0);
    assert_eq!(machine.call(&task, 0x6_1000), replacement(FIRST, 0));
}

#[test]
fn one_transition_at_a_time() {
    let mut machine = machine();
    machine.sleeper(&[READ + 8]);
    assert_eq!(enable_read(&mut machine, FIRST), 0);
    machine.log();
    assert_eq!(enable_read(&mut machine, SECOND), EBUSY.to_c());
    assert_eq!(machine.kernel.patch_list.borrow().0, [FIRST]);
    assert!(!machine.kernel.sysfs.borrow().contains("2000000"));
    assert!(machine.log().is_empty());
}

#[test]
fn a_patch_name_is_unique() {
    let mut machine = machine();
    assert_eq!(enable_read(&mut machine, FIRST), 0);
    assert_eq!(code(machine.set_enabled(FIRST, true)), EINVAL.to_c());
    let _ = machine
        .kernel
        .sysfs
        .borrow_mut()
        .insert("2000000".to_owned());
    assert_eq!(enable_read(&mut machine, SECOND), EEXIST.to_c());
}

#[test]
fn callbacks_are_called_around_patching_and_unpatching() {
    let mut machine = machine();
    machine.kernel.with_callbacks.borrow_mut().insert(FIRST);
    assert_eq!(enable_read(&mut machine, FIRST), 0);
    assert_eq!(code(machine.set_enabled(FIRST, false)), 0);
    let calls: Vec<_> = machine
        .log()
        .into_iter()
        .filter(|line| line.contains("patch 1000000/"))
        .collect();
    assert_eq!(
        calls,
        [
            "pre_patch 1000000/vmlinux",
            "post_patch 1000000/vmlinux",
            "pre_unpatch 1000000/vmlinux",
            "post_unpatch 1000000/vmlinux"
        ]
    );
}

#[test]
fn a_callback_can_refuse() {
    let mut machine = machine();
    machine.kernel.with_callbacks.borrow_mut().insert(FIRST);
    machine.kernel.failing_callbacks.borrow_mut().insert(FIRST);
    assert_eq!(enable_read(&mut machine, FIRST), EBUSY.to_c());
    let log = machine.log();
    assert!(log.contains(&"pre-patch callback failed for object 'vmlinux'".to_owned()));
    assert!(!log.iter().any(|line| line.starts_with("post_")), "{log:?}");
    assert!(machine.is_clean());
}

#[test]
fn states_must_be_declared_in_at_least_the_enabled_version() {
    let mut machine = machine();
    let declare = |machine: &Machine, patch, states: &[(usize, u32)]| {
        machine
            .kernel
            .states
            .borrow_mut()
            .insert(patch, states.to_vec());
    };
    declare(&machine, FIRST, &[(1, 2)]);
    assert_eq!(enable_read(&mut machine, FIRST), 0);
    machine.log();

    declare(&machine, SECOND, &[(1, 1)]);
    assert_eq!(enable_read(&mut machine, SECOND), EINVAL.to_c());
    assert_eq!(
        machine.log(),
        ["Livepatch patch (2000000) is not compatible with the already installed livepatches."]
    );
    // Without the state it may be on top, but not replace.
    declare(&machine, SECOND, &[]);
    let read = [("read", 0, replacement(SECOND, 0))];
    assert_eq!(machine.enable(SECOND, &[(None, &read)], true), Err(EINVAL));
    assert_eq!(enable_read(&mut machine, SECOND), 0);
    declare(&machine, THIRD, &[(1, 2), (7, 1)]);
    let read = [("read", 0, replacement(THIRD, 0))];
    assert_eq!(machine.enable(THIRD, &[(None, &read)], true), Ok(()));
}

#[test]
fn a_child_inherits_its_parents_state() {
    let mut machine = machine();
    let parent = machine.sleeper(&[READ + 8]);
    assert_eq!(enable_read(&mut machine, FIRST), 0);
    let child = machine.sleeper(&[]);
    machine.published.inherit(&*machine.kernel, &parent, &child);
    assert_eq!(machine.call(&child, READ), 0);
    machine.retry();
    assert_eq!(machine.call(&child, READ), replacement(FIRST, 0));
    let grandchild = machine.sleeper(&[]);
    machine
        .published
        .inherit(&*machine.kernel, &child, &grandchild);
    assert_eq!(machine.call(&grandchild, READ), replacement(FIRST, 0));
}

#[test]
fn costs_follow_patches_not_functions() {
    let mut costs = Vec::new();
    // Each step is interpreted by Miri.
    for count in [10, if cfg!(miri) { 30 } else { 1000 }] {
        let mut machine = machine();
        let names: Vec<_> = (0..count)
            .map(|number| format!("function_{number}"))
            .collect();
        let mut functions = Vec::new();
        for (number, name) in names.iter().enumerate() {
            machine.function(name, 0x1000_0000 + number * SIZE);
            functions.push((name.as_str(), 0, 0x2000_0000 + number * SIZE));
        }
        assert_eq!(code(machine.enable(FIRST, &[(None, &functions)], false)), 0);
        let enabling = (
            machine.kernel.text_changes.take(),
            machine.kernel.grace_periods.take(),
        );
        let task = machine.sleeper(&[]);
        assert_eq!(machine.call(&task, 0x1000_0000), 0x2000_0000);
        assert_eq!(code(machine.set_enabled(FIRST, false)), 0);
        let disabling = (
            machine.kernel.text_changes.take(),
            machine.kernel.grace_periods.take(),
        );
        assert_eq!((enabling.0, disabling.0), (1, 1));
        assert!(machine.is_clean());
        costs.push((enabling, disabling));
    }
    assert_eq!(costs[0], costs[1]);
}

#[test]
fn sleepers_are_left_alone_until_signals_are_due() {
    let mut machine = machine();
    let task = machine.sleeper(&[READ + 8]);
    assert_eq!(enable_read(&mut machine, FIRST), 0);
    let mut waited = Duration::ZERO;
    while waited < Duration::from_secs(15) {
        assert_eq!(task.signals.get(), 0, "after {waited:?}");
        waited += machine.kernel.retry.get().expect("another attempt");
        machine.retry();
    }
    assert_eq!((task.signals.get(), task.kicks.get()), (1, 0));
    assert_eq!(
        machine.log().last().expect("a line"),
        "signaling remaining tasks"
    );
}

#[test]
fn signals_can_be_due_sooner() {
    let mut machine = machine();
    machine.kernel.signal_delay.set(Duration::from_millis(10));
    let task = machine.sleeper(&[READ + 8]);
    assert_eq!(enable_read(&mut machine, FIRST), 0);
    for _ in 0..8 {
        machine.retry();
    }
    assert_eq!(task.signals.get(), 1);
}

#[test]
fn a_task_that_does_not_leave_user_space_is_kicked() {
    let mut machine = machine();
    let task = machine.sleeper(&[]);
    task.running.set(true);
    assert_eq!(enable_read(&mut machine, FIRST), 0);
    let mut waited = Duration::ZERO;
    while task.kicks.get() == 0 {
        waited += machine.kernel.retry.get().expect("another attempt");
        machine.retry();
    }
    let range = Duration::from_millis(10)..Duration::from_millis(50);
    assert!(range.contains(&waited), "{waited:?}");
    assert_eq!(task.signals.get(), 0);
}

#[test]
fn a_function_can_be_patched_by_two_of_its_names() {
    let mut machine = machine();
    machine.function("read_alias", READ);
    let task = machine.sleeper(&[READ + 0x10]);
    let functions = [
        ("read", 0, replacement(FIRST, 0)),
        ("read_alias", 0, replacement(FIRST, 1)),
    ];
    assert_eq!(code(machine.enable(FIRST, &[(None, &functions)], false)), 0);
    // The last one is on top, for tasks that have switched.
    assert_eq!(machine.call(&task, READ), 0);
    task.stack.borrow_mut().clear();
    machine.retry();
    assert_eq!(machine.call(&task, READ), replacement(FIRST, 1));
    machine.promote();
    assert_eq!(machine.call(&task, READ), replacement(FIRST, 1));

    task.stack.borrow_mut().push(replacement(FIRST, 0) + 8);
    assert_eq!(code(machine.set_enabled(FIRST, false)), 0);
    assert_eq!(machine.call(&task, READ), replacement(FIRST, 1));
    task.stack.borrow_mut().clear();
    machine.retry();
    machine.promote();
    assert!(machine.is_clean());
}

#[test]
fn callbacks_after_unpatching_are_for_objects_that_were_reached() {
    let mut machine = machine();
    machine.module("driver", &[("drive", 0x5_0000)]);
    assert_eq!(code(machine.load("driver")), 0);
    machine
        .kernel
        .redirected_by_others
        .borrow_mut()
        .insert(READ);
    machine
        .kernel
        .with_post_unpatch
        .borrow_mut()
        .extend([FIRST, FIRST + 1]);
    let read = [("read", 0, replacement(FIRST, 0))];
    let drive = [("drive", 0, replacement(FIRST, 1))];
    let objects = [(None, &read[..]), (Some("driver"), &drive[..])];
    assert_eq!(code(machine.enable(FIRST, &objects, false)), EBUSY.to_c());
    let log = machine.log();
    let called: Vec<_> = log
        .iter()
        .filter(|line| line.starts_with("post_unpatch"))
        .collect();
    assert_eq!(called, ["post_unpatch 1000000/vmlinux"]);
    assert!(machine.is_clean());

    // In the other order, the first object is reached and patched.
    machine.log();
    let objects = [(Some("driver"), &drive[..]), (None, &read[..])];
    assert_eq!(code(machine.enable(FIRST, &objects, false)), EBUSY.to_c());
    let log = machine.log();
    let called: Vec<_> = log
        .iter()
        .filter(|line| line.starts_with("post_unpatch"))
        .collect();
    assert_eq!(called.len(), 2, "{called:?}");
}

#[test]
fn a_replaced_patch_stays_while_a_task_is_in_its_helper() {
    let mut machine = machine();
    let task = machine.sleeper(&[ELSEWHERE]);
    assert_eq!(enable_read(&mut machine, FIRST), 0);
    task.stack.borrow_mut().push(helper(FIRST));
    let read = [("read", 0, replacement(SECOND, 0))];
    assert_eq!(code(machine.enable(SECOND, &[(None, &read)], true)), 0);
    machine.retry();
    assert_eq!(*machine.kernel.released.borrow(), []);
    task.stack.borrow_mut().pop();
    machine.retry();
    assert_eq!(*machine.kernel.released.borrow(), [(FIRST, false)]);
}

#[test]
fn a_patch_that_stays_may_have_tasks_in_its_helpers() {
    let mut machine = machine();
    let task = machine.sleeper(&[helper(FIRST)]);
    assert_eq!(enable_read(&mut machine, FIRST), 0);
    assert_eq!(enable_read(&mut machine, SECOND), 0);
    assert_eq!(machine.call(&task, READ), replacement(SECOND, 0));
}

#[test]
fn a_thread_of_the_patch_does_not_block_it() {
    let mut machine = machine();
    assert_eq!(enable_read(&mut machine, FIRST), 0);
    let thread = machine.sleeper(&[helper(FIRST), ELSEWHERE]);
    thread.thread_function.set(Some(helper(FIRST)));
    assert_eq!(code(machine.set_enabled(FIRST, false)), 0);
    assert_eq!(*machine.kernel.released.borrow(), [(FIRST, false)]);

    // But being in a replacement does.
    assert_eq!(enable_read(&mut machine, SECOND), 0);
    *thread.stack.borrow_mut() = vec![replacement(SECOND, 0) + 8, helper(SECOND)];
    thread.thread_function.set(Some(helper(SECOND)));
    assert_eq!(code(machine.set_enabled(SECOND, false)), 0);
    assert_eq!(machine.kernel.released.borrow().len(), 1);
}

#[test]
fn a_cold_part_of_unknown_size_refuses_the_patch() {
    let mut machine = machine();
    machine.function("read.cold", READ_COLD);
    machine
        .kernel
        .unsized_symbols
        .borrow_mut()
        .insert(READ_COLD);
    assert_eq!(
        enable_read(&mut machine, FIRST),
        crate::errno::ENOENT.to_c()
    );
    assert!(machine
        .log()
        .contains(&"kallsyms size lookup failed for 'read.cold'".to_owned()));
    assert!(machine.is_clean());
}

#[test]
fn a_transition_ends_after_its_last_grace_period() {
    let mut machine = machine();
    assert_eq!(enable_read(&mut machine, FIRST), 0);
    machine.kernel.grace_periods_in_transition.set(0);
    let before = machine.kernel.grace_periods.get();
    assert_eq!(code(machine.set_enabled(FIRST, false)), 0);
    let waited = machine.kernel.grace_periods.get() - before;
    assert_eq!(machine.kernel.grace_periods_in_transition.get(), waited);
    // It also waited for exiting tasks that were not recorded.
    assert_eq!(machine.kernel.waits_for_exits.get(), 1);
}

#[test]
fn c_code_sees_where_functions_are_and_in_which_state() {
    let mut machine = machine();
    machine.module("disk", &[("submit", 0x5_0000)]);
    let task = machine.sleeper(&[READ + 8]);
    let read = [("read", 0, replacement(FIRST, 0))];
    let submit = [("submit", 0, replacement(FIRST, 1))];
    let objects = [(None, &read[..]), (Some("disk"), &submit[..])];
    assert_eq!(code(machine.enable(FIRST, &objects, false)), 0);
    let func = |machine: &Machine, object: usize| {
        machine.kernel.funcs.borrow()[&(FIRST + 0x100 * (object + 1))]
    };
    let text = |start| crate::types::TextRange { start, size: SIZE };
    let patched = func(&machine, 0);
    assert_eq!(
        patched.text,
        Some((text(READ), text(replacement(FIRST, 0))))
    );
    assert!(patched.patched && patched.in_transition);
    let absent = func(&machine, 1);
    assert_eq!(
        (absent.text, absent.patched, absent.in_transition),
        (None, false, true)
    );

    assert_eq!(code(machine.load("disk")), 0);
    let loaded = func(&machine, 1);
    assert_eq!(
        loaded.text,
        Some((text(0x5_0000), text(replacement(FIRST, 1))))
    );
    assert!(loaded.patched && loaded.in_transition);
    task.stack.borrow_mut().clear();
    machine.retry();
    let settled = func(&machine, 0);
    assert!(settled.patched && !settled.in_transition);
    machine.unload("disk");
    let gone = func(&machine, 1);
    assert_eq!(
        (gone.text, gone.patched, gone.in_transition),
        (None, false, false)
    );
    assert_eq!(code(machine.set_enabled(FIRST, false)), 0);
    assert!(!func(&machine, 0).patched && !func(&machine, 0).in_transition);
}

#[test]
fn a_transition_that_misses_its_deadline_is_reversed() {
    let mut machine = machine();
    let deadline = Duration::from_millis(100);
    machine.kernel.deadline.set(Some(deadline));
    let inside = machine.sleeper(&[READ + 8]);
    let outside = machine.sleeper(&[]);
    assert_eq!(enable_read(&mut machine, FIRST), 0);
    machine.log();
    let mut waited = Duration::ZERO;
    while machine.kernel.patch_list.borrow().1.is_some() && waited < Duration::from_secs(2) {
        waited += machine.kernel.retry.get().expect("another attempt");
        machine.retry();
    }
    // The first attempt after the reversal ends the transition.
    assert_eq!(waited, deadline + Duration::from_micros(250));
    let log = machine.log();
    let first = "'1000000': patching has not ended within 100 ms, reversing it";
    assert_eq!(
        log[..2],
        [first.to_owned(), format!("{} held it up: read", inside.pid)]
    );
    assert_eq!(machine.call(&outside, READ), 0);
    assert_eq!(*machine.kernel.released.borrow(), [(FIRST, false)]);
    assert!(machine.is_clean());
}

#[test]
fn a_reversed_transition_has_no_deadline() {
    let mut machine = machine();
    machine
        .kernel
        .deadline
        .set(Some(Duration::from_millis(100)));
    let task = machine.sleeper(&[]);
    assert_eq!(enable_read(&mut machine, FIRST), 0);
    task.stack.borrow_mut().push(replacement(FIRST, 0) + 8);
    let second = machine.sleeper(&[READ + 8]);
    assert_eq!(code(machine.set_enabled(FIRST, false)), 0);
    // Each direction is blocked by a task.
    machine.published.update(&*machine.kernel, &second);
    for _ in 0..40 {
        machine.retry();
    }
    let log = machine.log();
    let reversals = log
        .iter()
        .filter(|line| line.contains("has not ended within"));
    assert_eq!(reversals.count(), 1);
    assert_eq!(machine.call(&task, READ), replacement(FIRST, 0));
}
