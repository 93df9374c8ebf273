// SPDX-License-Identifier: GPL-2.0-only

//! State that is read without the core's mutex, and the functions that read it: on the exit to user
//! space, in the idle loop, in fork, in the scheduler, and at each call of a patched function.

use crate::fault::{self, Fault};
use crate::platform::{Log, Platform, Tasks};
use crate::redirect::Table;
use crate::snapshot::{NoPreempt, Snapshot};
use crate::stack_check::StackCheck;
use crate::sync::{const_unless_loom, AtomicInt};
use crate::types::{Blocker, PatchState, Site, Target};

/// State shared by the core and its readers. Written under the core's mutex.
#[derive(Debug)]
pub struct Published {
    /// The target state, a [`PatchState`] as C's number; idle when no transition runs.
    target: AtomicInt,
    /// The redirects of patched functions.
    pub redirects: Snapshot<Table>,
    /// The stack check of the running transition.
    pub stack_check: Snapshot<StackCheck>,
}

impl Published {
    const_unless_loom! {
        /// Makes the state without patches.
        pub fn new() -> Self {
            Self {
                target: AtomicInt::new(PatchState::Idle.to_c()),
                redirects: Snapshot::new(),
                stack_check: Snapshot::new(),
            }
        }
    }

    /// The target state.
    pub fn target(&self) -> PatchState {
        PatchState::from_c(self.target.load())
    }

    /// Sets the target state. Tasks are marked as pending only after a grace period that begins after this, so a
    /// marked task reads it.
    pub(crate) fn set_target(&self, target: PatchState) {
        self.target.store(target.to_c());
    }

    /// The target of a task's call at `site`. `state` reads the task's patch state; it is called only in
    /// transition, and after the redirect is read.
    #[inline(always)]
    pub fn redirect(
        &self,
        log: &impl Log,
        site: Site,
        guard: &NoPreempt<'_>,
        state: impl Fn() -> PatchState,
    ) -> Target {
        let early = fault::is_injected(Fault::StateBeforeRedirect).then(&state);
        let choose = |unpatched, patched| match early.unwrap_or_else(state) {
            PatchState::Unpatched => unpatched,
            PatchState::Patched => patched,
            PatchState::Idle => target_without_state(log, patched),
        };
        self.redirects.target(site, guard, choose)
    }

    /// Switches `task` if it is pending. It is the current one, about to leave the kernel or to idle, with
    /// preemption off.
    pub fn update<P: Tasks>(&self, platform: &P, task: &P::Task) {
        // The flag was set after a grace period that began when target and redirects were set, and neither
        // is replaced before another grace period, which waits for this.
        if platform.clear_pending(task) {
            platform.set_state(task, self.target());
        }
    }

    /// Tries to switch `task`. Returns `Ok` if the task has already switched.
    ///
    /// # Errors
    ///
    /// What blocks the task.
    pub(crate) fn try_switch<P: Platform>(
        &self,
        platform: &P,
        check: &StackCheck,
        task: &P::Task,
    ) -> core::result::Result<(), Blocker> {
        let target = self.target();
        if platform.state(task) == target {
            return Ok(());
        }
        let mut result = Err(Blocker::UnreliableStack);
        if !platform.has_reliable_stacks() {
            return result;
        }
        platform.with_stack(task, |stack| {
            result = check.judge(&stack, platform.thread_function(task));
            if result.is_ok() {
                // The task cannot run, so nothing comes between these two.
                platform.clear_pending(task);
                platform.set_state(task, target);
            }
        });
        result
    }

    /// Tries to switch the current task, which is about to sleep.
    pub fn update_sleeper<P: Platform>(&self, platform: &P, task: &P::Task, guard: &NoPreempt<'_>) {
        if !platform.is_pending(task) {
            return;
        }
        if let Some(check) = self.stack_check.get(guard) {
            // The blocker is of no interest here.
            let _ = self.try_switch(platform, check, task);
        }
    }

    /// Copies the patch state of `parent` to `child`, which it is forking.
    pub fn inherit<P: Tasks>(&self, platform: &P, parent: &P::Task, child: &P::Task) {
        // The flag was copied before, perhaps too early. The caller holds the task list's lock, so no
        // transition starts or is reversed meanwhile; and the parent is running this.
        if platform.is_pending(parent) {
            platform.set_pending(child);
        } else {
            platform.clear_pending(child);
        }
        if !fault::is_injected(Fault::InheritWithoutState) {
            platform.set_state(child, platform.state(parent));
        }
    }
}

/// Reports that the calling task has no patch state. As in the C core, it calls the new function. A function of
/// its own that the handler ends with, so that it needs no stack frame; `black_box` hides that the result is known.
#[cold]
#[inline(never)]
fn target_without_state(log: &impl Log, patched: Target) -> Target {
    log.bug(c"a task without a patch state calls a function in transition");
    core::hint::black_box(patched)
}

impl Default for Published {
    fn default() -> Self {
        Self::new()
    }
}
