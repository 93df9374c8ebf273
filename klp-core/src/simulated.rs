// SPDX-License-Identifier: GPL-2.0-only

//! A simulated kernel, for tests of the logic: functions are addresses, tasks have a list
//! of return addresses as their stack, and all calls are recorded.

use crate::context::Core;
use crate::errno::{Errno, Result, EAGAIN, EBUSY, EEXIST, ENODEV, ENOMEM};
use crate::fault::{self, Fault};
use crate::memory::{failing, Vec as KVec};
use crate::model::{Declared, DeclaredFunc, DeclaredObject, Patches};
use crate::name::Name;
use crate::platform::{
    Callbacks, Handles, Log, Modules, Ops, Stack, Symbols, Sysfs, Tasks, Tracing, TransitionEvent,
    Work,
};
use crate::published::Published;
use crate::snapshot::{GracePeriods, Locked, NoPreempt, Writer};
use crate::sync::RaceCheck;
use crate::types::{Blocker, Direction, PatchState, Site, Target, TextRange};
use core::ops::ControlFlow;
#[cfg(loom)]
use loom::sync::{
    atomic::{AtomicBool, AtomicI32, AtomicUsize, Ordering},
    Mutex,
};
use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::ffi::{CStr, CString};
use std::fmt;
use std::rc::Rc;
#[cfg(not(loom))]
use std::sync::{
    atomic::{AtomicBool, AtomicI32, AtomicUsize, Ordering},
    Mutex,
};
use std::time::Duration;

/// Size of each function.
pub const SIZE: usize = 0x100;
/// The offset of a function's patch site.
const SITE: usize = 4;

/// A function that is never called.
const IDLE: usize = 0xf_0000;

/// The patch site of `function`.
pub fn site_of(function: usize) -> Site {
    Site::new(function + SITE).expect("not zero")
}

/// The function of `site`.
fn function_at(site: Site) -> usize {
    site.address() - SITE
}

/// A task.
#[derive(Debug)]
pub struct Task {
    pub pid: i32,
    state: AtomicI32,
    /// Its `TIF_PATCH_PENDING`.
    pending: AtomicBool,
    /// Held while the task must neither sleep nor wake up.
    run_queue: Mutex<()>,
    /// The return addresses on its stack, while it sleeps.
    pub stack: RefCell<Vec<usize>>,
    pub running: Cell<bool>,
    pub unreliable: Cell<bool>,
    pub signals: Cell<usize>,
    pub kicks: Cell<usize>,
    /// How often it was woken from its idle loop.
    pub wakes: Cell<usize>,
    /// The thread that runs this task, where tasks run concurrently with the core.
    #[cfg(loom)]
    pub thread: Cell<Option<loom::thread::ThreadId>>,
    /// The function that it was created to run, if it is a kernel thread.
    pub thread_function: Cell<Option<usize>>,
    /// Its number among the tasks forked concurrently with the core; zero for others.
    birth: Cell<usize>,
    /// The CPU whose idle task it is, and whether that is online.
    idles: Option<(u32, bool)>,
}

impl Task {
    /// Is it the calling task?
    #[cfg(loom)]
    fn is_current(&self) -> bool {
        self.thread.get() == Some(loom::thread::current().id())
    }

    #[cfg(not(loom))]
    fn is_current(&self) -> bool {
        false
    }
}

/// The simulated kernel.
#[derive(Debug, Default)]
pub struct Kernel {
    vmlinux: RefCell<Vec<(CString, usize)>>,
    modules: RefCell<BTreeMap<CString, Module>>,
    pub untraceable: RefCell<BTreeSet<usize>>,
    /// Functions that something else redirects.
    pub redirected_by_others: RefCell<BTreeSet<usize>>,
    /// The sites in the filter of the shared ops.
    pub attached: RefCell<BTreeSet<Site>>,
    is_shared_registered: Cell<bool>,
    guards: RefCell<[Guard; 2]>,
    dedicated: RefCell<BTreeMap<usize, DedicatedOps>>,
    /// The sites with registered dedicated ops, and their targets.
    pub dedicated_targets: RefCell<BTreeMap<Site, Target>>,
    /// Sites with a redirect, while the worker moves them.
    settled: RefCell<Option<BTreeSet<Site>>>,
    /// How many more times another ftrace user that has to be notified is busy.
    pub busy: Cell<usize>,
    /// How many more dedicated ops are refused for another reason.
    pub refusals: Cell<usize>,
    /// How many more times sites can be removed from a filter.
    pub filter_memory: Cell<usize>,
    /// Functions with a direct call (BPF trampoline), and whether it can be shared.
    pub direct_calls: RefCell<BTreeMap<usize, bool>>,
    /// Functions that tracers and probes are attached to.
    pub traced: RefCell<BTreeSet<usize>>,
    /// Registered ops, from the oldest to the newest. ftrace calls the newest first.
    registered: RefCell<Vec<Registered>>,
    /// A user that redirects calls without IPMODIFY.
    override_user: Cell<Option<OverrideUser>>,
    /// A direct call that will be attached.
    next_direct_call: Cell<Option<DirectCall>>,
    /// Functions with a direct call whose owner knows that calls are redirected.
    notified: RefCell<BTreeSet<usize>>,
    /// The sites that could not be removed from the filter of the shared ops.
    leftovers: RefCell<BTreeSet<Site>>,
    pub is_ftrace_dead: Cell<bool>,
    pub max_jumps: Cell<usize>,
    pub promote_delay: Cell<Option<Duration>>,
    /// How many more times there is memory for guards and dedicated ops.
    pub memory: Cell<usize>,
    pub text_changes: Cell<usize>,
    pub grace_periods: Cell<usize>,
    /// Grace periods while the patch list has a patch in transition.
    pub grace_periods_in_transition: Cell<usize>,
    /// Symbols whose size kallsyms does not know.
    pub unsized_symbols: RefCell<BTreeSet<usize>>,
    /// Objects with a `post_unpatch` callback only.
    pub with_post_unpatch: RefCell<BTreeSet<usize>>,
    pub tasks: RefCell<Vec<std::rc::Rc<Task>>>,
    /// Held while no task may fork or exit.
    pub task_list: Mutex<()>,
    /// The last state that was reported to code outside of the core.
    pub shown_target: Cell<Option<PatchState>>,
    /// How many tasks were forked concurrently with the core. As with `list_add_tail_rcu()`, a reader that sees the
    /// number sees the task.
    births: AtomicUsize,
    pub watching: Cell<bool>,
    /// Set while a stack is checked, so its task cannot run.
    holds_task: Cell<bool>,
    records_exits: Cell<bool>,
    pub waits_for_exits: Cell<usize>,
    pub signal_delay: Cell<Duration>,
    pub deadline: Cell<Option<Duration>>,
    pub retry: Cell<Option<Duration>>,
    pub log: RefCell<Vec<String>>,
    /// The paths in sysfs.
    pub sysfs: RefCell<BTreeSet<String>>,
    names: RefCell<BTreeMap<(char, usize), String>>,
    next_dynamic: Cell<usize>,
    pub released: RefCell<Vec<(usize, bool)>>,
    /// How many references the core has to the modules of patches.
    pub module_references: RefCell<BTreeMap<usize, usize>>,
    /// Patches whose callbacks can see that they were forced.
    pub forced: RefCell<Vec<usize>>,
    pub relocated: RefCell<BTreeSet<String>>,
    pub failing_callbacks: RefCell<BTreeSet<usize>>,
    pub with_callbacks: RefCell<BTreeSet<usize>>,
    pub states: RefCell<BTreeMap<usize, Vec<(usize, u32)>>>,
    /// The fields of functions that C code reads.
    pub funcs: RefCell<BTreeMap<usize, SeenFunc>>,
    pub patch_list: RefCell<(Vec<usize>, Option<usize>)>,
    /// A lock for each CPU that runs concurrently with the core; held by its sections without preemption.
    cpus: RefCell<Vec<Mutex<()>>>,
    /// The text of the patches' modules.
    pub(crate) text: RaceCheck,
}

/// The fields of a `struct klp_func` that C code reads.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct SeenFunc {
    /// The function and its replacement, when they are known.
    pub text: Option<(TextRange, TextRange)>,
    pub patched: bool,
    pub in_transition: bool,
}

/// A registered ops.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Registered {
    Own(Ops<usize>),
    OverrideUser,
}

/// A user that redirects calls of a function without IPMODIFY, as a kprobe does.
#[derive(Clone, Copy, Debug)]
struct OverrideUser {
    function: usize,
    /// How many more operations of ftrace precede its registration, with another function.
    registers_in: usize,
    /// How many more precede the addition of the function to its filter.
    attaches_in: usize,
}

/// Another ftrace user that appears after a number of operations of ftrace.
#[derive(Clone, Copy, Debug)]
struct DirectCall {
    function: usize,
    attaches_in: usize,
}

/// A guard ops.
#[derive(Debug, Default)]
struct Guard {
    sites: BTreeSet<Site>,
    is_registered: bool,
}

/// A dedicated ops.
#[derive(Debug)]
struct DedicatedOps {
    site: Site,
    target: Target,
    /// Does it have IPMODIFY?
    redirects: bool,
    is_registered: bool,
}

#[derive(Debug)]
struct Module {
    symbols: Vec<(CString, usize)>,
    alive: bool,
    text: TextRange,
}

impl Handles for Kernel {
    type Patch = usize;
    type Object = usize;
    type Func = usize;
    type Module = usize;
    type Task = Task;
}

impl Kernel {
    pub fn state_of(&self, task: &Task) -> PatchState {
        self.state(task)
    }

    /// Adds a CPU for [`Kernel::without_preemption`]. Returns its number.
    #[cfg(loom)]
    pub fn add_cpu(&self) -> usize {
        self.cpus.borrow_mut().push(Mutex::new(()));
        self.cpus.borrow().len() - 1
    }

    /// Calls `section` on that CPU.
    #[cfg(loom)]
    pub fn without_preemption<R>(
        &self,
        cpu: usize,
        section: impl FnOnce(&NoPreempt<'_>) -> R,
    ) -> R {
        let cpus = self.cpus.borrow();
        let _on = cpus[cpu].lock().expect("no thread panicked");
        // SAFETY: `wait_for_cpus` waits for the lock.
        section(&unsafe { NoPreempt::new() })
    }

    /// Adds a task that was forked concurrently with the core. The task list is locked.
    #[cfg(loom)]
    pub fn add_child(&self, child: &Rc<Task>) {
        let birth = self.births.load(Ordering::Relaxed) + 1;
        child.birth.set(birth);
        self.tasks.borrow_mut().push(child.clone());
        self.births.store(birth, Ordering::Release);
    }

    /// Makes the task sleep, or wakes it.
    #[cfg(loom)]
    pub fn set_running(&self, task: &Task, running: bool) {
        let _held = task.run_queue.lock().expect("no thread panicked");
        task.running.set(running);
    }

    /// Registers a user that redirects calls of `function` without IPMODIFY after that many operations of ftrace, and
    /// adds the function to its filter after that many more.
    pub fn override_after(&self, function: usize, registers_in: usize, attaches_in: usize) {
        self.override_user.set(Some(OverrideUser {
            function,
            registers_in,
            attaches_in,
        }));
    }

    /// Is that user registered?
    pub fn has_override(&self) -> bool {
        let registered = self.registered.borrow();
        registered.contains(&Registered::OverrideUser)
    }

    /// The function that it redirects.
    fn overridden(&self) -> Option<usize> {
        let user = self.override_user.get()?;
        (self.has_override() && user.attaches_in == 0).then_some(user.function)
    }

    /// Does its remaining steps.
    pub fn finish_override(&self) {
        while self.override_user.get().is_some() && self.overridden().is_none() {
            self.step();
        }
        self.check_precedence();
    }

    /// Unregisters that user.
    pub fn end_override(&self) {
        self.override_user.set(None);
        self.forget_registered(Registered::OverrideUser);
    }

    /// Attaches a direct call to `function` after that many operations of ftrace.
    pub fn direct_call_after(&self, function: usize, attaches_in: usize) {
        self.next_direct_call.set(Some(DirectCall {
            function,
            attaches_in,
        }));
    }

    /// Detaches all direct calls.
    pub fn end_direct_calls(&self) {
        self.next_direct_call.set(None);
        self.direct_calls.borrow_mut().clear();
    }

    /// Does the owner of the direct call at `function` know that calls are redirected?
    pub fn is_notified(&self, function: usize) -> bool {
        self.notified.borrow().contains(&function)
    }

    /// Is an ops with IPMODIFY at `site`?
    fn has_ipmodify(&self, site: Site) -> bool {
        let is_shared = self.is_shared_registered.get() && self.attached.borrow().contains(&site);
        let made = self.dedicated.borrow();
        let mut dedicated = made.values();
        is_shared || dedicated.any(|ops| ops.is_registered && ops.redirects && ops.site == site)
    }

    /// Notifies the owner of a direct call at `site`.
    fn notify(&self, site: Site, is_redirected: bool) {
        let function = function_at(site);
        if is_redirected && self.direct_calls.borrow().contains_key(&function) {
            self.notified.borrow_mut().insert(function);
        } else {
            self.notified.borrow_mut().remove(&function);
        }
    }

    fn log_line(&self, line: impl fmt::Display) {
        // The console may wake a task.
        assert!(!self.holds_task.get(), "logged under a task's lock: {line}");
        self.log.borrow_mut().push(line.to_string());
    }
}

impl Log for Kernel {
    fn notice(&self, line: fmt::Arguments<'_>) {
        self.log_line(line);
    }

    fn warn(&self, line: fmt::Arguments<'_>) {
        self.log_line(line);
    }

    fn error(&self, line: fmt::Arguments<'_>) {
        self.log_line(line);
    }

    fn debug(&self, event: TransitionEvent<'_>) {
        match event {
            TransitionEvent::Initializing(patch, direction) => self.log_line(format_args!(
                "'{patch}': initializing {} transition",
                direction.name()
            )),
            TransitionEvent::Canceling(patch) => {
                self.log_line(format_args!(
                    "'{patch}': canceling patching transition, going to unpatch"
                ));
            }
            TransitionEvent::Completing(patch, direction) => self.log_line(format_args!(
                "'{patch}': completing {} transition",
                direction.name()
            )),
            TransitionEvent::Reversing(patch, direction) => self.log_line(format_args!(
                "'{patch}': reversing transition from {} to {}",
                direction.name(),
                direction.reversed().name()
            )),
        }
    }

    fn blocked(&self, _task: &Task, _why: Blocker, _function: Option<&Name>) {}

    fn held_up(&self, task: &Task, _why: Blocker, function: Option<&Name>) {
        let name = function.map_or_else(String::new, ToString::to_string);
        self.log_line(format_args!("{} held it up: {name}", task.pid));
    }

    fn bug(&self, what: &'static CStr) {
        panic!("bug of the core: {what:?}");
    }
}

impl Symbols for Kernel {
    fn in_vmlinux<F>(&self, name: &CStr, mut each: F)
    where
        F: FnMut(usize) -> ControlFlow<()>,
    {
        for (symbol, address) in self.vmlinux.borrow().iter() {
            if symbol.as_c_str() == name && each(*address).is_break() {
                return;
            }
        }
    }

    fn in_module<F>(&self, module: &CStr, mut each: F)
    where
        F: FnMut(&CStr, usize) -> ControlFlow<()>,
    {
        if let Some(module) = self.modules.borrow().get(module) {
            for (symbol, address) in &module.symbols {
                if each(symbol, *address).is_break() {
                    return;
                }
            }
        }
    }

    fn size(&self, address: usize) -> Option<usize> {
        (!self.unsized_symbols.borrow().contains(&address)).then_some(SIZE)
    }
}

impl Tracing for Kernel {
    const CALL_SIZE: usize = 5;

    type Dedicated = usize;

    fn site(&self, function: TextRange) -> Option<Site> {
        let site = site_of(function.start);
        let is_traced = function.start != 0 && !self.untraceable.borrow().contains(&function.start);
        (is_traced && function.contains(site.address())).then_some(site)
    }

    fn has_direct_call(&self, site: Site) -> bool {
        self.direct_calls.borrow().contains_key(&function_at(site))
    }

    fn max_jumps(&self) -> usize {
        self.max_jumps.get()
    }

    fn is_exclusive(&self, site: Site) -> bool {
        let function = function_at(site);
        let is_overridden = self.overridden() == Some(function);
        self.step();
        self.attached.borrow().contains(&site)
            && !is_overridden
            && !self.direct_calls.borrow().contains_key(&function)
            && !self.traced.borrow().contains(&function)
    }

    fn idle_site(&self) -> Option<Site> {
        Some(site_of(IDLE))
    }

    fn has_others_since(&self, ops: Ops<usize>, _lock: &Locked<'_>) -> bool {
        let registered = self.registered.borrow();
        let mut since = registered.iter().rev();
        let found = since
            .find(|other| **other == Registered::OverrideUser || **other == Registered::Own(ops));
        *found.expect("a registered ops") == Registered::OverrideUser
    }

    fn add_sites(&self, ops: Ops<usize>, sites: &[Site], _lock: &Locked<'_>) -> Result {
        assert!(
            !sites.is_empty(),
            "an ops without sites traces all functions"
        );
        match ops {
            Ops::Shared => {
                // A registered ops is not changed when sites are refused.
                if self.is_shared_registered.get() {
                    self.take_memory()?;
                    self.refuse_redirected(sites)?;
                    self.text_changes.set(self.text_changes.get() + 1);
                }
                for site in sites {
                    let is_new = self.attached.borrow_mut().insert(*site);
                    let is_leftover = self.leftovers.borrow_mut().remove(site);
                    assert!(is_new || is_leftover, "attached twice");
                }
            }
            Ops::Guard(guard) => {
                self.take_memory()?;
                let mut guards = self.guards.borrow_mut();
                let guard = &mut guards[guard];
                assert_eq!(guard.is_registered, !guard.sites.is_empty());
                guard.sites.extend(sites);
                if guard.is_registered {
                    self.text_changes.set(self.text_changes.get() + 1);
                }
            }
            Ops::Dedicated(_) => panic!("a dedicated ops is made with its site"),
        }
        self.step();
        Ok(())
    }

    fn remove_sites(&self, ops: Ops<usize>, sites: &[Site], _lock: &Locked<'_>) -> Result {
        assert_eq!(ops, Ops::Shared, "only the shared ops removes single sites");
        let Some(left) = self.filter_memory.get().checked_sub(1) else {
            self.leftovers.borrow_mut().extend(sites);
            return Err(ENOMEM);
        };
        self.filter_memory.set(left);
        let before = self.handled_sites();
        for site in sites {
            assert!(self.attached.borrow_mut().remove(site), "was not attached");
        }
        if self.is_shared_registered.get() {
            assert!(
                !self.attached.borrow().is_empty(),
                "an ops without sites traces all functions"
            );
            self.text_changes.set(self.text_changes.get() + 1);
        }
        self.check_sites(&before);
        Ok(())
    }

    fn clear_sites(&self, ops: Ops<usize>, _lock: &Locked<'_>) {
        match ops {
            Ops::Shared => {
                assert!(!self.is_shared_registered.get());
                self.attached.borrow_mut().clear();
                self.leftovers.borrow_mut().clear();
            }
            Ops::Guard(guard) => {
                let guard = &mut self.guards.borrow_mut()[guard];
                assert!(!guard.is_registered);
                guard.sites.clear();
            }
            Ops::Dedicated(_) => panic!("a dedicated ops is freed as a whole"),
        }
    }

    fn register(&self, ops: Ops<usize>, _lock: &Locked<'_>) -> Result {
        if self.is_ftrace_dead.get() {
            return Err(ENODEV);
        }
        if let Some(left) = self.busy.get().checked_sub(1) {
            self.busy.set(left);
            return Err(EAGAIN);
        }
        let before = self.handled_sites();
        match ops {
            Ops::Shared => {
                let sites = Vec::from_iter(self.attached.borrow().iter().copied());
                assert!(
                    !sites.is_empty(),
                    "an ops without sites traces all functions"
                );
                self.refuse_redirected(&sites)?;
                assert!(!self.is_shared_registered.replace(true));
            }
            Ops::Guard(guard) => {
                let guard = &mut self.guards.borrow_mut()[guard];
                assert!(
                    !guard.sites.is_empty(),
                    "an ops without sites traces all functions"
                );
                assert!(!std::mem::replace(&mut guard.is_registered, true));
            }
            Ops::Dedicated(ops) => {
                let is_shared = self.is_shared_registered.get();
                let mut made = self.dedicated.borrow_mut();
                let ops = made.get_mut(&ops).expect("an allocated ops");
                let is_attached = is_shared && self.attached.borrow().contains(&ops.site);
                assert!(!is_attached, "two ops of the core with IPMODIFY");
                if let Some(left) = self.refusals.get().checked_sub(1) {
                    self.refusals.set(left);
                    return Err(ENOMEM);
                }
                let function = function_at(ops.site);
                let is_refused = self.direct_calls.borrow().get(&function) == Some(&false);
                if ops.redirects
                    && (is_refused || self.redirected_by_others.borrow().contains(&function))
                {
                    return Err(EBUSY);
                }
                assert!(!std::mem::replace(&mut ops.is_registered, true));
                if ops.redirects {
                    self.notify(ops.site, true);
                }
                let other = self
                    .dedicated_targets
                    .borrow_mut()
                    .insert(ops.site, ops.target);
                assert_eq!(other, None, "a second dedicated ops for a site");
            }
        }
        self.registered.borrow_mut().push(Registered::Own(ops));
        self.text_changes.set(self.text_changes.get() + 1);
        self.check_sites(&before);
        Ok(())
    }

    fn unregister(&self, ops: Ops<usize>, _lock: &Locked<'_>) -> Result {
        if self.is_ftrace_dead.get() {
            return Err(ENODEV);
        }
        let before = self.handled_sites();
        match ops {
            Ops::Shared => assert!(self.is_shared_registered.replace(false)),
            Ops::Guard(guard) => {
                let guard = &mut self.guards.borrow_mut()[guard];
                assert!(std::mem::replace(&mut guard.is_registered, false));
            }
            Ops::Dedicated(ops) => {
                let mut made = self.dedicated.borrow_mut();
                let ops = made.get_mut(&ops).expect("an allocated ops");
                assert!(std::mem::replace(&mut ops.is_registered, false));
                self.notify(ops.site, false);
                self.dedicated_targets.borrow_mut().remove(&ops.site);
            }
        }
        self.forget_registered(Registered::Own(ops));
        self.text_changes.set(self.text_changes.get() + 1);
        self.check_sites(&before);
        Ok(())
    }

    fn new_dedicated(&self, site: Site, _lock: &Locked<'_>) -> Result<usize> {
        self.take_memory()?;
        let ops = self.dynamic();
        self.dedicated.borrow_mut().insert(
            ops,
            DedicatedOps {
                site,
                target: Target::Original,
                redirects: true,
                is_registered: false,
            },
        );
        Ok(ops)
    }

    fn free_dedicated(&self, ops: usize, _lock: &Locked<'_>) {
        let ops = self
            .dedicated
            .borrow_mut()
            .remove(&ops)
            .expect("an ops that is not freed yet");
        assert!(!ops.is_registered, "ftrace still has it");
    }

    fn set_target(&self, ops: usize, target: Target, _lock: &Locked<'_>) {
        {
            let mut made = self.dedicated.borrow_mut();
            let ops = made.get_mut(&ops).expect("an allocated ops");
            ops.target = target;
            if ops.is_registered {
                let guards = self.guards.borrow();
                let is_guard =
                    |guard: &Guard| guard.is_registered && guard.sites.contains(&ops.site);
                assert!(
                    guards.iter().any(is_guard),
                    "ftrace finds what it has not written"
                );
                self.dedicated_targets.borrow_mut().insert(ops.site, target);
            }
        }
    }

    fn share_redirection(&self, ops: usize, _lock: &Locked<'_>) {
        let mut made = self.dedicated.borrow_mut();
        let ops = made.get_mut(&ops).expect("an allocated ops");
        assert!(!ops.is_registered);
        ops.redirects = false;
    }
}

impl Kernel {
    fn take_memory(&self) -> Result {
        let left = self.memory.get().checked_sub(1).ok_or(ENOMEM)?;
        self.memory.set(left);
        Ok(())
    }

    fn refuse_redirected(&self, sites: &[Site]) -> Result {
        let taken = self.redirected_by_others.borrow();
        let is_taken = |site: &Site| taken.contains(&function_at(*site));
        match sites.iter().any(is_taken) {
            true => Err(EBUSY),
            false => Ok(()),
        }
    }

    /// The sites where calls go through the handler or to the replacement.
    fn handled_sites(&self) -> BTreeSet<Site> {
        let mut covered = BTreeSet::new();
        if self.is_shared_registered.get() {
            covered.extend(self.attached.borrow().iter());
        }
        for guard in self
            .guards
            .borrow()
            .iter()
            .filter(|guard| guard.is_registered)
        {
            covered.extend(&guard.sites);
        }
        let made = self.dedicated.borrow();
        covered.extend(
            made.values()
                .filter(|ops| ops.is_registered)
                .map(|ops| ops.site),
        );
        covered
    }

    /// Checks that no settled site is without the handler while it moves from one ops to another.
    fn check_sites(&self, before: &BTreeSet<Site>) {
        if let Some(patched) = &*self.settled.borrow() {
            let now = self.handled_sites();
            let lost = before.difference(&now).find(|site| patched.contains(site));
            assert_eq!(lost, None, "a patched site is without the handler");
        }
        self.step();
    }

    /// Ends an operation of ftrace: others may do something now.
    fn step(&self) {
        self.check_precedence();
        if let Some(mut call) = self.next_direct_call.get() {
            let left = call.attaches_in.checked_sub(1);
            call.attaches_in = left.unwrap_or_default();
            self.next_direct_call.set(left.map(|_| call));
            if left.is_none() {
                self.direct_calls.borrow_mut().insert(call.function, true);
                let site = site_of(call.function);
                self.notify(site, self.has_ipmodify(site));
            }
        }
        let Some(mut user) = self.override_user.get() else {
            return;
        };
        if let Some(left) = user.registers_in.checked_sub(1) {
            user.registers_in = left;
        } else {
            if !self.has_override() {
                self.registered.borrow_mut().push(Registered::OverrideUser);
            }
            user.attaches_in = user.attaches_in.saturating_sub(1);
        }
        self.override_user.set(Some(user));
    }

    /// Checks that the patch takes precedence over the user that redirects its function: of the ops at a site,
    /// ftrace calls the oldest last.
    fn check_precedence(&self) {
        let Some(site) = self.overridden().map(site_of) else {
            return;
        };
        let is_at_site = |ops: &Registered| match ops {
            Registered::Own(Ops::Shared) => self.attached.borrow().contains(&site),
            Registered::Own(Ops::Guard(guard)) => {
                self.guards.borrow()[*guard].sites.contains(&site)
            }
            Registered::Own(Ops::Dedicated(ops)) => {
                let made = self.dedicated.borrow();
                made.get(ops).is_some_and(|ops| ops.site == site)
            }
            Registered::OverrideUser => true,
        };
        let registered = self.registered.borrow();
        assert_ne!(
            registered.iter().find(|ops| is_at_site(ops)),
            Some(&Registered::OverrideUser),
            "another ftrace user takes precedence over a patch"
        );
    }

    fn forget_registered(&self, ops: Registered) {
        self.registered.borrow_mut().retain(|other| *other != ops);
    }
}

impl Tasks for Kernel {
    fn for_each_task<F: FnMut(&Task)>(&self, mut each: F) {
        let _held = self.task_list.lock().expect("no thread panicked");
        for task in self
            .tasks
            .borrow()
            .iter()
            .filter(|task| task.idles.is_none())
        {
            each(task);
        }
    }

    // Misses tasks that are forked meanwhile.
    fn visit_tasks<F: FnMut(&Task)>(&self, mut each: F) {
        let births = self.births.load(Ordering::Acquire);
        let tasks = self.tasks.borrow().clone();
        let is_met = |task: &&Rc<Task>| task.idles.is_none() && task.birth.get() <= births;
        for task in tasks.iter().filter(is_met) {
            each(task);
        }
    }

    fn record_exits(&self) {
        self.records_exits.set(true);
    }

    fn wait_for_unrecorded_exits(&self) {
        assert!(self.records_exits.get());
        assert!(
            self.patch_list.borrow().1.is_some(),
            "the transition already shows as ended"
        );
        self.waits_for_exits.set(self.waits_for_exits.get() + 1);
    }

    fn for_each_idle_task<F: FnMut(&Task, Option<u32>)>(&self, mut each: F) {
        for task in self.tasks.borrow().iter() {
            if let Some((cpu, online)) = task.idles {
                each(task, online.then_some(cpu));
            }
        }
    }

    // All relaxed, as in the kernel. There `test_and_clear_bit()` orders memory, but the core does not rely
    // on it.
    fn state(&self, task: &Task) -> PatchState {
        PatchState::from_c(task.state.load(Ordering::Relaxed))
    }

    fn set_state(&self, task: &Task, state: PatchState) {
        task.state.store(state.to_c(), Ordering::Relaxed);
    }

    fn show_target(&self, target: PatchState) {
        self.shown_target.set(Some(target));
    }

    fn is_pending(&self, task: &Task) -> bool {
        task.pending.load(Ordering::Relaxed)
    }

    fn set_pending(&self, task: &Task) {
        task.pending.fetch_or(true, Ordering::Relaxed);
    }

    fn clear_pending(&self, task: &Task) -> bool {
        task.pending.swap(false, Ordering::Relaxed)
    }

    fn with_stack<F: FnMut(Stack<'_>)>(&self, task: &Task, mut look: F) {
        if task.is_current() {
            return look(Stack::Known(&task.stack.borrow()));
        }
        let _held = task.run_queue.lock().expect("no thread panicked");
        self.holds_task.set(true);
        if task.running.get() && !fault::is_injected(Fault::StackOfRunningTask) {
            look(Stack::Running);
        } else if task.unreliable.get() {
            look(Stack::Unreliable);
        } else {
            look(Stack::Known(&task.stack.borrow()));
        }
        self.holds_task.set(false);
    }

    fn thread_function(&self, task: &Task) -> Option<usize> {
        task.thread_function.get()
    }

    fn kick(&self, task: &Task) {
        task.kicks.set(task.kicks.get() + 1);
    }

    fn signal(&self, task: &Task) {
        task.signals.set(task.signals.get() + 1);
    }

    fn signal_delay(&self) -> Duration {
        self.signal_delay.get()
    }

    fn deadline(&self) -> Option<Duration> {
        self.deadline.get()
    }

    fn wake_idle(&self, cpu: u32) {
        for task in self.tasks.borrow().iter() {
            if task.idles == Some((cpu, true)) {
                task.wakes.set(task.wakes.get() + 1);
            }
        }
    }

    fn watch_scheduler(&self, on: bool) {
        self.watching.set(on);
    }

    fn has_reliable_stacks(&self) -> bool {
        true
    }
}

impl Modules for Kernel {
    const NAME_LEN: usize = 56;

    fn find(&self, name: &CStr) -> Option<usize> {
        let modules = self.modules.borrow();
        let module = modules.get(name)?;
        module.alive.then_some(module.text.start)
    }

    fn try_get_module(&self, patch: usize) -> bool {
        *self
            .module_references
            .borrow_mut()
            .entry(patch)
            .or_default() += 1;
        true
    }

    fn put_module(&self, patch: usize) {
        let mut references = self.module_references.borrow_mut();
        let count = references.get_mut(&patch).expect("a reference");
        *count = count.checked_sub(1).expect("a reference");
    }

    fn module(&self, patch: usize) -> usize {
        patch
    }

    fn text(&self, module: usize) -> TextRange {
        let modules = self.modules.borrow();
        let found = modules.values().find(|other| other.text.start == module);
        found.map_or(
            TextRange {
                start: module,
                size: 0x1_0000,
            },
            |module| module.text,
        )
    }

    fn relocate(&self, patch: usize, object: &CStr) -> Result {
        let new = self
            .relocated
            .borrow_mut()
            .insert(format!("{patch:x}/{}", object.to_string_lossy()));
        assert!(new, "relocated twice");
        Ok(())
    }

    fn clear_relocations(&self, patch: usize, object: &CStr) {
        let was = self
            .relocated
            .borrow_mut()
            .remove(&format!("{patch:x}/{}", object.to_string_lossy()));
        assert!(was, "not relocated");
    }
}

impl Callbacks for Kernel {
    fn has_pre_patch(&self, object: usize) -> bool {
        self.with_callbacks.borrow().contains(&object)
    }

    fn pre_patch(&self, object: usize) -> Result {
        if self.has_pre_patch(object) {
            self.log_line(format_args!(
                "pre_patch {}",
                self.names.borrow()[&('o', object)]
            ));
        }
        match self.failing_callbacks.borrow().contains(&object) {
            true => Err(EBUSY),
            false => Ok(()),
        }
    }

    fn post_patch(&self, object: usize) {
        if self.has_pre_patch(object) {
            self.log_line(format_args!(
                "post_patch {}",
                self.names.borrow()[&('o', object)]
            ));
        }
    }

    fn pre_unpatch(&self, object: usize) {
        if self.has_pre_patch(object) {
            self.log_line(format_args!(
                "pre_unpatch {}",
                self.names.borrow()[&('o', object)]
            ));
        }
    }

    fn post_unpatch(&self, object: usize) {
        if self.has_pre_patch(object) || self.with_post_unpatch.borrow().contains(&object) {
            self.log_line(format_args!(
                "post_unpatch {}",
                self.names.borrow()[&('o', object)]
            ));
        }
    }
}

impl Kernel {
    fn show(&self, kind: char, handle: usize, path: String) -> Result {
        if !self.sysfs.borrow_mut().insert(path.clone()) {
            return Err(EEXIST);
        }
        self.names.borrow_mut().insert((kind, handle), path);
        Ok(())
    }

    fn hide(&self, kind: char, handle: usize) {
        if let Some(path) = self.names.borrow_mut().remove(&(kind, handle)) {
            assert!(self.sysfs.borrow_mut().remove(&path));
        }
    }

    /// Forgets the relocations in a patch's module, which is unloaded.
    fn forget_relocations(&self, patch: usize) {
        let own = format!("{patch:x}/");
        self.relocated
            .borrow_mut()
            .retain(|relocated| !relocated.starts_with(&own));
    }

    fn dynamic(&self) -> usize {
        self.next_dynamic.set(self.next_dynamic.get() + 1);
        0xd000_0000 + self.next_dynamic.get()
    }
}

impl Sysfs for Kernel {
    fn init_patch(&self, _patch: usize) {}

    fn add_patch(&self, patch: usize) -> Result {
        self.show('p', patch, format!("{patch:x}"))
    }

    fn add_object(&self, patch: usize, object: usize, name: Option<&Name>) -> Result {
        let name = name.map_or_else(|| "vmlinux".to_owned(), ToString::to_string);
        self.show('o', object, format!("{patch:x}/{name}"))
    }

    fn add_func(&self, object: usize, func: usize, name: &Name, sympos: usize) -> Result {
        let object = self.names.borrow()[&('o', object)].clone();
        self.show('f', func, format!("{object}/{name},{sympos}"))
    }

    fn new_object(&self, _patch: usize, _name: Option<&Name>) -> Result<usize> {
        Ok(self.dynamic())
    }

    fn new_nop(&self, _object: usize, _name: &Name, _sympos: usize) -> Result<usize> {
        Ok(self.dynamic())
    }

    fn remove_object(&self, object: usize) {
        self.hide('o', object);
    }

    fn remove_func(&self, func: usize) {
        self.hide('f', func);
    }

    fn set_enabled(&self, _patch: usize, _enabled: bool) {}
    fn set_forced(&self, patch: usize) {
        self.forced.borrow_mut().push(patch);
    }
    fn set_patched(&self, _object: usize, _patched: bool) {}
    fn set_module(&self, _object: usize, _module: Option<usize>) {}

    fn set_func_text(&self, func: usize, old: TextRange, new: TextRange) {
        self.funcs.borrow_mut().entry(func).or_default().text =
            (old.start != 0).then_some((old, new));
    }

    fn set_func_patched(&self, func: usize, patched: bool) {
        self.funcs.borrow_mut().entry(func).or_default().patched = patched;
    }

    fn set_func_transition(&self, func: usize, in_transition: bool) {
        self.funcs
            .borrow_mut()
            .entry(func)
            .or_default()
            .in_transition = in_transition;
    }

    fn states<F: FnMut(usize, u32)>(&self, patch: usize, mut each: F) {
        for (id, version) in self.states.borrow().get(&patch).into_iter().flatten() {
            each(*id, *version);
        }
    }

    fn patch_list_add(&self, patch: usize) {
        self.patch_list.borrow_mut().0.push(patch);
    }

    fn patch_list_remove(&self, patch: usize) {
        self.patch_list
            .borrow_mut()
            .0
            .retain(|other| *other != patch);
    }

    fn patch_list_set_transition(&self, patch: Option<usize>) {
        self.patch_list.borrow_mut().1 = patch;
    }
}

// SAFETY: sections without preemption hold the lock of their CPU; with one thread, none spans a call of this.
unsafe impl GracePeriods for Kernel {
    fn wait_for_cpus(&self, _lock: &Locked<'_>) {
        self.grace_periods.set(self.grace_periods.get() + 1);
        if self.patch_list.borrow().1.is_some() {
            self.grace_periods_in_transition
                .set(self.grace_periods_in_transition.get() + 1);
        }
        if fault::is_injected(Fault::NoGracePeriod(self.grace_periods.get())) {
            return;
        }
        // As work on each CPU runs between the sections there.
        for cpu in self.cpus.borrow().iter() {
            drop(cpu.lock().expect("no thread panicked"));
        }
    }
}

impl Work for Kernel {
    fn retry_in(&self, wait: Duration) {
        self.retry.set(Some(wait));
    }

    fn promote_in(&self, wait: Duration) {
        self.promote_delay.set(Some(wait));
    }

    fn release_later(&self, patch: usize, keep: bool) {
        self.hide('p', patch);
        self.forget_relocations(patch);
        self.text.writing();
        self.released.borrow_mut().push((patch, keep));
        if !keep {
            self.put_module(patch);
        }
    }
}

/// A simulated kernel with the core.
pub struct Machine {
    pub kernel: Rc<Kernel>,
    pub published: Rc<Published>,
    patches: Patches<Kernel>,
}

/// An object as a test declares it: its name, and functions as name, position and replacement.
pub type TestObject<'a> = (Option<&'a str>, &'a [(&'a str, usize, usize)]);

impl Machine {
    /// Makes a machine with two CPUs, one of them offline, and nothing else.
    #[allow(clippy::new_without_default)]
    pub fn new() -> Self {
        let kernel = Kernel::default();
        kernel.max_jumps.set(100);
        kernel.signal_delay.set(Duration::from_secs(15));
        kernel.memory.set(usize::MAX);
        kernel.filter_memory.set(usize::MAX);
        for (cpu, online) in [(0, true), (1, false)] {
            kernel
                .tasks
                .borrow_mut()
                .push(Self::task(0, Some((cpu, online))));
        }
        Self {
            kernel: Rc::new(kernel),
            published: Rc::new(Published::new()),
            // SAFETY: the writers are used with `published` only.
            patches: unsafe { Patches::new(Writer::new(), Writer::new()) },
        }
    }

    /// Makes a task that is not in the list yet.
    pub fn task(pid: i32, idles: Option<(u32, bool)>) -> std::rc::Rc<Task> {
        std::rc::Rc::new(Task {
            pid,
            state: AtomicI32::new(PatchState::Idle.to_c()),
            pending: AtomicBool::new(false),
            run_queue: Mutex::new(()),
            stack: RefCell::default(),
            running: Cell::new(false),
            unreliable: Cell::new(false),
            signals: Cell::new(0),
            kicks: Cell::new(0),
            wakes: Cell::new(0),
            #[cfg(loom)]
            thread: Cell::new(None),
            thread_function: Cell::new(None),
            birth: Cell::new(0),
            idles,
        })
    }

    /// Adds a sleeping task with these return addresses.
    pub fn sleeper(&self, stack: &[usize]) -> std::rc::Rc<Task> {
        let pid = i32::try_from(self.kernel.tasks.borrow().len()).expect("few tasks");
        let task = Self::task(pid, None);
        *task.stack.borrow_mut() = stack.to_vec();
        self.kernel.tasks.borrow_mut().push(task.clone());
        task
    }

    /// Adds a function of the kernel.
    pub fn function(&self, name: &str, address: usize) {
        let name = CString::new(name).expect("a name");
        self.kernel.vmlinux.borrow_mut().push((name, address));
    }

    /// Adds a module with functions, which is not loaded yet.
    pub fn module(&self, name: &str, functions: &[(&str, usize)]) {
        let addresses = || functions.iter().map(|(_, address)| *address);
        let start = addresses().min().expect("a function");
        let end = addresses().max().expect("a function");
        let symbols = functions
            .iter()
            .map(|(name, address)| (CString::new(*name).expect("a name"), *address))
            .collect();
        let module = Module {
            symbols,
            alive: false,
            text: TextRange {
                start,
                size: end - start + SIZE,
            },
        };
        self.kernel
            .modules
            .borrow_mut()
            .insert(CString::new(name).expect("a name"), module);
    }

    /// Loads the module.
    pub fn load(&mut self, name: &str) -> Result {
        let c_name = CString::new(name).expect("a name");
        self.set_alive(&c_name, true);
        let module = self.text_of(&c_name).start;
        let result = self.core().module_coming(module, &c_name);
        if result.is_err() {
            self.set_alive(&c_name, false);
        }
        result
    }

    /// Unloads the module.
    pub fn unload(&mut self, name: &str) {
        let c_name = CString::new(name).expect("a name");
        self.set_alive(&c_name, false);
        let text = self.text_of(&c_name);
        self.core().module_going(text.start, &c_name);
        // ftrace forgets the sites.
        let own = self.kernel.dedicated_targets.borrow();
        let attached = self.kernel.attached.borrow();
        let mut left = own.keys().chain(attached.iter());
        assert_eq!(left.find(|site| text.contains(site.address())), None);
    }

    fn text_of(&self, module: &CStr) -> TextRange {
        self.kernel.modules.borrow()[module].text
    }

    fn set_alive(&self, name: &CStr, alive: bool) {
        if let Some(module) = self.kernel.modules.borrow_mut().get_mut(name) {
            module.alive = alive;
        }
    }

    pub fn declare(
        handle: usize,
        objects: &[TestObject<'_>],
        replace: bool,
    ) -> Result<Declared<Kernel>> {
        let name = |name: &str| Name::new(&CString::new(name).expect("a name")).expect("memory");
        let mut declared = KVec::new();
        for (place, (object, functions)) in objects.iter().enumerate() {
            let mut funcs = KVec::new();
            for (at, (function, sympos, new_func)) in functions.iter().enumerate() {
                funcs.push(DeclaredFunc {
                    handle: handle + 0x100 * (place + 1) + at,
                    name: Some(name(function)),
                    sympos: *sympos,
                    immediate: false,
                    new_func: *new_func,
                })?;
            }
            declared.push(DeclaredObject {
                handle: handle + place,
                name: object.map(name),
                funcs,
            })?;
        }
        Ok(Declared {
            handle,
            name: name(&format!("{handle:x}")),
            replace,
            immediate: false,
            objects: declared,
        })
    }

    /// Enables a patch whose module is at `handle`, and switches the tasks.
    pub fn enable(&mut self, handle: usize, objects: &[TestObject<'_>], replace: bool) -> Result {
        let declared = failing::without(|| Self::declare(handle, objects, replace))?;
        self.enable_declared(declared)
    }

    /// The same for a patch with more properties.
    pub fn enable_declared(&mut self, declared: Declared<Kernel>) -> Result {
        let handle = declared.handle;
        let result = self.core().enable(declared);
        result.map_err(|refused| {
            if refused.needs_release {
                self.kernel.hide('p', handle);
                self.kernel.forget_relocations(handle);
                self.kernel.put_module(handle);
            }
            refused.errno
        })
    }

    /// Registers a patch whose module is at `handle`.
    pub fn register(&mut self, handle: usize, objects: &[TestObject<'_>]) -> Result {
        let declared = failing::without(|| Self::declare(handle, objects, false))?;
        let result = self.core().register(declared);
        result.map_err(|refused| {
            if refused.needs_release {
                self.kernel.hide('p', handle);
                self.kernel.forget_relocations(handle);
            }
            refused.errno
        })
    }

    /// Unregisters a patch, as its module's exit does.
    pub fn unregister(&mut self, handle: usize) -> Result {
        self.core().unregister(handle)?;
        self.kernel.hide('p', handle);
        self.kernel.forget_relocations(handle);
        Ok(())
    }

    /// The core, with its mutex held.
    pub fn core(&mut self) -> Core<'_, Kernel> {
        // SAFETY: `&mut self` is the mutex, and `new` made the writers for `published`.
        unsafe {
            let lock = Locked::new();
            Core::new(lock, &self.kernel, &self.published, &mut self.patches)
        }
    }

    /// Writes to `enabled`.
    pub fn set_enabled(&mut self, handle: usize, enabled: bool) -> Result {
        self.core().set_enabled(handle, enabled)
    }

    /// Runs the work that tries to complete a transition.
    pub fn retry(&mut self) {
        self.core().try_complete();
    }

    /// Runs the worker that makes sites jumps until it no longer schedules itself.
    pub fn promote(&mut self) {
        while self.kernel.promote_delay.get().is_some() {
            self.promote_once();
        }
    }

    /// Runs that worker once, if it is scheduled.
    pub fn promote_once(&mut self) {
        if self.kernel.promote_delay.take().is_some() {
            let redirects = &self.patches.redirects;
            let sites = redirects.sites(&self.published.redirects).collect();
            *self.kernel.settled.borrow_mut() = Some(sites);
            self.core().promote_to_jumps();
            *self.kernel.settled.borrow_mut() = None;
        }
    }

    /// The target of the jump at `function`, if there is one.
    pub fn jump(&self, function: usize) -> Option<usize> {
        match self
            .kernel
            .dedicated_targets
            .borrow()
            .get(&site_of(function))?
        {
            Target::Original => None,
            target => Some(target.to_c()),
        }
    }

    /// The target of a call of `function` by `task`; zero is the original.
    pub fn call(&self, task: &Task, function: usize) -> usize {
        self.jump(function)
            .unwrap_or_else(|| self.handler_target(task, function))
    }

    /// The target that the handler returns.
    pub fn handler_target(&self, task: &Task, function: usize) -> usize {
        let site = site_of(function);
        let is_own = self.kernel.dedicated_targets.borrow().contains_key(&site);
        if !is_own && !self.kernel.attached.borrow().contains(&site) {
            return 0;
        }
        // SAFETY: nothing preempts a test.
        let guard = unsafe { NoPreempt::new() };
        let target = self
            .published
            .redirect(&*self.kernel, site, &guard, || self.kernel.state(task));
        target.to_c()
    }

    /// The lines that were logged since the last call.
    pub fn log(&self) -> Vec<String> {
        self.kernel.log.take()
    }

    /// Is nothing left of any patch?
    pub fn is_clean(&self) -> bool {
        self.kernel.sysfs.borrow().is_empty()
            && self.kernel.attached.borrow().is_empty()
            && self.kernel.registered.borrow().is_empty()
            && self.kernel.dedicated_targets.borrow().is_empty()
            && self.kernel.dedicated.borrow().is_empty()
            && !self.kernel.is_shared_registered.get()
            && self.kernel.relocated.borrow().is_empty()
            && !self.kernel.watching.get()
            && self.kernel.patch_list.borrow().0.is_empty()
            && self.kernel.tasks.borrow().iter().all(|task| {
                self.kernel.state(task) == PatchState::Idle && !self.kernel.is_pending(task)
            })
    }
}

/// The error number that C returns, for short assertions.
pub fn code(result: Result) -> i32 {
    result.map_or_else(Errno::to_c, |()| 0)
}

/// The log lines of a whole transition.
pub fn transition_lines(patch: &str, direction: Direction) -> Vec<String> {
    let name = direction.name();
    vec![
        format!("'{patch}': initializing {name} transition"),
        format!("'{patch}': starting {name} transition"),
        format!("'{patch}': completing {name} transition"),
        format!("'{patch}': {name} complete"),
    ]
}
