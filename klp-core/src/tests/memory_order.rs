// SPDX-License-Identifier: GPL-2.0-only

//! Tests of memory order: the core while tasks call functions and leave the kernel on other CPUs, in all orders that
//! the memory model allows. The model checker is `loom`; docs/proof.md has how to run this and what it covers.
//!
//! Two tasks enter the kernel, call a patched function twice, and leave the kernel, while a patch is
//! enabled and its transition reversed. Each task checks what live patching guarantees:
//!
//! - All calls between entering and leaving the kernel go to the same version of the function.
//! - No call in transition finds the task without a patch state.
//! - The patch's text is not freed while a task is in it.
//! - Nothing that is read without a lock is written meanwhile.
//!
//! For faults of [`Fault`], tests here show that they are detected.

use super::{machine, replacement, FIRST, READ};
use crate::fault::{self, Fault};
use crate::published::Published;
use crate::simulated::{code, site_of, Kernel, Machine, Task};
use crate::types::{PatchState, Target};
use std::rc::Rc;

/// A task on its own CPU.
struct Actor {
    kernel: Rc<Kernel>,
    published: Rc<Published>,
    task: Rc<Task>,
    cpu: usize,
}

impl Actor {
    fn new(machine: &Machine) -> Self {
        let task = Self::task(&machine.kernel);
        machine.kernel.tasks.borrow_mut().push(task.clone());
        Self {
            kernel: machine.kernel.clone(),
            published: machine.published.clone(),
            task,
            cpu: machine.kernel.add_cpu(),
        }
    }

    fn task(kernel: &Kernel) -> Rc<Task> {
        let pid = i32::try_from(kernel.tasks.borrow().len()).expect("few tasks");
        let task = Machine::task(pid, None);
        task.running.set(true);
        task
    }

    /// Calls `read` by the ftrace handler. Returns the target; zero is the original.
    fn call(&self) -> usize {
        let target = self.kernel.without_preemption(self.cpu, |guard| {
            let state = || self.kernel.state_of(&self.task);
            let site = site_of(READ);
            self.published.redirect(&*self.kernel, site, guard, state)
        });
        if target != Target::Original {
            self.kernel.text.reading(|| ());
        }
        target.to_c()
    }

    /// Enters the kernel, calls the function twice, and leaves the kernel.
    fn enter_and_leave(&self) {
        let first = self.call();
        let second = self.call();
        assert_eq!(first, second, "two versions between two exits");
        self.leave();
    }

    fn leave(&self) {
        self.kernel.without_preemption(self.cpu, |_| {
            self.published.update(&*self.kernel, &self.task);
        });
    }

    /// Falls asleep with this stack.
    fn sleep(&self, stack: &[usize]) {
        *self.task.stack.borrow_mut() = stack.to_vec();
        self.kernel.without_preemption(self.cpu, |guard| {
            self.published
                .update_sleeper(&*self.kernel, &self.task, guard);
        });
        self.kernel.set_running(&self.task, false);
    }

    fn wake(&self) {
        self.kernel.set_running(&self.task, true);
        self.task.stack.borrow_mut().clear();
    }

    /// Runs `live` in a new thread, and then sleeps for good.
    fn spawn(self, live: impl FnOnce(&Self) + 'static) -> loom::thread::JoinHandle<()> {
        loom::thread::spawn(move || {
            let thread = loom::thread::current().id();
            self.task.thread.set(Some(thread));
            live(&self);
            self.sleep(&[]);
        })
    }

    /// Enters the kernel, calls the function and sleeps there, and sleeps once more outside of it.
    fn sleep_twice(&self) {
        let target = self.call();
        self.sleep(&[match target {
            0 => READ + 0x10,
            replacement => replacement + 0x10,
        }]);
        self.wake();
        assert_eq!(target, self.call(), "two versions between two exits");
        self.sleep(&[]);
        self.wake();
        self.enter_and_leave();
    }

    /// Forks a child, which starts like its parent on the exit to user space.
    fn fork_and_leave(&self) {
        let child = Self::task(&self.kernel);
        {
            let _held = self.kernel.task_list.lock().expect("no thread panicked");
            self.published.inherit(&*self.kernel, &self.task, &child);
            self.kernel.add_child(&child);
        }
        let child = Self {
            task: child,
            kernel: self.kernel.clone(),
            published: self.published.clone(),
            cpu: self.cpu,
        };
        self.leave();
        // The parent waits for it.
        child.leave();
        child.enter_and_leave();
        self.kernel.set_running(&child.task, false);
    }
}

fn enable(machine: &mut Machine, patch: usize) {
    let read = [("read", 0, replacement(patch, 0))];
    assert_eq!(code(machine.enable(patch, &[(None, &read)], false)), 0);
}

fn disable(machine: &mut Machine, patch: usize) {
    assert_eq!(code(machine.set_enabled(patch, false)), 0);
}

fn is_in_transition(machine: &Machine) -> bool {
    machine.kernel.patch_list.borrow().1.is_some()
}

/// Runs tasks concurrently with `change`, and then completes the running transition.
fn beside(machine: &mut Machine, lives: &[fn(&Actor)], change: impl FnOnce(&mut Machine)) {
    let lives = lives.iter().copied();
    machine.kernel.grace_periods.set(0);
    let threads: Vec<_> = lives.map(|live| Actor::new(machine).spawn(live)).collect();
    change(machine);
    for thread in threads {
        thread.join().expect("it ended well");
    }
    if is_in_transition(machine) {
        machine.retry();
    }
    assert!(!is_in_transition(machine), "all tasks sleep");
    for task in machine.kernel.tasks.borrow().iter() {
        assert_eq!(machine.kernel.state_of(task), PatchState::Idle);
    }
}

/// Enables a patch, and disables it if its transition still runs.
fn reverse(machine: &mut Machine) {
    enable(machine, FIRST);
    if is_in_transition(machine) {
        disable(machine, FIRST);
        machine.retry();
    }
}

/// A reversal, concurrently with two tasks.
fn reversing() {
    let lives: [fn(&Actor); 2] = [Actor::enter_and_leave, Actor::enter_and_leave];
    beside(&mut machine(), &lives, reverse);
}

/// A reversal, concurrently with a task that sleeps.
fn reversing_with_a_sleeper() {
    beside(&mut machine(), &[Actor::sleep_twice], reverse);
}

/// A patch is enabled, and a task that has switched calls the function while the transition ends.
fn enabling() {
    let twice = |actor: &Actor| {
        actor.enter_and_leave();
        actor.enter_and_leave();
    };
    let mut machine = machine();
    beside(&mut machine, &[twice], |machine| {
        enable(machine, FIRST);
        machine.retry();
    });
    assert_eq!(*machine.kernel.released.borrow(), []);
}

/// The same with a task that forks.
fn enabling_with_a_fork() {
    beside(&mut machine(), &[Actor::fork_and_leave], |machine| {
        enable(machine, FIRST);
        machine.retry();
    });
}

/// A patch is disabled and released, and so is the table with its redirect.
fn disabling() {
    let mut machine = machine();
    enable(&mut machine, FIRST);
    machine.retry();
    let lives: [fn(&Actor); 2] = [Actor::enter_and_leave, Actor::enter_and_leave];
    beside(&mut machine, &lives, |machine| {
        disable(machine, FIRST);
        machine.retry();
    });
    assert_eq!(*machine.kernel.released.borrow(), [(FIRST, false)]);
}

/// The same with a task that sleeps, in the patch and elsewhere.
fn disabling_with_a_sleeper() {
    let mut machine = machine();
    enable(&mut machine, FIRST);
    machine.retry();
    beside(&mut machine, &[Actor::sleep_twice], |machine| {
        disable(machine, FIRST);
        machine.retry();
    });
    assert_eq!(*machine.kernel.released.borrow(), [(FIRST, false)]);
}

/// Checks a scenario in all orders with up to `KLP_PREEMPTIONS` preemptions of one task by another.
fn check(scenario: fn(), fault: Option<Fault>) {
    const PREEMPTIONS: &str = "KLP_PREEMPTIONS";
    let mut builder = loom::model::Builder::new();
    builder.max_branches = 100_000;
    builder.preemption_bound = match std::env::var(PREEMPTIONS).as_deref() {
        Ok("all") => None,
        Ok(number) => Some(number.parse().expect(PREEMPTIONS)),
        Err(_) => Some(3),
    };
    fault::inject(fault);
    builder.check(scenario);
}

#[test]
fn a_transition_that_is_reversed() {
    check(reversing, None);
}

#[test]
fn a_transition_that_is_reversed_with_a_sleeper() {
    check(reversing_with_a_sleeper, None);
}

#[test]
fn a_transition_to_a_patch() {
    check(enabling, None);
}

#[test]
fn a_transition_to_a_patch_with_a_fork() {
    check(enabling_with_a_fork, None);
}

#[test]
fn a_transition_from_a_patch() {
    check(disabling, None);
}

#[test]
fn a_transition_from_a_patch_with_a_sleeper() {
    check(disabling_with_a_sleeper, None);
}

/// Tests that a fault makes a scenario panic, with this in the message.
macro_rules! detected {
    ($($name:ident: $fault:ident $(($number:literal))?, $scenario:ident, $expected:literal;)*) => {$(
        #[test]
        #[should_panic(expected = $expected)]
        fn $name() {
            check($scenario, Some(Fault::$fault $(($number))?));
        }
    )*};
}

detected! {
    a_table_that_is_published_without_a_release: UnorderedPublish, enabling, "Causality violation";
    a_table_that_is_read_without_an_acquire: UnorderedRead, enabling, "Causality violation";
    a_state_that_is_read_before_the_redirect: StateBeforeRedirect, enabling, "without a patch state";
    redirects_before_states: RedirectsBeforeStates, enabling, "without a patch state";
    states_forgotten_before_redirects_settle: ForgetBeforeSettled, enabling, "still to switch";
    no_grace_period_after_redirects: NoGracePeriod(1), enabling, "without a patch state";
    no_grace_period_after_redirects_that_settle: NoGracePeriod(2), enabling, "still to switch";
    no_grace_period_before_a_table_is_used_again: NoGracePeriod(1), disabling, "Causality violation";
    no_grace_period_when_a_transition_is_reversed: NoGracePeriod(2), reversing, "Causality violation";
    tasks_marked_before_that_grace_period: MarkWithoutGracePeriod, reversing, "still to switch";
    tasks_marked_before_the_target_changes: MarkBeforeTarget, reversing, "still to switch";
    tasks_that_switch_while_a_transition_is_reversed: ReverseWithoutStopping, reversing, "still to switch";
    a_task_that_is_born_while_others_are_switched: MissedTasks, enabling_with_a_fork, "still to switch";
    a_child_without_a_state: InheritWithoutState, enabling_with_a_fork, "without a patch state";
    the_stack_of_a_running_task: StackOfRunningTask, enabling, "two versions";
}
