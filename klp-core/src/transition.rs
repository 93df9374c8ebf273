// SPDX-License-Identifier: GPL-2.0-only

//! Transitions: switching tasks to a patch, or away from it.
//!
//! Each task switches separately, when it is in none of the functions concerned: while it sleeps,
//! if its stack shows that it is safe, or when it leaves the kernel, or idles. Until all have
//! switched, a redirect is in transition: it has one target for tasks that have switched, and one for
//! those that have not.
//!
//! The steps, and why they have this order:
//!
//! 1. All tasks get their initial patch state, then the redirects in transition are published. A
//!    handler that sees the redirects sees the states.
//! 2. Tasks are marked as pending. By then the target state is visible to the code that switches them.
//! 3. When all have switched, settled redirects are published. After a grace period no handler uses the
//!    old ones; only then tasks lose their state, which those handlers read.
//!
//! Exiting tasks leave the task list before they run for the last time. They are included until then
//! ([`Tasks::record_exits`](crate::platform::Tasks::record_exits)).

use crate::backoff::{RetryBackoff, Signal, Transition, FIRST_WAIT};
use crate::context::Core;
use crate::errno::{Result, EBUSY, EINVAL};
use crate::fault::{self, Fault};
use crate::memory::Box;
use crate::model::{Patch, Patches};
use crate::platform::{Platform, TransitionEvent};
use crate::stack_check::StackCheck;
use crate::types::{Blocker, Direction, PatchState};
use core::time::Duration;

/// The maximum number of blockers that are logged.
const MAX_REPORTED: usize = 10;

impl<P: Platform> Patches<P> {
    /// The patch in transition.
    pub(crate) fn transition_patch(&self) -> Option<&Patch<P>> {
        self.get(self.transition.as_ref()?.patch)
    }
}

impl<P: Platform> Core<'_, P> {
    /// Step 1 without publishing: gives every task its initial state.
    ///
    /// # Errors
    ///
    /// `EBUSY` when another transition runs; `ENOMEM`.
    pub(crate) fn init_transition(&mut self, patch: P::Patch, direction: Direction) -> Result {
        if self.state.transition.is_some() {
            return Err(EBUSY);
        }
        self.platform.record_exits();
        self.state.transition = Some(Transition {
            patch,
            direction,
            backoff: RetryBackoff::new(),
            missed_deadline: false,
            has_stale_check: false,
        });
        self.platform.patch_list_set_transition(Some(patch));
        self.set_target(direction.target());
        if let Some(patch) = self.state.get(patch) {
            self.platform
                .debug(TransitionEvent::Initializing(&patch.name, direction));
            patch.show_transition(self.platform, true);
        }
        if !fault::is_injected(Fault::RedirectsBeforeStates) {
            self.set_initial_states(direction);
        }
        Ok(())
    }

    /// Sets the target state.
    fn set_target(&self, target: PatchState) {
        self.published.set_target(target);
        self.platform.show_target(target);
    }

    /// Gives every task its initial state.
    fn set_initial_states(&self, direction: Direction) {
        let mut set = |task: &P::Task| {
            if self.platform.state(task) != PatchState::Idle {
                self.platform
                    .bug(c"a task has a patch state while no transition runs");
            }
            self.platform.set_state(task, direction.initial());
        };
        self.platform.for_each_task(&mut set);
        self.platform.for_each_idle_task(|task, _| set(task));
    }

    /// Step 2: marks tasks as pending.
    pub(crate) fn start_transition(&mut self) {
        let Some(transition) = &mut self.state.transition else {
            return;
        };
        transition.backoff = RetryBackoff::new();
        let (patch, direction) = (transition.patch, transition.direction);
        if fault::is_injected(Fault::RedirectsBeforeStates) {
            self.set_initial_states(direction);
        }
        if let Some(patch) = self.state.get(patch) {
            self.platform.notice(format_args!(
                "'{}': starting {} transition",
                patch.name,
                direction.name()
            ));
        }
        if self.is_immediate() {
            return;
        }
        let target = self.published.target();
        let mut mark = |task: &P::Task| {
            if self.platform.state(task) != target {
                self.platform.set_pending(task);
            }
        };
        self.platform.for_each_task(&mut mark);
        self.platform.for_each_idle_task(|task, _| mark(task));
        self.platform.watch_scheduler(true);
    }

    /// Switches all tasks that can switch, and ends the transition when none is left. Otherwise schedules
    /// another attempt.
    pub fn try_complete(&mut self) {
        if self.state.transition.is_none() {
            return;
        }
        self.refresh_stale_check();
        if self.switch_tasks() {
            self.platform.watch_scheduler(false);
            self.complete_transition();
            return;
        }
        let Some(transition) = &mut self.state.transition else {
            return;
        };
        let deadline = self
            .platform
            .deadline()
            .filter(|_| !transition.missed_deadline);
        let waited = transition.backoff.waited;
        if deadline.is_some_and(|deadline| waited >= deadline) && self.miss_deadline(waited).is_ok()
        {
            return;
        }
        let Some(transition) = &mut self.state.transition else {
            return;
        };
        let (signal, wait) = transition
            .backoff
            .next(self.platform.signal_delay(), deadline);
        if signal == Some(Signal::First) {
            self.platform
                .notice(format_args!("signaling remaining tasks"));
        }
        if signal.is_some() {
            self.platform.visit_tasks(|task| {
                if self.platform.is_pending(task) {
                    self.platform.signal(task);
                }
            });
        }
        self.platform.retry_in(wait);
    }

    /// Reverses the transition, which has not ended within `waited`, and logs its blockers.
    ///
    /// # Errors
    ///
    /// Those of [`Core::reverse_transition`]; the transition continues then.
    fn miss_deadline(&mut self, waited: Duration) -> Result {
        let Some((patch, direction)) = self
            .state
            .transition
            .as_ref()
            .map(|transition| (transition.patch, transition.direction))
        else {
            return Ok(());
        };
        let check = self.make_stack_check(patch, direction.reversed())?;
        if let Some(patch) = self.state.get(patch) {
            self.platform.notice(format_args!(
                "'{}': {} has not ended within {} ms, reversing it",
                patch.name,
                direction.name(),
                waited.as_millis()
            ));
        }
        self.report_blockers();
        self.reverse_with(check);
        if let Some(transition) = &mut self.state.transition {
            transition.missed_deadline = true;
        }
        Ok(())
    }

    /// Logs the first [`MAX_REPORTED`] blockers, and the number of others.
    fn report_blockers(&self) {
        let Some(check) = self.stack_check() else {
            return;
        };
        let mut more = 0usize;
        let mut reported = 0usize;
        self.platform.visit_tasks(|task| {
            if !self.platform.is_pending(task) {
                return;
            }
            if reported == MAX_REPORTED {
                more = more.saturating_add(1);
                return;
            }
            reported = reported.saturating_add(1);
            let mut result = Ok(());
            self.platform.with_stack(task, |stack| {
                result = check.judge(&stack, self.platform.thread_function(task));
            });
            if let Err(why) = result {
                self.platform.held_up(task, why, check.name(why));
            }
        });
        if more > 0 {
            self.platform.notice(format_args!("and {more} more tasks"));
        }
    }

    fn refresh_stale_check(&mut self) {
        let is_stale = |transition: &Transition<P>| transition.has_stale_check;
        if self.state.transition.as_ref().is_some_and(is_stale) {
            // Without memory it is retried with the next attempt.
            let _ = self.refresh_stack_check();
        }
    }

    /// Is the patch in transition immediate, so that no task has to switch?
    fn is_immediate(&self) -> bool {
        let patch = self.state.transition_patch();
        patch.is_some_and(|patch| patch.immediate)
    }

    /// Tries to switch all tasks. Returns whether all have switched. Checks stacks while tasks fork and exit, because
    /// that takes long with ten thousand tasks; finds those that were missed afterwards.
    fn switch_tasks(&self) -> bool {
        if self.is_immediate() {
            return true;
        }
        let Some(check) = self.stack_check() else {
            return false;
        };
        let kicks = |transition: &Transition<P>| transition.backoff.kicks();
        let kicks = self.state.transition.as_ref().is_some_and(kicks);
        let mut complete = true;
        self.platform.visit_tasks(|task| {
            if let Err(blocker) = self.published.try_switch(self.platform, check, task) {
                complete = false;
                if kicks && blocker == Blocker::Running {
                    self.platform.kick(task);
                }
                self.platform.blocked(task, blocker, check.name(blocker));
            }
        });
        self.platform
            .for_each_idle_task(|task, online| match online {
                Some(cpu) => {
                    if let Err(blocker) = self.published.try_switch(self.platform, check, task) {
                        complete = false;
                        self.platform.blocked(task, blocker, check.name(blocker));
                        // Its idle loop will switch it.
                        self.platform.wake_idle(cpu);
                    }
                }
                // An offline CPU's idle task does not run.
                None => {
                    self.platform.clear_pending(task);
                    self.platform.set_state(task, self.published.target());
                }
            });
        complete && self.have_all_switched()
    }

    /// Have all existing tasks switched?
    fn have_all_switched(&self) -> bool {
        if fault::is_injected(Fault::MissedTasks) {
            return true;
        }
        let target = self.published.target();
        let mut all = true;
        self.platform
            .for_each_task(|task| all &= self.platform.state(task) == target);
        all
    }

    /// Step 3, and the release of the disabled patch, or of the replaced ones.
    fn complete_transition(&mut self) {
        let Some((patch, enabled, replace)) = self
            .state
            .transition_patch()
            .map(|patch| (patch.handle, patch.enabled, patch.replace))
        else {
            return;
        };
        self.finish_transition();
        self.detach_vanished(false);
        if !enabled {
            self.park(patch);
        }
        // Only now: user space that waits for the end may unload the module next.
        self.platform.patch_list_set_transition(None);
        if !enabled && self.state.index(patch).is_some() {
            self.release(patch);
        } else if enabled && replace {
            self.release_replaced(patch);
        }
    }

    /// The part of step 3 that a cancelled transition needs, too.
    fn finish_transition(&mut self) {
        let Some(Transition {
            patch, direction, ..
        }) = self.state.transition
        else {
            return;
        };
        let Some(index) = self.state.index(patch) else {
            return;
        };
        if let Some(patch) = self.state.patches.get(index) {
            self.platform
                .debug(TransitionEvent::Completing(&patch.name, direction));
        }
        match direction {
            Direction::Patching => self.retire_replaced(index),
            Direction::Unpatching => {
                if let Some(patch) = self.state.patches.get_mut(index) {
                    patch.unpatch_all(self.platform);
                }
            }
        }
        if fault::is_injected(Fault::ForgetBeforeSettled) {
            self.forget_states();
        }
        // From here on the redirects are settled, and those removed above are gone.
        self.publish(None);
        if let Some(patch) = self.state.patches.get(index) {
            if direction == Direction::Unpatching || patch.replace {
                self.platform.wait_for_unrecorded_exits();
            }
            patch.show_transition(self.platform, false);
        }
        self.forget_states();
        self.drop_nops(index);
        if let Some(patch) = self.state.patches.get_mut(index) {
            patch.call_post_callbacks(self.platform, direction);
            self.platform.notice(format_args!(
                "'{}': {} complete",
                patch.name,
                direction.name()
            ));
        }
        self.set_target(PatchState::Idle);
        self.state.transition = None;
        self.set_stack_check(None);
        self.promote_soon();
    }

    /// Resets the states of all tasks, which have switched.
    fn forget_states(&self) {
        let mut forget = |task: &P::Task| {
            if self.platform.is_pending(task) {
                self.platform
                    .bug(c"a task is still to switch though all have");
            }
            self.platform.set_state(task, PatchState::Idle);
        };
        self.platform.for_each_task(&mut forget);
        self.platform.for_each_idle_task(|task, _| forget(task));
    }

    /// Cancels a patching transition that has not started.
    pub(crate) fn cancel_transition(&mut self) {
        let Some(transition) = &mut self.state.transition else {
            return;
        };
        if transition.direction != Direction::Patching {
            self.platform.bug(c"only patching can be canceled");
            return;
        }
        transition.direction = Direction::Unpatching;
        if let Some(patch) = self.state.transition_patch() {
            self.platform.debug(TransitionEvent::Canceling(&patch.name));
        }
        self.set_target(PatchState::Unpatched);
        self.finish_transition();
        self.detach_vanished(false);
        self.platform.patch_list_set_transition(None);
    }

    /// Reverses the running transition.
    ///
    /// # Errors
    ///
    /// `EINVAL` when none runs, `ENOMEM`.
    pub(crate) fn reverse_transition(&mut self) -> Result {
        let Some((patch, direction)) = self
            .state
            .transition
            .as_ref()
            .map(|transition| (transition.patch, transition.direction))
        else {
            return Err(EINVAL);
        };
        let check = self.make_stack_check(patch, direction.reversed())?;
        self.reverse_with(check);
        Ok(())
    }

    /// Reverses the running transition, with a stack check for the new direction.
    fn reverse_with(&mut self, check: Box<StackCheck>) {
        let Some((patch, direction)) = self
            .state
            .transition
            .as_ref()
            .map(|transition| (transition.patch, transition.direction))
        else {
            return;
        };
        let back = direction.reversed();
        if let Some(patch) = self.state.transition_patch() {
            self.platform
                .debug(TransitionEvent::Reversing(&patch.name, direction));
        }
        self.stop_switching();
        if fault::is_injected(Fault::MarkBeforeTarget) {
            self.start_transition();
        }
        if let Some(patch) = self.state.get_mut(patch) {
            patch.set_enabled(self.platform, back == Direction::Patching);
        }
        if let Some(transition) = &mut self.state.transition {
            transition.direction = back;
            transition.has_stale_check = false;
        }
        self.set_target(back.target());
        if fault::is_injected(Fault::MarkWithoutGracePeriod) {
            self.start_transition();
        }
        // This also waits for tasks that had begun to switch. They may have either state then; those without the new
        // target state are marked next.
        self.set_stack_check(Some(check));
        self.start_transition();
        self.platform.retry_in(FIRST_WAIT);
    }

    /// Stops tasks from beginning to switch. Some may have begun already.
    fn stop_switching(&self) {
        let mut stop = |task: &P::Task| {
            self.platform.clear_pending(task);
        };
        if !fault::is_injected(Fault::ReverseWithoutStopping) {
            self.platform.for_each_task(&mut stop);
            self.platform.for_each_idle_task(|task, _| stop(task));
        }
    }

    /// Switches all tasks without a stack check.
    ///
    /// # Errors
    ///
    /// `EINVAL` when no transition of this patch runs.
    pub fn force(&mut self, patch: P::Patch) -> Result {
        let direction = match &self.state.transition {
            Some(transition) if transition.patch == patch => transition.direction,
            _ => return Err(EINVAL),
        };
        self.platform
            .warn(format_args!("forcing remaining tasks to the patched state"));
        self.platform
            .for_each_task(|task| self.published.update(self.platform, task));
        self.platform
            .for_each_idle_task(|task, _| self.published.update(self.platform, task));
        // Tasks may still be in functions that are not used any more, so their modules are pinned.
        let replaces = self.state.get(patch).is_some_and(|patch| patch.replace);
        for other in self.state.patches.iter_mut() {
            let is_this = other.handle == patch;
            let is_forced = match direction {
                Direction::Unpatching => is_this,
                Direction::Patching => replaces && !is_this,
            };
            if is_forced {
                other.forced = true;
                self.platform.set_forced(other.handle);
            }
        }
        self.platform.retry_in(Duration::ZERO);
        Ok(())
    }

    /// Replaces the stack check of the scheduler and the core. If there was one, waits until no task uses it, or
    /// an earlier target state.
    pub(crate) fn set_stack_check(&mut self, check: Option<Box<StackCheck>>) {
        let old = self
            .published
            .stack_check
            .publish(&mut self.state.check_writer, check);
        drop(old.reclaim_after(self.platform, &self.lock));
    }

    fn stack_check(&self) -> Option<&StackCheck> {
        self.published.stack_check.current(&self.state.check_writer)
    }

    /// Makes the stack check for a transition.
    pub(crate) fn make_stack_check(
        &self,
        patch: P::Patch,
        direction: Direction,
    ) -> Result<Box<StackCheck>> {
        Box::new(StackCheck::new(
            self.state,
            self.platform,
            patch,
            direction,
        )?)
    }
}
