// SPDX-License-Identifier: GPL-2.0-only

//! What the livepatch core needs from the kernel around it: all of it, and nothing else.
//!
//! Each trait is one kernel service. The logic sees the kernel's objects as handles
//! ([`Handles`]), which it can compare and pass on, and nothing more. There are two platforms: the
//! kernel, and a simulated one for tests on the host.

use crate::errno::Result;
use crate::name::Name;
use crate::snapshot::{GracePeriods, Locked};
use crate::types::{Blocker, Direction, PatchState, Site, Target, TextRange};
use core::ffi::CStr;
use core::fmt;
use core::ops::ControlFlow;
use core::time::Duration;

/// Everything.
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

/// The kernel's objects, as the logic knows them. They are names, not owners.
pub trait Handles {
    /// A patch: `struct klp_patch`, in the memory of its module.
    type Patch: Copy + Eq + fmt::Debug;
    /// A part of a patch for one object: `struct klp_object`.
    type Object: Copy + Eq + fmt::Debug;
    /// A replaced function: `struct klp_func`.
    type Func: Copy + Eq + fmt::Debug;
    /// A loaded module: `struct module`.
    type Module: Copy + Eq + fmt::Debug;
    /// A task, for the time it is looked at.
    type Task;
}

/// The kernel's log. Each line gets the prefix `livepatch: ` and a newline.
pub trait Log: Handles {
    /// What an operator should know.
    fn notice(&self, line: fmt::Arguments<'_>);
    /// Something did not work out.
    fn warn(&self, line: fmt::Arguments<'_>);
    /// A patch is wrong.
    fn error(&self, line: fmt::Arguments<'_>);
    /// A step of a transition, off unless dynamic debug turns it on.
    fn debug(&self, event: TransitionEvent<'_>);
    /// A task has not switched, for this reason. Off like [`Log::debug`], and by a name of its own: there
    /// can be many.
    fn blocked(&self, task: &Self::Task, why: Blocker, function: Option<&Name>);
    /// A task has kept a transition from ending in time, for this reason: for an operator.
    fn held_up(&self, task: &Self::Task, why: Blocker, function: Option<&Name>);
    /// The core itself is wrong. Told once for each place, with a stack trace.
    fn bug(&self, what: &'static CStr);
}

/// A step of a transition, with a line that dynamic debug switches. Scripts turn them on and off by the function and file they came
/// from, so they are made where those have their names.
#[derive(Clone, Copy, Debug)]
pub enum TransitionEvent<'a> {
    /// Tasks are about to get their first state.
    Initializing(&'a Name, Direction),
    /// Enabling failed before the transition began.
    Canceling(&'a Name),
    /// All tasks have switched.
    Completing(&'a Name, Direction),
    /// The direction changes, from this one.
    Reversing(&'a Name, Direction),
}

/// Symbols and code.
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

    /// The size of the function at `address`, which begins it.
    fn size(&self, address: usize) -> Option<usize>;
}

/// An `ftrace_ops` with the handler.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Ops<D> {
    /// The one that most sites share. Registered without a site it would trace every function.
    Shared,
    /// One of two that keep the handler at sites while other ops change there. With one, ftrace uses no other ops'
    /// trampoline; with both, others come and go without a change of the text.
    Guard(usize),
    /// One of a single site, which can be a jump.
    Dedicated(D),
}

/// Patch sites: the traced instructions in functions' entries, and the `ftrace_ops` attached to them. Changes need the
/// core's mutex. [`crate::ops`] describes their order.
pub trait Tracing {
    /// The length of the call at a site.
    const CALL_SIZE: usize;

    /// A dedicated ops, until it is freed.
    type Dedicated: Copy + Eq + fmt::Debug;

    /// The site in `function`, if it can be traced.
    fn site(&self, function: TextRange) -> Option<Site>;

    /// Is a direct call (a BPF trampoline) attached to `site`, whose owner has to be notified of a redirect?
    fn has_direct_call(&self, site: Site) -> bool;

    /// How many sites can be jumps at most.
    fn max_jumps(&self) -> usize;

    /// Is the shared ops the only ftrace user of `site`?
    fn is_exclusive(&self, site: Site) -> bool;

    /// Adds `sites` to those of the ops; in one pass over the kernel's text if it is registered.
    ///
    /// # Errors
    ///
    /// When one of them is refused, or without memory; then nothing is changed.
    fn add_sites(&self, ops: Ops<Self::Dedicated>, sites: &[Site], lock: &Locked<'_>) -> Result;

    /// Removes `sites` from those of the ops, in the same way.
    ///
    /// # Errors
    ///
    /// `ENOMEM`; then the ops keeps them.
    fn remove_sites(&self, ops: Ops<Self::Dedicated>, sites: &[Site], lock: &Locked<'_>) -> Result;

    /// Removes all sites of an ops that is not registered. Needs no memory. Nobody reads them any more: a grace period
    /// has passed.
    fn clear_sites(&self, ops: Ops<Self::Dedicated>, lock: &Locked<'_>);

    /// Registers the ops: its sites call the handler, or are jumps to its target.
    ///
    /// # Errors
    ///
    /// `EAGAIN` when another ftrace user that has to be notified is busy; `EBUSY` when another ops with IPMODIFY is at a site;
    /// `ENODEV` when ftrace has shut itself down; and others.
    fn register(&self, ops: Ops<Self::Dedicated>, lock: &Locked<'_>) -> Result;

    /// Unregisters the ops.
    ///
    /// # Errors
    ///
    /// When ftrace has shut itself down. It keeps the ops then.
    fn unregister(&self, ops: Ops<Self::Dedicated>, lock: &Locked<'_>) -> Result;

    /// Makes a dedicated ops for `site`, whose target is the handler.
    ///
    /// # Errors
    ///
    /// `ENOMEM`.
    fn new_dedicated(&self, site: Site, lock: &Locked<'_>) -> Result<Self::Dedicated>;

    /// Frees a dedicated ops that is not registered. A grace period has passed since it was.
    fn free_dedicated(&self, ops: Self::Dedicated, lock: &Locked<'_>);

    /// Sets where the site jumps to while no other ops is attached; [`Target::Original`] is the handler. A guard is registered there while that changes: ftrace expects to find what it wrote.
    fn set_target(&self, ops: Self::Dedicated, target: Target, lock: &Locked<'_>);

    /// Lets the ops, which is not registered, be attached beside another ops with IPMODIFY.
    fn share_redirection(&self, ops: Self::Dedicated, lock: &Locked<'_>);
}

/// What is known of where a task is.
#[derive(Debug)]
pub enum Stack<'a> {
    /// It runs, so nothing.
    Running,
    /// It sleeps, but its stack cannot be read reliably.
    Unreliable,
    /// It sleeps, and its return addresses are these.
    Known(&'a [usize]),
}

/// Tasks and their patch states.
pub trait Tasks: Handles {
    /// Calls `each` with every task, the idle ones excepted. No task is born or buried meanwhile: what it does takes
    /// little time.
    fn for_each_task<F: FnMut(&Self::Task)>(&self, each: F);

    /// The same while tasks are born and buried: new ones may be missed, and those that have just ended may be met. May
    /// sleep between one and the next.
    fn visit_tasks<F: FnMut(&Self::Task)>(&self, each: F);

    /// From the first call on, [`Tasks::for_each_task`] meets tasks that have left the task list and not yet
    /// ended.
    fn record_exits(&self);

    /// Waits for those that it does not meet, because they left it before, or because there were too many.
    fn wait_for_unrecorded_exits(&self);

    /// Calls `each` with every CPU's idle task, and the CPU when it is online.
    fn for_each_idle_task<F: FnMut(&Self::Task, Option<u32>)>(&self, each: F);

    /// The patch state.
    fn state(&self, task: &Self::Task) -> PatchState;
    /// Sets the patch state.
    fn set_state(&self, task: &Self::Task, state: PatchState);

    /// Says which state tasks are to switch to, to code outside of the core that switches them by itself.
    fn show_target(&self, target: PatchState);

    /// Has it yet to switch?
    fn is_pending(&self, task: &Self::Task) -> bool;
    /// Marks it as yet to switch: it will when it leaves the kernel, or when it idles.
    fn set_pending(&self, task: &Self::Task);
    /// Clears that. Returns whether it was set.
    fn clear_pending(&self, task: &Self::Task) -> bool;

    /// Calls `look` with the task's stack. The task stays where it is meanwhile, unless it is the
    /// caller itself: nothing is logged meanwhile, because consoles wake tasks.
    fn with_stack<F: FnMut(Stack<'_>)>(&self, task: &Self::Task, look: F);

    /// The function that a kernel thread was created to run; nothing for other tasks.
    fn thread_function(&self, task: &Self::Task) -> Option<usize>;

    /// Makes a running task pass through the kernel's exit, without it noticing. Does nothing to one that
    /// sleeps.
    fn kick(&self, task: &Self::Task);
    /// Wakes a task that sleeps interruptibly, as a signal without a handler would.
    fn signal(&self, task: &Self::Task);
    /// How long a transition waits before it signals tasks.
    fn signal_delay(&self) -> Duration;
    /// How long a transition may take before it is reversed, if there is a limit.
    fn deadline(&self) -> Option<Duration>;
    /// Makes an idle CPU leave its idle loop for a moment.
    fn wake_idle(&self, cpu: u32);

    /// Makes the scheduler try to switch tasks that are about to sleep, or no longer.
    fn watch_scheduler(&self, on: bool);

    /// Can stacks be read reliably here at all?
    fn has_reliable_stacks(&self) -> bool;
}

/// Loaded modules.
pub trait Modules: Handles {
    /// Length of the longest name, and one: what `MODULE_NAME_LEN` is.
    const NAME_LEN: usize;

    /// The module of that name, if it is there and neither coming nor going.
    fn find(&self, name: &CStr) -> Option<Self::Module>;

    /// Takes a reference to the patch's module. Returns whether that was still possible.
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
    /// Takes them back.
    fn clear_relocations(&self, patch: Self::Patch, object: &CStr);
}

/// The functions that a patch wants to be called around its own enabling and disabling.
pub trait Callbacks: Handles {
    /// Is there one before patching?
    fn has_pre_patch(&self, object: Self::Object) -> bool;
    /// Before patching.
    ///
    /// # Errors
    ///
    /// The callback's: the object must not be patched.
    fn pre_patch(&self, object: Self::Object) -> Result;
    /// After patching.
    fn post_patch(&self, object: Self::Object);
    /// Before unpatching.
    fn pre_unpatch(&self, object: Self::Object);
    /// After unpatching.
    fn post_unpatch(&self, object: Self::Object);
}

/// The tree under `/sys/kernel/livepatch`, and what C code sees of a patch.
pub trait Sysfs: Handles {
    /// Makes a patch and its parts ready to be added. From here on they have to be removed.
    fn init_patch(&self, patch: Self::Patch);
    /// Shows a patch.
    ///
    /// # Errors
    ///
    /// When there is one of that name, or no memory.
    fn add_patch(&self, patch: Self::Patch) -> Result;
    /// Shows an object of a patch. Errors as above.
    fn add_object(&self, patch: Self::Patch, object: Self::Object, name: Option<&Name>) -> Result;
    /// Shows a function of an object. Errors as above.
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
    /// Makes a function of an object that the patch did not declare: one that leads back to the original.
    ///
    /// # Errors
    ///
    /// `ENOMEM`.
    fn new_nop(&self, object: Self::Object, name: &Name, sympos: usize) -> Result<Self::Func>;
    /// Takes an object away, and frees it if it was made by [`Sysfs::new_object`].
    fn remove_object(&self, object: Self::Object);
    /// Takes a function away, and frees it if it was made by [`Sysfs::new_nop`].
    fn remove_func(&self, func: Self::Func);

    /// Sets whether the patch is enabled.
    fn set_enabled(&self, patch: Self::Patch, enabled: bool);
    /// Marks that tasks may still run the patch, whatever its state: its callbacks can see that.
    fn set_forced(&self, patch: Self::Patch);
    /// Sets whether the object is patched.
    fn set_patched(&self, object: Self::Object, patched: bool);
    /// Says which module the object is.
    fn set_module(&self, object: Self::Object, module: Option<Self::Module>);

    /// Says where the function and its replacement are, once they are found; and that they are
    /// nowhere, when the object's module goes.
    fn set_func_text(&self, func: Self::Func, old: TextRange, new: TextRange);
    /// Says whether the function is redirected.
    fn set_func_patched(&self, func: Self::Func, patched: bool);
    /// Says whether a transition concerns the function.
    fn set_func_transition(&self, func: Self::Func, in_transition: bool);

    /// The states that the patch declares: id and version, in order.
    fn states<F: FnMut(usize, u32)>(&self, patch: Self::Patch, each: F);

    /// Puts a patch on top of the list of patches. The list, and which of them is in transition, can
    /// be read without the core's mutex: callbacks of patches and readers of sysfs rely on that.
    fn patch_list_add(&self, patch: Self::Patch);
    /// Takes a patch off the list, if it is there.
    fn patch_list_remove(&self, patch: Self::Patch);
    /// Says which patch is in transition.
    fn patch_list_set_transition(&self, patch: Option<Self::Patch>);
}

/// Things that are done later, or waited for.
pub trait Work: Handles {
    /// Tries to complete the transition after `wait`, which replaces an earlier wait.
    fn retry_in(&self, wait: Duration);
    /// Schedules the worker that makes sites jumps after `wait`, rounded up to ticks of the kernel's clock,
    /// which replaces an earlier wait.
    fn promote_in(&self, wait: Duration);
    /// Removes the patch from sysfs and, unless `keep`, drops the reference to its module; without the
    /// core's mutex.
    fn release_later(&self, patch: Self::Patch, keep: bool);
}
