// SPDX-License-Identifier: GPL-2.0-only

//! The interface of the livepatch core to the kernel.
//!
//! Each trait is one kernel service. The logic has handles of kernel objects
//! ([`Handles`]), which it can only compare and pass on. There are two platforms: the
//! kernel, and a simulated one for tests on the host.

use crate::errno::Result;
use crate::name::Name;
use crate::snapshot::{GracePeriods, Locked};
use crate::types::{Blocker, Direction, PatchState, Site, Target, TextRange};
use core::ffi::CStr;
use core::fmt;
use core::ops::ControlFlow;
use core::time::Duration;

/// All services.
pub trait Platform:
    Handles + Log + Symbols + Tracing + Tasks + Modules + Callbacks + Sysfs + Work + GracePeriods
{
}

impl<
        P: Handles
            + Log
            + Symbols
            + Tracing
            + Tasks
            + Modules
            + Callbacks
            + Sysfs
            + Work
            + GracePeriods,
    > Platform for P
{
}

/// Handles of the kernel's objects. They do not own the objects.
pub trait Handles {
    /// A patch: `struct klp_patch`, in the memory of its module.
    type Patch: Copy + Eq + fmt::Debug;
    /// The part of a patch for one object: `struct klp_object`.
    type Object: Copy + Eq + fmt::Debug;
    /// A replaced function: `struct klp_func`.
    type Func: Copy + Eq + fmt::Debug;
    /// A loaded module: `struct module`.
    type Module: Copy + Eq + fmt::Debug;
    /// A task, while it is kept from being freed.
    type Task;
}

/// The kernel's log. Each line gets the prefix `livepatch: ` and a newline.
pub trait Log: Handles {
    /// Logs an event for the operator.
    fn notice(&self, line: fmt::Arguments<'_>);
    /// Logs a failure.
    fn warn(&self, line: fmt::Arguments<'_>);
    /// Logs an error in a patch.
    fn error(&self, line: fmt::Arguments<'_>);
    /// Logs a step of a transition, if dynamic debug is on.
    fn debug(&self, event: TransitionEvent<'_>);
    /// Logs why a task has not switched, if dynamic debug is on. A separate function for dynamic debug, because there
    /// can be many such lines.
    fn blocked(&self, task: &Self::Task, why: Blocker, function: Option<&Name>);
    /// Logs why a task blocked a transition until its deadline, for the operator.
    fn held_up(&self, task: &Self::Task, why: Blocker, function: Option<&Name>);
    /// Reports a bug of the core, once for each call site, with a stack trace.
    fn bug(&self, what: &'static CStr);
}

/// A step of a transition that dynamic debug can log. Scripts turn the lines on and off by function and file, so they
/// are logged in functions and files of known names.
#[derive(Clone, Copy, Debug)]
pub enum TransitionEvent<'a> {
    /// Tasks are about to get their initial state.
    Initializing(&'a Name, Direction),
    /// Enabling failed before the transition began.
    Canceling(&'a Name),
    /// All tasks have switched.
    Completing(&'a Name, Direction),
    /// The transition in this direction is reversed.
    Reversing(&'a Name, Direction),
}

/// Symbols.
pub trait Symbols {
    /// Calls `each` with the address of each symbol of vmlinux that has this name, in the order of
    /// kallsyms.
    fn in_vmlinux<F>(&self, name: &CStr, each: F)
    where
        F: FnMut(usize) -> ControlFlow<()>;

    /// Calls `each` with name and address of each symbol of the module `module`, in the order of
    /// kallsyms.
    fn in_module<F>(&self, module: &CStr, each: F)
    where
        F: FnMut(&CStr, usize) -> ControlFlow<()>;

    /// The size of the function that starts at `address`.
    fn size(&self, address: usize) -> Option<usize>;
}

/// An `ftrace_ops` with the handler.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Ops<D> {
    /// The one that most sites share. Registered without a site, it would trace every function.
    Shared,
    /// One of two that keep the handler at sites while other ops change there. With one, ftrace uses no ops'
    /// own trampoline; with both, other ops are registered and unregistered without a change of the text.
    Guard(usize),
    /// The ops of a single site, which can be a jump.
    Dedicated(D),
}

/// Patch sites: the traced instructions in functions' entries, and the `ftrace_ops` attached to them. Changes need
/// the core's mutex. [`crate::ops`] describes their order.
pub trait Tracing {
    /// The length of the call at a site.
    const CALL_SIZE: usize;

    /// A dedicated ops, until it is freed.
    type Dedicated: Copy + Eq + fmt::Debug;

    /// The site in `function`, if it can be traced.
    fn site(&self, function: TextRange) -> Option<Site>;

    /// Is a direct call (a BPF trampoline) attached to `site`, whose owner has to be notified of a redirect?
    fn has_direct_call(&self, site: Site) -> bool;

    /// The maximum number of sites that are jumps.
    fn max_jumps(&self) -> usize;

    /// Is the shared ops the only ftrace user of `site`?
    fn is_exclusive(&self, site: Site) -> bool;

    /// A site whose function is never called: an ops has to have one.
    fn idle_site(&self) -> Option<Site>;

    /// Has another ftrace user registered an ops after this registered one? Ops of direct calls do not count,
    /// because they do not redirect calls of patched functions.
    fn has_others_since(&self, ops: Ops<Self::Dedicated>, lock: &Locked<'_>) -> bool;

    /// Adds `sites` to those of the ops; in one pass over the kernel's text if it is registered.
    ///
    /// # Errors
    ///
    /// When a site is refused, or without memory; nothing is changed then.
    fn add_sites(&self, ops: Ops<Self::Dedicated>, sites: &[Site], lock: &Locked<'_>) -> Result;

    /// Removes `sites` from those of the ops; in one pass over the kernel's text if it is registered.
    ///
    /// # Errors
    ///
    /// `ENOMEM`; the ops keeps the sites then.
    fn remove_sites(&self, ops: Ops<Self::Dedicated>, sites: &[Site], lock: &Locked<'_>) -> Result;

    /// Removes all sites of an ops that is not registered. Needs no memory. A grace period has passed, so nothing
    /// reads them any more.
    fn clear_sites(&self, ops: Ops<Self::Dedicated>, lock: &Locked<'_>);

    /// Registers the ops: its sites call the handler, or are jumps to its target.
    ///
    /// # Errors
    ///
    /// `EAGAIN` when another ftrace user that has to be notified is busy; `EBUSY` when another ops with IPMODIFY
    /// is at a site; `ENODEV` when ftrace has shut itself down; and others.
    fn register(&self, ops: Ops<Self::Dedicated>, lock: &Locked<'_>) -> Result;

    /// Unregisters the ops.
    ///
    /// # Errors
    ///
    /// When ftrace has shut itself down. The ops stays registered then.
    fn unregister(&self, ops: Ops<Self::Dedicated>, lock: &Locked<'_>) -> Result;

    /// Makes a dedicated ops for `site`, with the handler as its target.
    ///
    /// # Errors
    ///
    /// `ENOMEM`.
    fn new_dedicated(&self, site: Site, lock: &Locked<'_>) -> Result<Self::Dedicated>;

    /// Frees a dedicated ops. A grace period has passed since it was unregistered.
    fn free_dedicated(&self, ops: Self::Dedicated, lock: &Locked<'_>);

    /// Sets the target of the site while no other ops is attached; [`Target::Original`] is the handler. A guard is
    /// registered there meanwhile: ftrace expects to find what it wrote.
    fn set_target(&self, ops: Self::Dedicated, target: Target, lock: &Locked<'_>);

    /// Lets the ops, which is not registered, be attached beside another ops with IPMODIFY.
    fn share_redirection(&self, ops: Self::Dedicated, lock: &Locked<'_>);
}

/// The stack of a task, as far as it is known.
#[derive(Debug)]
pub enum Stack<'a> {
    /// The task runs.
    Running,
    /// The task sleeps, but its stack cannot be read reliably.
    Unreliable,
    /// The return addresses of a sleeping task, or of the caller itself.
    Known(&'a [usize]),
}

/// Tasks and their patch states.
pub trait Tasks: Handles {
    /// Calls `each` with every task, except idle ones. No task forks or exits meanwhile, so `each` takes little
    /// time.
    fn for_each_task<F: FnMut(&Self::Task)>(&self, each: F);

    /// The same while tasks fork and exit: may miss new tasks, and include tasks that have just ended. May
    /// sleep between two tasks.
    fn visit_tasks<F: FnMut(&Self::Task)>(&self, each: F);

    /// Makes [`Tasks::for_each_task`] include tasks that have left the task list, but not yet ended, from the first
    /// call on.
    fn record_exits(&self);

    /// Waits for exiting tasks that are not included, because they left the list earlier, or there were too many.
    fn wait_for_unrecorded_exits(&self);

    /// Calls `each` with every CPU's idle task, and the CPU when it is online.
    fn for_each_idle_task<F: FnMut(&Self::Task, Option<u32>)>(&self, each: F);

    /// The patch state.
    fn state(&self, task: &Self::Task) -> PatchState;
    /// Sets the patch state.
    fn set_state(&self, task: &Self::Task, state: PatchState);

    /// Shows the target state to code outside of the core that switches tasks.
    fn show_target(&self, target: PatchState);

    /// Is the task marked as pending?
    fn is_pending(&self, task: &Self::Task) -> bool;
    /// Marks the task as pending: it switches when it leaves the kernel, or idles.
    fn set_pending(&self, task: &Self::Task);
    /// Clears the mark. Returns whether it was set.
    fn clear_pending(&self, task: &Self::Task) -> bool;

    /// Calls `look` with the task's stack. Unless the task is the caller itself, it cannot run meanwhile:
    /// `look` must not log, because consoles wake tasks.
    fn with_stack<F: FnMut(Stack<'_>)>(&self, task: &Self::Task, look: F);

    /// The function that a kernel thread was created to run; `None` for other tasks.
    fn thread_function(&self, task: &Self::Task) -> Option<usize>;

    /// Makes a running task pass through the exit to user space, with no other effect. Does nothing to a sleeping
    /// task.
    fn kick(&self, task: &Self::Task);
    /// Wakes a task that sleeps interruptibly, as a signal without a handler would.
    fn signal(&self, task: &Self::Task);
    /// How long a transition waits before it signals tasks.
    fn signal_delay(&self) -> Duration;
    /// How long a transition may take before it is reversed, if there is a limit.
    fn deadline(&self) -> Option<Duration>;
    /// Makes an idle CPU leave its idle loop for a moment.
    fn wake_idle(&self, cpu: u32);

    /// Sets whether the scheduler tries to switch tasks that are about to sleep.
    fn watch_scheduler(&self, on: bool);

    /// Does the architecture have reliable stack traces?
    fn has_reliable_stacks(&self) -> bool;
}

/// Loaded modules.
pub trait Modules: Handles {
    /// The size of the longest name, with its terminator: `MODULE_NAME_LEN`.
    const NAME_LEN: usize;

    /// The module of that name, if it is loaded, and neither coming nor going.
    fn find(&self, name: &CStr) -> Option<Self::Module>;

    /// Takes a reference to the patch's module. Returns whether that succeeded.
    fn try_get_module(&self, patch: Self::Patch) -> bool;
    /// Drops that reference.
    fn put_module(&self, patch: Self::Patch);
    /// The module of a patch.
    fn module(&self, patch: Self::Patch) -> Self::Module;
    /// The code of a module.
    fn text(&self, module: Self::Module) -> TextRange;

    /// Writes the patch's relocations for the module `object`.
    ///
    /// # Errors
    ///
    /// When a symbol is not found, which is logged.
    fn relocate(&self, patch: Self::Patch, object: &CStr) -> Result;
    /// Clears the patch's relocations for the module `object`.
    fn clear_relocations(&self, patch: Self::Patch, object: &CStr);
}

/// The callbacks of a patch around patching and unpatching.
pub trait Callbacks: Handles {
    /// Does the object have a `pre_patch` callback?
    fn has_pre_patch(&self, object: Self::Object) -> bool;
    /// Calls `pre_patch`, if there is one.
    ///
    /// # Errors
    ///
    /// The callback's: the object must not be patched.
    fn pre_patch(&self, object: Self::Object) -> Result;
    /// Calls `post_patch`, if there is one.
    fn post_patch(&self, object: Self::Object);
    /// Calls `pre_unpatch`, if there is one.
    fn pre_unpatch(&self, object: Self::Object);
    /// Calls `post_unpatch`, if there is one.
    fn post_unpatch(&self, object: Self::Object);
}

/// The tree under `/sys/kernel/livepatch`, and the fields of patches that C code reads.
pub trait Sysfs: Handles {
    /// Initialises a patch, its objects and its functions. They must be removed from then on.
    fn init_patch(&self, patch: Self::Patch);
    /// Adds a patch.
    ///
    /// # Errors
    ///
    /// When there is an entry of that name, or no memory.
    fn add_patch(&self, patch: Self::Patch) -> Result;
    /// Adds an object of a patch. Errors as for [`Sysfs::add_patch`].
    fn add_object(&self, patch: Self::Patch, object: Self::Object, name: Option<&Name>) -> Result;
    /// Adds a function of an object. Errors as for [`Sysfs::add_patch`].
    fn add_func(
        &self,
        object: Self::Object,
        func: Self::Func,
        name: &Name,
        sympos: usize,
    ) -> Result;
    /// Makes an object that the patch did not declare.
    ///
    /// # Errors
    ///
    /// `ENOMEM`.
    fn new_object(&self, patch: Self::Patch, name: Option<&Name>) -> Result<Self::Object>;
    /// Makes a nop, an entry of an object that restores the original function.
    ///
    /// # Errors
    ///
    /// `ENOMEM`.
    fn new_nop(&self, object: Self::Object, name: &Name, sympos: usize) -> Result<Self::Func>;
    /// Removes an object, and frees it if it was made by [`Sysfs::new_object`].
    fn remove_object(&self, object: Self::Object);
    /// Removes a function, and frees it if it was made by [`Sysfs::new_nop`].
    fn remove_func(&self, func: Self::Func);

    /// Sets whether the patch is enabled.
    fn set_enabled(&self, patch: Self::Patch, enabled: bool);
    /// Marks the patch as forced: its callbacks can see that tasks may still run it.
    fn set_forced(&self, patch: Self::Patch);
    /// Sets whether the object is patched.
    fn set_patched(&self, object: Self::Object, patched: bool);
    /// Sets the module of the object.
    fn set_module(&self, object: Self::Object, module: Option<Self::Module>);

    /// Sets the text of the function and its replacement when they are found, or
    /// [`TextRange::NONE`] when the object's module is unloaded.
    fn set_func_text(&self, func: Self::Func, old: TextRange, new: TextRange);
    /// Sets whether the function is redirected.
    fn set_func_patched(&self, func: Self::Func, patched: bool);
    /// Sets whether a transition concerns the function.
    fn set_func_transition(&self, func: Self::Func, in_transition: bool);

    /// Calls `each` with ID and version of the system states that the patch declares, in order.
    fn states<F: FnMut(usize, u32)>(&self, patch: Self::Patch, each: F);

    /// Adds a patch on top of the list of patches. The list and the patch in transition can be read
    /// without the core's mutex: callbacks of patches and readers of sysfs rely on that.
    fn patch_list_add(&self, patch: Self::Patch);
    /// Removes a patch from the list, if it is there.
    fn patch_list_remove(&self, patch: Self::Patch);
    /// Sets the patch in transition.
    fn patch_list_set_transition(&self, patch: Option<Self::Patch>);
}

/// Deferred work.
pub trait Work: Handles {
    /// Schedules the next attempt to complete the transition after `wait`. Replaces an earlier schedule.
    fn retry_in(&self, wait: Duration);
    /// Schedules the worker that makes sites jumps after `wait`, rounded up to jiffies. Replaces an earlier
    /// schedule.
    fn promote_in(&self, wait: Duration);
    /// Schedules the release of a patch, without the core's mutex: removes it from sysfs and, unless `keep`, drops
    /// the reference to its module.
    fn release_later(&self, patch: Self::Patch, keep: bool);
}
