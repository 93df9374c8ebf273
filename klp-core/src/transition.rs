// SPDX-License-Identifier: GPL-2.0-only

//! Transitions: how tasks come to use a patch, or to stop using it.
//!
//! Each task switches by itself, at a moment when it is in none of the functions concerned: while it sleeps,
//! if its stack shows that it is safe, or when it leaves the kernel, or idles. Until all have
//! switched, a redirect is in transition: it has a target for those that have and one for those
//! that have not.
//!
//! What happens in which order, and why:
//!
//! 1. All tasks get the state they are in now, then the redirects in transition are published. A
//!    handler that sees the second sees the first.
//! 2. Tasks are marked as pending. By then the target state is known to whoever switches them.
//! 3. When all have switched, settled redirects are published. Handlers that still use the
//!    others are waited for; only then tasks lose their state, which those handlers read.
//!
//! Tasks that end leave the task list some time before. They are met all the same, as long as they run
//! ([`Tasks::record_exits`](crate::platform::Tasks::record_exits)).

use crate::errno::{Result, EBUSY, EINVAL};
use crate::memory::Box;
use crate::patches::{Patch, Patches};
use crate::platform::{Platform, TransitionEvent};
use crate::published::Published;
use crate::stack_check::StackCheck;
use crate::types::{Blocker, Direction, PatchState};
use core::time::Duration;

/// The transition that runs.
#[derive(Debug)]
pub struct Transition<P: Platform> {
    /// Of this patch.
    pub patch: P::Patch,
    /// Where to.
    pub direction: Direction,
    /// When to try again.
    backoff: RetryBackoff,
    /// It was reversed because it did not end in time. The way back may take as long as it does.
    missed_deadline: bool,
    /// There was no memory for a stack check without a module that is gone.
    pub(crate) has_stale_check: bool,
}

/// How long a transition has tried, and what that means for the next attempt.
///
/// The wait doubles, up to a second: most transitions need a moment only, in which all tasks leave the
/// kernel once, and one that is held up must not cost much.
#[derive(Clone, Copy, Debug)]
struct RetryBackoff {
    /// Before the next attempt.
    next: Duration,
    /// So far.
    waited: Duration,
    /// `waited` when tasks were signalled last.
    last_signal: Option<Duration>,
}

/// Tasks that have not switched are to be signalled.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Signal {
    /// For the first time in this transition: with a line in the log.
    First,
    Again,
}

/// Before the second attempt.
const FIRST_WAIT: Duration = Duration::from_micros(250);

/// The longest between two attempts.
const LONGEST_WAIT: Duration = Duration::from_secs(1);

/// For so long, running tasks get the chance to leave the kernel by themselves. Then they are kicked at each
/// attempt: a CPU without a tick may be in user space for ever.
const KICK_AFTER: Duration = Duration::from_millis(10);

/// So many tasks are logged that held a transition up.
const MOST_REPORTED: usize = 10;

/// After which tasks are signalled again.
const SIGNAL_INTERVAL: Duration = Duration::from_secs(15);

impl RetryBackoff {
    const fn new() -> Self {
        Self {
            next: FIRST_WAIT,
            waited: Duration::ZERO,
            last_signal: None,
        }
    }

    /// Is it time to kick running tasks?
    fn kicks(&self) -> bool {
        self.waited >= KICK_AFTER
    }

    /// After an attempt that left tasks behind: whether to signal them, for the first time after
    /// `signal_delay`, and how long to wait.
    fn next(
        &mut self,
        signal_delay: Duration,
        deadline: Option<Duration>,
    ) -> (Option<Signal>, Duration) {
        let due = match self.last_signal {
            None => signal_delay,
            Some(last) => last.saturating_add(SIGNAL_INTERVAL),
        };
        let signal = (self.waited >= due).then_some(match self.last_signal {
            None => Signal::First,
            Some(_) => Signal::Again,
        });
        if signal.is_some() {
            self.last_signal = Some(self.waited);
        }
        // The deadline is an attempt, too.
        let wait = match deadline.and_then(|deadline| deadline.checked_sub(self.waited)) {
            Some(left) if !left.is_zero() => self.next.min(left),
            _ => self.next,
        };
        self.next = self.next.saturating_mul(2).min(LONGEST_WAIT);
        self.waited = self.waited.saturating_add(wait);
        (signal, wait)
    }
}

/// Tries to switch `task`. Returns `Ok` if the task has already switched.
///
/// # Errors
///
/// What keeps it from switching.
pub fn try_switch<P: Platform>(
    platform: &P,
    published: &Published,
    check: &StackCheck,
    task: &P::Task,
) -> core::result::Result<(), Blocker> {
    let target = published.target();
    if platform.state(task) == target {
        return Ok(());
    }
    let mut result = Err(Blocker::UnreliableStack);
    if !platform.has_reliable_stacks() {
        return result;
    }
    platform.with_stack(task, &mut |stack| {
        result = check.judge(&stack, platform.thread_function(task));
        if result.is_ok() {
            // The task does not run, so nothing comes between these two.
            platform.clear_pending(task);
            platform.set_state(task, target);
        }
    });
    result
}

impl<P: Platform> Patches<P> {
    /// Step 1, but for publishing: every task gets the state it is in.
    ///
    /// # Errors
    ///
    /// `EBUSY` when another transition runs; `ENOMEM`.
    pub(crate) fn init_transition(
        &mut self,
        platform: &P,
        published: &Published,
        patch: P::Patch,
        direction: Direction,
    ) -> Result {
        if self.transition.is_some() {
            return Err(EBUSY);
        }
        platform.record_exits();
        self.transition = Some(Transition {
            patch,
            direction,
            backoff: RetryBackoff::new(),
            missed_deadline: false,
            has_stale_check: false,
        });
        platform.patch_list_set_transition(Some(patch));
        published.set_target(direction.target());
        if let Some(patch) = self.get(patch) {
            platform.debug(TransitionEvent::Initializing(&patch.name, direction));
            patch.show_transition(platform, true);
        }
        let mut set = |task: &P::Task| {
            if platform.state(task) != PatchState::Idle {
                platform.bug(c"a task has a patch state while no transition runs");
            }
            platform.set_state(task, direction.initial());
        };
        platform.for_each_task(&mut set);
        platform.for_each_idle_task(&mut |task, _| set(task));
        Ok(())
    }

    /// Step 2.
    pub(crate) fn start_transition(&mut self, platform: &P, published: &Published) {
        let Some(transition) = &mut self.transition else {
            return;
        };
        transition.backoff = RetryBackoff::new();
        let (patch, direction) = (transition.patch, transition.direction);
        if let Some(patch) = self.get(patch) {
            platform.notice(format_args!(
                "'{}': starting {} transition",
                patch.name,
                direction.name()
            ));
        }
        let target = published.target();
        let mut mark = |task: &P::Task| {
            if platform.state(task) != target {
                platform.set_pending(task);
            }
        };
        platform.for_each_task(&mut mark);
        platform.for_each_idle_task(&mut |task, _| mark(task));
        platform.watch_scheduler(true);
    }

    /// Switches all tasks that can be, and ends the transition when none is left. Otherwise it
    /// is tried again later.
    pub fn try_complete(&mut self, platform: &P, published: &Published) {
        if self.transition.is_none() {
            return;
        }
        self.refresh_stale_check(platform, published);
        if self.switch_tasks(platform, published) {
            platform.watch_scheduler(false);
            self.complete_transition(platform, published);
            return;
        }
        let Some(transition) = &mut self.transition else {
            return;
        };
        let deadline = platform.deadline().filter(|_| !transition.missed_deadline);
        let waited = transition.backoff.waited;
        if deadline.is_some_and(|deadline| waited >= deadline)
            && self.miss_deadline(platform, published, waited).is_ok()
        {
            return;
        }
        let Some(transition) = &mut self.transition else {
            return;
        };
        let (signal, wait) = transition.backoff.next(platform.signal_delay(), deadline);
        if signal == Some(Signal::First) {
            platform.notice(format_args!("signaling remaining tasks"));
        }
        if signal.is_some() {
            platform.for_each_task(&mut |task| {
                if platform.is_pending(task) {
                    platform.signal(task);
                }
            });
        }
        platform.retry_in(wait);
    }

    /// Reverses the transition, which has not ended within `waited`, and logs which tasks held it up.
    ///
    /// # Errors
    ///
    /// Those of [`Patches::reverse_transition`]; it goes on then.
    fn miss_deadline(&mut self, platform: &P, published: &Published, waited: Duration) -> Result {
        let Some((patch, direction)) = self
            .transition
            .as_ref()
            .map(|transition| (transition.patch, transition.direction))
        else {
            return Ok(());
        };
        let check = self.make_stack_check(platform, patch, direction.reversed())?;
        if let Some(patch) = self.get(patch) {
            platform.notice(format_args!(
                "'{}': {} has not ended within {} ms, reversing it",
                patch.name,
                direction.name(),
                waited.as_millis()
            ));
        }
        self.report_blockers(platform, published);
        self.reverse_with(platform, published, check);
        if let Some(transition) = &mut self.transition {
            transition.missed_deadline = true;
        }
        Ok(())
    }

    /// Logs which tasks have not switched, and why, up to a number.
    fn report_blockers(&self, platform: &P, published: &Published) {
        let Some(check) = self.stack_check(published) else {
            return;
        };
        let mut more = 0usize;
        let mut reported = 0usize;
        platform.for_each_task(&mut |task| {
            if !platform.is_pending(task) {
                return;
            }
            if reported == MOST_REPORTED {
                more = more.saturating_add(1);
                return;
            }
            reported = reported.saturating_add(1);
            platform.with_stack(task, &mut |stack| {
                if let Err(why) = check.judge(&stack, platform.thread_function(task)) {
                    platform.held_up(task, why, check.name(why));
                }
            });
        });
        if more > 0 {
            platform.notice(format_args!("and {more} more tasks"));
        }
    }

    fn refresh_stale_check(&mut self, platform: &P, published: &Published) {
        let is_stale = |transition: &Transition<P>| transition.has_stale_check;
        if self.transition.as_ref().is_some_and(is_stale) {
            // Without memory it is tried again with the next attempt.
            let _ = self.refresh_stack_check(platform, published);
        }
    }

    /// Have all tasks switched now?
    fn switch_tasks(&self, platform: &P, published: &Published) -> bool {
        let Some(check) = self.stack_check(published) else {
            return false;
        };
        let kicks = |transition: &Transition<P>| transition.backoff.kicks();
        let kicks = self.transition.as_ref().is_some_and(kicks);
        let mut complete = true;
        platform.for_each_task(&mut |task| {
            if let Err(blocker) = try_switch(platform, published, check, task) {
                complete = false;
                if kicks && blocker == Blocker::Running {
                    platform.kick(task);
                }
                platform.blocked(task, blocker, check.name(blocker));
            }
        });
        platform.for_each_idle_task(&mut |task, online| match online {
            Some(cpu) => {
                if let Err(blocker) = try_switch(platform, published, check, task) {
                    complete = false;
                    platform.blocked(task, blocker, check.name(blocker));
                    // Its idle loop will switch it.
                    platform.wake_idle(cpu);
                }
            }
            // It does not run.
            None => {
                platform.clear_pending(task);
                platform.set_state(task, published.target());
            }
        });
        complete
    }

    /// Step 3. Afterwards the patch that is not used any more, or those that were replaced, are released.
    fn complete_transition(&mut self, platform: &P, published: &Published) {
        let Some((patch, enabled, replace)) = self
            .transition_patch()
            .map(|patch| (patch.handle, patch.enabled, patch.replace))
        else {
            return;
        };
        self.finish_transition(platform, published);
        self.detach_vanished(platform, published, false);
        // Only now: whoever waits for the end may unload the module next.
        platform.patch_list_set_transition(None);
        if !enabled {
            self.release(platform, patch);
        } else if replace {
            self.release_replaced(platform, patch);
        }
    }

    /// Step 3, as far as it is the same for a transition that never started.
    fn finish_transition(&mut self, platform: &P, published: &Published) {
        let Some(Transition {
            patch, direction, ..
        }) = self.transition
        else {
            return;
        };
        let Some(index) = self.index(patch) else {
            return;
        };
        if let Some(patch) = self.patches.get(index) {
            platform.debug(TransitionEvent::Completing(&patch.name, direction));
        }
        match direction {
            Direction::Patching => self.retire_replaced(platform, index),
            Direction::Unpatching => {
                if let Some(patch) = self.patches.get_mut(index) {
                    patch.unpatch_all(platform);
                }
            }
        }
        // From here on the redirects are settled, and those taken away above are gone.
        self.publish(platform, published, None);
        if let Some(patch) = self.patches.get(index) {
            if direction == Direction::Unpatching || patch.replace {
                platform.wait_for_unrecorded_exits();
            }
            patch.show_transition(platform, false);
        }

        let mut forget = |task: &P::Task| {
            if platform.is_pending(task) {
                platform.bug(c"a task is still to switch though all have");
            }
            platform.set_state(task, PatchState::Idle);
        };
        platform.for_each_task(&mut forget);
        platform.for_each_idle_task(&mut |task, _| forget(task));

        self.drop_nops(platform, index);
        if let Some(patch) = self.patches.get_mut(index) {
            patch.call_post_callbacks(platform, direction);
            platform.notice(format_args!(
                "'{}': {} complete",
                patch.name,
                direction.name()
            ));
        }
        published.set_target(PatchState::Idle);
        self.transition = None;
        self.set_stack_check(platform, published, None);
        self.promote_soon(platform);
    }

    /// Takes back a transition to a patch that has not started.
    pub(crate) fn cancel_transition(&mut self, platform: &P, published: &Published) {
        let Some(transition) = &mut self.transition else {
            return;
        };
        if transition.direction != Direction::Patching {
            platform.bug(c"only patching can be canceled");
            return;
        }
        transition.direction = Direction::Unpatching;
        if let Some(patch) = self.transition_patch() {
            platform.debug(TransitionEvent::Canceling(&patch.name));
        }
        published.set_target(PatchState::Unpatched);
        self.finish_transition(platform, published);
        self.detach_vanished(platform, published, false);
        platform.patch_list_set_transition(None);
    }

    /// Turns the transition that runs around.
    ///
    /// # Errors
    ///
    /// `EINVAL` when none runs, `ENOMEM`.
    pub(crate) fn reverse_transition(&mut self, platform: &P, published: &Published) -> Result {
        let Some((patch, direction)) = self
            .transition
            .as_ref()
            .map(|transition| (transition.patch, transition.direction))
        else {
            return Err(EINVAL);
        };
        let check = self.make_stack_check(platform, patch, direction.reversed())?;
        self.reverse_with(platform, published, check);
        Ok(())
    }

    /// Turns the transition around, with this stack check for the way back.
    fn reverse_with(&mut self, platform: &P, published: &Published, check: Box<StackCheck>) {
        let Some((patch, direction)) = self
            .transition
            .as_ref()
            .map(|transition| (transition.patch, transition.direction))
        else {
            return;
        };
        let back = direction.reversed();
        if let Some(patch) = self.transition_patch() {
            platform.debug(TransitionEvent::Reversing(&patch.name, direction));
        }
        // No task switches any more, and those that were about to have done it ...
        let mut stop = |task: &P::Task| {
            platform.clear_pending(task);
        };
        platform.for_each_task(&mut stop);
        platform.for_each_idle_task(&mut |task, _| stop(task));
        platform.wait_for_cpus();
        // ... before the target changes.
        if let Some(patch) = self.get_mut(patch) {
            patch.set_enabled(platform, back == Direction::Patching);
        }
        if let Some(transition) = &mut self.transition {
            transition.direction = back;
            transition.has_stale_check = false;
        }
        published.set_target(back.target());
        self.set_stack_check(platform, published, Some(check));
        self.start_transition(platform, published);
        platform.retry_in(FIRST_WAIT);
    }

    /// Switches all tasks, safe or not.
    ///
    /// # Errors
    ///
    /// `EINVAL` when no transition of this patch runs.
    pub fn force(&mut self, platform: &P, published: &Published, patch: P::Patch) -> Result {
        let direction = match &self.transition {
            Some(transition) if transition.patch == patch => transition.direction,
            _ => return Err(EINVAL),
        };
        platform.warn(format_args!("forcing remaining tasks to the patched state"));
        platform.for_each_task(&mut |task| published.update(platform, task));
        platform.for_each_idle_task(&mut |task, _| published.update(platform, task));
        // Tasks may still be in functions that should be gone, so their modules stay forever.
        let replaces = self.get(patch).is_some_and(|patch| patch.replace);
        for other in self.patches.iter_mut() {
            let is_this = other.handle == patch;
            let is_forced = match direction {
                Direction::Unpatching => is_this,
                Direction::Patching => replaces && !is_this,
            };
            if is_forced {
                other.forced = true;
                platform.set_forced(other.handle);
            }
        }
        platform.retry_in(Duration::ZERO);
        Ok(())
    }

    /// The patch whose transition runs.
    pub(crate) fn transition_patch(&self) -> Option<&Patch<P>> {
        self.get(self.transition.as_ref()?.patch)
    }

    /// Replaces what the scheduler, and we, look for on stacks.
    pub(crate) fn set_stack_check(
        &mut self,
        platform: &P,
        published: &Published,
        check: Option<Box<StackCheck>>,
    ) {
        let old = published.stack_check.publish(&mut self.check_writer, check);
        drop(old.reclaim_after(platform));
    }

    fn stack_check<'a>(&'a self, published: &Published) -> Option<&'a StackCheck> {
        published.stack_check.current(&self.check_writer)
    }

    /// What must not be on a stack for this transition.
    pub(crate) fn make_stack_check(
        &self,
        platform: &P,
        patch: P::Patch,
        direction: Direction,
    ) -> Result<Box<StackCheck>> {
        Box::new(StackCheck::new(self, platform, patch, direction)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wait_doubles_up_to_a_second() {
        let mut backoff = RetryBackoff::new();
        let waits: std::vec::Vec<_> = (0..15)
            .map(|_| backoff.next(SIGNAL_INTERVAL, None).1.as_micros())
            .collect();
        assert_eq!(waits[..4], [250, 500, 1000, 2000]);
        assert_eq!(waits[11..], [512_000, 1_000_000, 1_000_000, 1_000_000]);
    }

    /// When tasks are signalled within a minute, and how.
    fn signals(delay: Duration) -> std::vec::Vec<(Signal, Duration)> {
        let mut backoff = RetryBackoff::new();
        let mut waited = Duration::ZERO;
        let mut signals = std::vec::Vec::new();
        while waited < Duration::from_secs(60) {
            let (signal, wait) = backoff.next(delay, None);
            signals.extend(signal.map(|signal| (signal, waited)));
            waited += wait;
        }
        signals
    }

    #[test]
    fn tasks_are_signalled_every_fifteen_seconds_and_the_log_says_so_once() {
        let signals = signals(Duration::from_secs(15));
        let first = Duration::from_secs(15)..Duration::from_secs(17);
        assert!(first.contains(&signals[0].1), "{signals:?}");
        assert_eq!(signals[0].0, Signal::First);
        assert!(signals.len() >= 3);
        for pair in signals.windows(2) {
            assert_eq!(pair[1].0, Signal::Again);
            assert!(pair[1].1 - pair[0].1 >= SIGNAL_INTERVAL, "{signals:?}");
        }
    }

    #[test]
    fn the_first_signal_can_come_sooner() {
        let signals = signals(Duration::from_millis(10));
        assert_eq!(signals[0], (Signal::First, Duration::from_micros(15_750)));
        assert!(
            signals[1].1 - signals[0].1 >= SIGNAL_INTERVAL,
            "{signals:?}"
        );
    }
}
