// SPDX-License-Identifier: GPL-2.0-only

//! What is read without the core's mutex, and what the rest of the kernel calls on its way: out of
//! the kernel, through the idle loop, in fork, in the scheduler, and at every call of a patched
//! function.

use crate::fault::{self, Fault};
use crate::platform::{Log, Platform, Tasks};
use crate::redirect::Table;
use crate::snapshot::{NoPreempt, Snapshot};
use crate::stack_check::StackCheck;
use crate::sync::{const_unless_loom, AtomicInt};
use crate::types::{Blocker, PatchState, Site, Target};

/// Shared by the core and its readers. Written under the core's mutex.
#[derive(Debug)]
pub struct Published {
    /// The state that tasks switch to, a [`PatchState`] in C's numbers; idle when no transition
    /// runs.
    target: AtomicInt,
    /// Where calls of patched functions go.
    pub redirects: Snapshot<Table>,
    /// What must not be on the stack of a task that switches; there is one while a transition runs.
    pub stack_check: Snapshot<StackCheck>,
}

impl Published {
    const_unless_loom! {
        /// No patches.
        pub fn new() -> Self {
            Self {
                target: AtomicInt::new(PatchState::Idle.to_c()),
                redirects: Snapshot::new(),
                stack_check: Snapshot::new(),
            }
        }
    }

    /// The state that tasks switch to.
    pub fn target(&self) -> PatchState {
        PatchState::from_c(self.target.load())
    }

    /// Sets it. Tasks are marked as pending only after a grace period that begins after this, so who finds
    /// himself marked reads it.
    pub(crate) fn set_target(&self, target: PatchState) {
        self.target.store(target.to_c());
    }

    /// Where a call at `site` by a task goes, whose patch state `state` reads. It does so only in
    /// transition, and after the redirect.
    #[inline(always)]
    pub fn redirect(
        &self,
        log: &impl Log,
        site: Site,
        guard: &NoPreempt<'_>,
        state: impl Fn() -> PatchState,
    ) -> Target {
        let early = fault::is_injected(Fault::StateBeforeRedirect).then(&state);
        self.redirects.target(site, guard, || {
            let state = early.unwrap_or_else(state);
            if state == PatchState::Idle {
                log.bug(c"a task without a patch state calls a function in transition");
            }
            // As in the C core, a task without one uses the new function.
            state != PatchState::Unpatched
        })
    }

    /// Switches `task`, which is the current one about to leave the kernel or to idle, if it has
    /// yet to. Preemption is off.
    pub fn update<P: Tasks>(&self, platform: &P, task: &P::Task) {
        // The flag was set after a grace period that began when the target and the redirects were there. And
        // neither is replaced before another has waited for this.
        if platform.clear_pending(task) {
            platform.set_state(task, self.target());
        }
    }

    /// Tries to switch `task`. Returns `Ok` if the task has already switched.
    ///
    /// # Errors
    ///
    /// What keeps it from switching.
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
                // The task does not run, so nothing comes between these two.
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
            // What keeps it is of no interest here.
            let _ = self.try_switch(platform, check, task);
        }
    }

    /// Makes `child`, which is being born, what its parent is.
    pub fn inherit<P: Tasks>(&self, platform: &P, parent: &P::Task, child: &P::Task) {
        // The flag was copied before, perhaps too early. Both are on the task list's lock, so no
        // transition starts or turns around meanwhile; and the parent is running this.
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

impl Default for Published {
    fn default() -> Self {
        Self::new()
    }
}
