// SPDX-License-Identifier: GPL-2.0-only

//! Tests of tasks that were preempted in the ftrace handler: it has looked the target up, and the stack shows
//! only the return address behind the patch site.

use super::{enable_read, machine, replacement, ELSEWHERE, FIRST, READ, SECOND, THIRD};
use crate::simulated::{code, Machine, Task};
use std::rc::Rc;

/// The address behind the call at the site, which is at offset four.
const IN_HANDLER: usize = READ + 4 + 5;

/// A task that has called `read`, and was preempted before it reached the target.
fn preempted(machine: &Machine) -> (Rc<Task>, usize) {
    let task = machine.sleeper(&[ELSEWHERE]);
    let target = machine.call(&task, READ);
    *task.stack.borrow_mut() = vec![IN_HANDLER, ELSEWHERE];
    (task, target)
}

#[test]
fn unpatching_waits() {
    let mut machine = machine();
    assert_eq!(enable_read(&mut machine, FIRST), 0);
    let (task, target) = preempted(&machine);
    assert_eq!(target, replacement(FIRST, 0));
    assert_eq!(code(machine.set_enabled(FIRST, false)), 0);
    machine.retry();
    assert_eq!(*machine.kernel.released.borrow(), []);

    *task.stack.borrow_mut() = vec![target + 8, ELSEWHERE];
    machine.retry();
    assert_eq!(*machine.kernel.released.borrow(), []);
    *task.stack.borrow_mut() = vec![ELSEWHERE];
    machine.retry();
    assert_eq!(*machine.kernel.released.borrow(), [(FIRST, false)]);
}

#[test]
fn patching_waits() {
    let mut machine = machine();
    let (task, target) = preempted(&machine);
    assert_eq!(target, 0);
    assert_eq!(enable_read(&mut machine, FIRST), 0);
    machine.retry();
    assert_eq!(machine.call(&task, READ), 0);
    task.stack.borrow_mut().clear();
    machine.retry();
    assert_eq!(machine.call(&task, READ), replacement(FIRST, 0));
}

#[test]
fn patching_above_another_patch_waits() {
    let mut machine = machine();
    assert_eq!(enable_read(&mut machine, FIRST), 0);
    let (task, target) = preempted(&machine);
    assert_eq!(target, replacement(FIRST, 0));
    assert_eq!(enable_read(&mut machine, SECOND), 0);
    machine.retry();
    assert_eq!(machine.call(&task, READ), replacement(FIRST, 0));
    task.stack.borrow_mut().clear();
    machine.retry();
    assert_eq!(machine.call(&task, READ), replacement(SECOND, 0));
}

#[test]
fn replacing_checks_functions_that_the_new_patch_lacks() {
    let mut machine = machine();
    assert_eq!(enable_read(&mut machine, FIRST), 0);
    let (task, _) = preempted(&machine);
    let write = [("write", 0, replacement(THIRD, 0))];
    assert_eq!(code(machine.enable(THIRD, &[(None, &write)], true)), 0);
    machine.retry();
    assert_eq!(*machine.kernel.released.borrow(), []);
    task.stack.borrow_mut().clear();
    machine.retry();
    assert_eq!(*machine.kernel.released.borrow(), [(FIRST, false)]);
}

#[test]
fn reversing_waits() {
    let mut machine = machine();
    machine.sleeper(&[READ + 0x10]);
    let task = machine.sleeper(&[ELSEWHERE]);
    assert_eq!(enable_read(&mut machine, FIRST), 0);
    assert_eq!(machine.call(&task, READ), replacement(FIRST, 0));
    *task.stack.borrow_mut() = vec![IN_HANDLER, ELSEWHERE];

    assert_eq!(code(machine.set_enabled(FIRST, false)), 0);
    machine.retry();
    assert_eq!(*machine.kernel.released.borrow(), []);
    task.stack.borrow_mut().clear();
    machine.retry();
    assert_eq!(*machine.kernel.released.borrow(), [(FIRST, false)]);
}
