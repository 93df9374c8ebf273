// SPDX-License-Identifier: GPL-2.0-only

//! Tests with long random histories: patches and a module are loaded and unloaded, transitions are reversed,
//! allocations fail, while tasks call functions, are preempted in the handler, sleep, jump to helpers, fork and exit.
//! After each step the machine is compared with a small model of what live patching guarantees.
//!
//! A history that fails is shrunk, and printed with its seed: `KLP_SEED=N` starts with that one,
//! `KLP_HISTORIES=N` sets how many run.

use super::{helper, machine, replacement, Random, FIRST, READ, SECOND, THIRD, WRITE};
use crate::memory::failing;
use crate::simulated::{Machine, Task};
use crate::types::PatchState;
use std::panic::{catch_unwind, AssertUnwindSafe};
use std::rc::Rc;
use std::time::Duration;

/// A function of the module.
const DRIVE: usize = 0x5_0000;
const FUNCTIONS: [(&str, usize); 3] = [("read", READ), ("write", WRITE), ("drive", DRIVE)];
const PATCHES: [usize; 4] = [FIRST, SECOND, THIRD, 0x400_0000];
/// The size of a patch's module in bytes.
const MODULE: usize = 0x1_0000;

/// A step. Numbers select among what exists, so that a history without some of its steps is valid, too.
#[derive(Clone, Copy, Debug)]
enum Step {
    /// Enables a patch: its index, a bit mask of its functions, and whether it replaces the others.
    Enable(usize, usize, bool),
    SetEnabled(usize, bool),
    Force,
    /// Loads or unloads the driver.
    Module,
    /// Runs the work that completes transitions.
    Retry,
    /// Runs the worker that makes jumps.
    Promote,
    /// Attaches a tracer to a function, or detaches it.
    Trace(usize),
    /// Lets that many allocations of the next step succeed, and the next one fail.
    Memory(usize),
    /// A task calls a function, and is preempted in the handler.
    Call(usize, usize),
    /// A task continues from the handler to the target.
    Enter(usize),
    /// A task jumps from a replacement to a helper.
    JumpToHelper(usize),
    Return(usize),
    /// A task wakes up, or sleeps.
    Run(usize),
    /// A running task that is in no function leaves the kernel.
    Leave(usize),
    Fork(usize),
    End(usize),
}

impl Step {
    fn random(random: &mut Random) -> Self {
        let task = random.below(8);
        let patch = random.below(PATCHES.len());
        match random.below(28) {
            0..=2 => Self::Enable(patch, random.below(7) + 1, random.below(3) == 0),
            3 | 4 => Self::SetEnabled(patch, random.below(4) == 0),
            5 if random.below(8) == 0 => Self::Force,
            5 | 6 => Self::Module,
            7 | 8 => Self::Retry,
            9 | 10 => Self::Promote,
            11 => Self::Trace(random.below(FUNCTIONS.len())),
            12 => Self::Memory(random.below(12)),
            13..=16 => Self::Call(task, random.below(FUNCTIONS.len())),
            17 | 18 => Self::Enter(task),
            19 => Self::JumpToHelper(task),
            20..=23 => Self::Return(task),
            24 => Self::Run(task),
            25 => Self::Leave(task),
            26 => Self::Fork(task),
            _ => Self::End(task),
        }
    }
}

/// A patch of the model.
#[derive(Clone, Copy, Debug)]
struct Patch {
    handle: usize,
    /// Bit mask of the functions.
    functions: usize,
    replace: bool,
}

/// The model of what live patching guarantees.
#[derive(Default)]
struct Model {
    /// From the bottom up, without the one in transition.
    settled: Vec<Patch>,
    /// The patch in transition, its index in the stack, and whether it is being enabled.
    transition: Option<(Patch, usize, bool)>,
    is_loaded: bool,
}

impl Model {
    /// The target of a function for a task in `state`.
    fn target(&self, state: PatchState, function: usize) -> usize {
        let mut view = self.settled.clone();
        if let Some((patch, place, _)) = self.transition {
            if state == PatchState::Patched {
                if patch.replace {
                    view.clear();
                }
                view.insert(place.min(view.len()), patch);
            }
        }
        view.iter()
            .rev()
            .find(|patch| patch.functions & 1 << function != 0)
            .map_or(0, |patch| replacement(patch.handle, function))
    }

    fn knows(&self, handle: usize) -> bool {
        let is_it = |patch: &Patch| patch.handle == handle;
        self.settled.iter().any(is_it) || self.transition.is_some_and(|(patch, ..)| is_it(&patch))
    }

    /// Ends the transition.
    fn end_transition(&mut self) {
        let Some((patch, place, is_patching)) = self.transition.take() else {
            return;
        };
        if is_patching {
            if patch.replace {
                self.settled.clear();
            }
            self.settled.insert(place.min(self.settled.len()), patch);
        }
    }
}

/// A task, with what its stack does not show.
struct Actor {
    task: Rc<Task>,
    /// The target of its call, while it is in the handler.
    chosen: Option<usize>,
}

struct History {
    machine: Machine,
    model: Model,
    actors: Vec<Actor>,
    released: usize,
}

impl History {
    fn new() -> Self {
        let machine = machine();
        machine.module("driver", &[("drive", DRIVE)]);
        let actor = |_| Actor {
            task: machine.sleeper(&[]),
            chosen: None,
        };
        let actors = (0..3).map(actor).collect();
        Self {
            actors,
            machine,
            model: Model::default(),
            released: 0,
        }
    }

    fn actor(&mut self, number: usize) -> &mut Actor {
        let count = self.actors.len();
        &mut self.actors[number % count]
    }

    fn step(&mut self, step: Step) {
        match step {
            Step::Enable(patch, functions, replace) => self.enable(patch, functions, replace),
            Step::SetEnabled(patch, enabled) => self.set_enabled(PATCHES[patch], enabled),
            Step::Force => self.force(),
            Step::Module => self.module(),
            Step::Retry => self.machine.retry(),
            Step::Promote => self.machine.promote_once(),
            Step::Trace(function) => {
                let function = FUNCTIONS[function].1;
                let mut traced = self.machine.kernel.traced.borrow_mut();
                if !traced.remove(&function) {
                    traced.insert(function);
                }
            }
            Step::Memory(left) => {
                failing::fail_after(left);
                self.machine.kernel.memory.set(left);
                return;
            }
            Step::Call(task, function) => self.call(task, function),
            Step::Enter(task) => self.enter(task),
            Step::JumpToHelper(task) => self.jump_to_helper(task),
            Step::Return(task) => self.leave_function(task),
            Step::Run(task) => {
                let running = &self.actor(task).task.running;
                running.set(!running.get());
            }
            Step::Leave(task) => {
                let task = self.actor(task).task.clone();
                if task.running.get() && task.stack.borrow().is_empty() {
                    self.machine.published.update(&*self.machine.kernel, &task);
                }
            }
            Step::Fork(task) => self.fork(task),
            Step::End(task) => self.end(task),
        }
        failing::stop();
        self.machine.kernel.memory.set(usize::MAX);
        self.check();
    }

    fn enable(&mut self, patch: usize, functions: usize, replace: bool) {
        let handle = PATCHES[patch];
        // A module can be loaded only once, and a forced one stays.
        let kept = (handle, true);
        if self.model.knows(handle) || self.machine.kernel.released.borrow().contains(&kept) {
            return;
        }
        let of = |number: usize| (FUNCTIONS[number].0, 0, replacement(handle, number));
        let is_wanted = |number: &usize| functions & 1 << number != 0;
        let kernel: Vec<_> = (0..2).filter(is_wanted).map(of).collect();
        let driver: Vec<_> = (2..3).filter(is_wanted).map(of).collect();
        let mut objects = Vec::new();
        if !kernel.is_empty() {
            objects.push((None, &kernel[..]));
        }
        if !driver.is_empty() {
            objects.push((Some("driver"), &driver[..]));
        }
        let result = self.machine.enable(handle, &objects, replace);
        if result.is_ok() {
            assert!(self.model.transition.is_none(), "two transitions");
            let patch = Patch {
                handle,
                functions,
                replace,
            };
            self.model.transition = Some((patch, self.model.settled.len(), true));
        }
    }

    fn set_enabled(&mut self, handle: usize, enabled: bool) {
        let result = self.machine.set_enabled(handle, enabled);
        if result.is_err() {
            return;
        }
        match &mut self.model.transition {
            Some((patch, _, is_patching)) if patch.handle == handle => *is_patching = enabled,
            Some(_) => panic!("two transitions"),
            None => {
                let is_it = |patch: &Patch| patch.handle == handle;
                let place = self.model.settled.iter().position(is_it).expect("known");
                let patch = Patch {
                    // What it once replaced is gone.
                    replace: false,
                    ..self.model.settled.remove(place)
                };
                self.model.transition = Some((patch, place, false));
            }
        }
    }

    fn force(&mut self) {
        if let Some((patch, ..)) = self.model.transition {
            let machine = &mut self.machine;
            let forced = machine.core().force(patch.handle);
            assert_eq!(forced, Ok(()));
        }
    }

    fn module(&mut self) {
        if !self.model.is_loaded {
            self.model.is_loaded = self.machine.load("driver").is_ok();
            return;
        }
        // Its reference count keeps it loaded while a task is in it.
        let is_in = |address: &usize| {
            (DRIVE..DRIVE + 0x100).contains(address)
                || PATCHES
                    .iter()
                    .any(|patch| address & !0xff == replacement(*patch, 2))
        };
        let uses = |actor: &Actor| {
            let stack = actor.task.stack.borrow();
            stack.iter().chain(&actor.chosen).any(is_in)
        };
        if !self.actors.iter().any(uses) {
            self.machine.unload("driver");
            self.model.is_loaded = false;
        }
    }

    fn call(&mut self, task: usize, function: usize) {
        if function == 2 && !self.model.is_loaded {
            return;
        }
        let address = FUNCTIONS[function].1;
        let actor = self.actor(task);
        if actor.chosen.is_some() || actor.task.stack.borrow().len() > 3 {
            return;
        }
        let task = actor.task.clone();
        if let Some(target) = self.machine.jump(address) {
            task.stack.borrow_mut().push(target + 8);
            return;
        }
        let target = self.machine.handler_target(&task, address);
        let chosen = if target == 0 { address + 0x10 } else { target };
        let count = self.actors.len();
        for actor in &mut self.actors[..count] {
            if Rc::ptr_eq(&actor.task, &task) {
                actor.chosen = Some(chosen);
            }
        }
        // Behind the call at the site.
        task.stack.borrow_mut().push(address + 4 + 5);
    }

    fn enter(&mut self, task: usize) {
        let actor = self.actor(task);
        if let Some(chosen) = actor.chosen.take() {
            let mut stack = actor.task.stack.borrow_mut();
            stack.pop();
            stack.push(chosen);
        }
    }

    fn jump_to_helper(&mut self, task: usize) {
        let actor = self.actor(task);
        if actor.chosen.is_some() {
            return;
        }
        if let Some(top) = actor.task.stack.borrow_mut().last_mut() {
            let patch = PATCHES
                .iter()
                .find(|&&patch| (patch..patch + MODULE).contains(top));
            if let Some(patch) = patch {
                *top = helper(*patch) + 8;
            }
        }
    }

    fn leave_function(&mut self, task: usize) {
        let actor = self.actor(task);
        if actor.chosen.is_none() {
            actor.task.stack.borrow_mut().pop();
        }
    }

    fn fork(&mut self, parent: usize) {
        if self.actors.len() >= 8 {
            return;
        }
        let parent = self.actor(parent).task.clone();
        let child = self.machine.sleeper(&[]);
        let machine = &self.machine;
        machine.published.inherit(&*machine.kernel, &parent, &child);
        self.actors.push(Actor {
            task: child,
            chosen: None,
        });
    }

    fn end(&mut self, task: usize) {
        let place = task % self.actors.len();
        let actor = &self.actors[place];
        if self.actors.len() < 2 || !actor.task.stack.borrow().is_empty() {
            return;
        }
        let actor = self.actors.remove(place);
        let mut tasks = self.machine.kernel.tasks.borrow_mut();
        tasks.retain(|task| !Rc::ptr_eq(task, &actor.task));
    }

    /// Checks what must hold after each step.
    fn check(&mut self) {
        if self.machine.kernel.patch_list.borrow().1.is_none() {
            self.model.end_transition();
        }
        for actor in &self.actors {
            let state = self.machine.kernel.state_of(&actor.task);
            let in_transition = self.model.transition.is_some();
            assert_eq!(state != PatchState::Idle, in_transition, "a state, or none");
            for (number, (name, address)) in FUNCTIONS.iter().enumerate() {
                if number == 2 && !self.model.is_loaded {
                    continue;
                }
                let found = self.machine.call(&actor.task, *address);
                assert_eq!(found, self.model.target(state, number), "{name}, {state:?}");
            }
        }
        let released = self.machine.kernel.released.borrow();
        for (patch, keep) in &released[self.released..] {
            let is_in = |address: &usize| (*patch..patch + MODULE).contains(address);
            for actor in &self.actors {
                let stack = actor.task.stack.borrow();
                let used = stack
                    .iter()
                    .chain(&actor.chosen)
                    .find(|address| is_in(address));
                assert!(
                    *keep || used.is_none(),
                    "{patch:x} is released, {used:x?} used"
                );
            }
        }
        self.released = released.len();
    }

    /// Empties all stacks, so that the transition ends and all patches can be disabled.
    fn finish(&mut self) {
        for number in 0..self.actors.len() {
            let actor = self.actor(number);
            actor.chosen = None;
            actor.task.stack.borrow_mut().clear();
            actor.task.running.set(false);
        }
        self.machine.kernel.traced.borrow_mut().clear();
        self.step(Step::Retry);
        assert!(
            self.model.transition.is_none(),
            "the transition does not end"
        );
        while let Some(patch) = self.model.settled.last().copied() {
            self.set_enabled(patch.handle, false);
            self.step(Step::Retry);
        }
        while self.machine.kernel.promote_delay.get().is_some() {
            self.step(Step::Promote);
        }
        assert!(self.machine.is_clean());
    }
}

fn run(steps: &[Step]) {
    failing::stop();
    let mut history = History::new();
    for &step in steps {
        history.step(step);
    }
    history.finish();
}

fn fails(steps: &[Step]) -> bool {
    catch_unwind(AssertUnwindSafe(|| run(steps))).is_err()
}

/// Removes all steps that are not needed for the failure.
fn shrink(mut steps: Vec<Step>) -> Vec<Step> {
    let mut size = steps.len() / 2;
    while size > 0 {
        let mut start = 0;
        while start < steps.len() {
            let mut fewer = steps.clone();
            fewer.drain(start..(start + size).min(steps.len()));
            if fails(&fewer) {
                steps = fewer;
            } else {
                start += size;
            }
        }
        size /= 2;
    }
    steps
}

/// Parses an environment variable.
fn number(variable: &str) -> Option<u64> {
    std::env::var(variable).ok()?.parse().ok()
}

#[test]
fn random_histories_keep_the_guarantees() {
    let count = number("KLP_HISTORIES").unwrap_or(if cfg!(miri) { 2 } else { 300 });
    let first = number("KLP_SEED").unwrap_or(1);
    let steps = if cfg!(miri) { 50 } else { 200 };
    let start = std::time::Instant::now();
    for seed in first..first + count {
        let mut random = Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
        let steps: Vec<_> = (0..steps).map(|_| Step::random(&mut random)).collect();
        if !fails(&steps) {
            continue;
        }
        let steps = shrink(steps);
        eprintln!("KLP_SEED={seed}: {steps:#?}");
        run(&steps);
        unreachable!("the shrunk history fails");
    }
    assert!(start.elapsed() < Duration::from_secs(600));
}
