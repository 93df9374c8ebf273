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
//! 2. Tasks are told to switch. By then the target state is known to whoever does it for them.
//! 3. When all have switched, settled redirects are published. Handlers that still use the
//!    others are waited for; only then tasks lose their state, which those handlers read.

use crate::errno::{Result, EBUSY, EINVAL};
use crate::memory::Box;
use crate::patches::{Patch, Patches};
use crate::platform::{Debug, Platform, Stack};
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
    pace: Pace,
}

/// How long a transition has tried, and what that means for the next time.
///
/// The wait doubles, up to a second: most transitions need a moment only, in which all tasks leave the
/// kernel once, and one that is held up must not cost much.
#[derive(Clone, Copy, Debug)]
struct Pace {
    /// Before the next attempt.
    next: Duration,
    /// So far.
    waited: Duration,
    /// Have tasks been nudged?
    nudged: bool,
    /// `waited` when they were last nudged with a line in the log.
    told: Duration,
}

/// What to do about tasks that have not switched.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Nudge {
    No,
    Quietly,
    /// With a line in the log.
    Told,
}

/// Before the second attempt.
const FIRST_WAIT: Duration = Duration::from_micros(250);

/// The longest between two attempts.
const LONGEST_WAIT: Duration = Duration::from_secs(1);

/// For so long, tasks get the chance to switch by themselves. Then those that would if they were awake are
/// woken: sleepers that can be interrupted.
const QUIET_NUDGE: Duration = Duration::from_millis(10);

/// After which the log says that tasks are signalled, and after which it is done again.
const SIGNALS_TIMEOUT: Duration = Duration::from_secs(15);

impl Pace {
    const fn new() -> Self {
        Self {
            next: FIRST_WAIT,
            waited: Duration::ZERO,
            nudged: false,
            told: Duration::ZERO,
        }
    }

    /// After an attempt that left tasks behind: what to do about them, and how long to wait.
    fn next(&mut self) -> (Nudge, Duration) {
        let nudge = if self.waited >= self.told.saturating_add(SIGNALS_TIMEOUT) {
            self.told = self.waited;
            Nudge::Told
        } else if !self.nudged && self.waited >= QUIET_NUDGE {
            Nudge::Quietly
        } else {
            Nudge::No
        };
        self.nudged |= nudge != Nudge::No;
        let wait = self.next;
        self.next = wait.saturating_mul(2).min(LONGEST_WAIT);
        self.waited = self.waited.saturating_add(wait);
        (nudge, wait)
    }
}

/// Tries to switch `task`. Whoever has switched already has succeeded.
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
        result = check.judge(&stack);
        if result.is_ok() {
            // The task does not run, so nothing comes between these two.
            platform.clear_pending(task);
            platform.set_state(task, target);
        }
    });
    result
}

impl StackCheck {
    /// May a task with this stack switch?
    ///
    /// # Errors
    ///
    /// What keeps it from switching.
    pub fn judge(&self, stack: &Stack<'_>) -> core::result::Result<(), Blocker> {
        match stack {
            Stack::Running => Err(Blocker::Running),
            Stack::Unreliable => Err(Blocker::UnreliableStack),
            Stack::Known(addresses) => match self.first_in(addresses) {
                Some(index) => Err(Blocker::Sleeping(index)),
                None => Ok(()),
            },
        }
    }
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
        self.transition = Some(Transition {
            patch,
            direction,
            pace: Pace::new(),
        });
        platform.roster_transition(Some(patch));
        published.set_target(direction.target());
        if let Some(patch) = self.get(patch) {
            platform.debug(Debug::Initializing(&patch.name, direction));
        }
        let mut set = |task: &P::Task| {
            if platform.state(task) != PatchState::Idle {
                platform.bug(c"a task has a patch state while no transition runs");
            }
            platform.set_state(task, direction.initial());
        };
        platform.each(&mut set);
        platform.each_idle(&mut |task, _| set(task));
        Ok(())
    }

    /// Step 2.
    pub(crate) fn start_transition(&mut self, platform: &P, published: &Published) {
        let Some(transition) = &mut self.transition else {
            return;
        };
        transition.pace = Pace::new();
        let (patch, direction) = (transition.patch, transition.direction);
        if let Some(patch) = self.get(patch) {
            platform.notice(format_args!(
                "'{}': starting {} transition",
                patch.name,
                direction.name()
            ));
        }
        let target = published.target();
        let mut tell = |task: &P::Task| {
            if platform.state(task) != target {
                platform.set_pending(task);
            }
        };
        platform.each(&mut tell);
        platform.each_idle(&mut |task, _| tell(task));
        platform.watch_scheduler(true);
    }

    /// Switches all tasks that can be, and ends the transition when none is left. Otherwise it
    /// is tried again later.
    pub fn try_complete(&mut self, platform: &P, published: &Published) {
        if self.transition.is_none() {
            return;
        }
        if self.switch_tasks(platform, published) {
            platform.watch_scheduler(false);
            self.complete_transition(platform, published);
            return;
        }
        let Some(transition) = &mut self.transition else {
            return;
        };
        let (nudge, wait) = transition.pace.next();
        if nudge == Nudge::Told {
            platform.notice(format_args!("signaling remaining tasks"));
        }
        if nudge != Nudge::No {
            platform.each(&mut |task| {
                if platform.is_pending(task) {
                    platform.nudge(task);
                }
            });
        }
        platform.retry_in(wait);
    }

    /// Have all tasks switched now?
    fn switch_tasks(&self, platform: &P, published: &Published) -> bool {
        let Some(check) = self.stack_check(published) else {
            return false;
        };
        let mut complete = true;
        platform.each(&mut |task| {
            if let Err(blocker) = try_switch(platform, published, check, task) {
                complete = false;
                platform.blocked(task, blocker, check.name(blocker));
            }
        });
        platform.each_idle(&mut |task, online| match online {
            Some(cpu) => {
                if let Err(blocker) = try_switch(platform, published, check, task) {
                    complete = false;
                    platform.blocked(task, blocker, check.name(blocker));
                    // Its idle loop will switch it.
                    platform.nudge_idle(cpu);
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

    /// Step 3. Afterwards the patch that is not used any more, or those that were replaced, are let go.
    fn complete_transition(&mut self, platform: &P, published: &Published) {
        let Some((patch, enabled, replace)) = self
            .transition_patch()
            .map(|patch| (patch.handle, patch.enabled, patch.replace))
        else {
            return;
        };
        self.finish_transition(platform, published);
        self.detach_vanished(platform, published, false);
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
            platform.debug(Debug::Completing(&patch.name, direction));
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
        self.publish_fewer(platform, published, None);

        let mut forget = |task: &P::Task| {
            if platform.is_pending(task) {
                platform.bug(c"a task is still to switch though all have");
            }
            platform.set_state(task, PatchState::Idle);
        };
        platform.each(&mut forget);
        platform.each_idle(&mut |task, _| forget(task));

        self.drop_nops(platform, index);
        if let Some(patch) = self.patches.get_mut(index) {
            patch.tell_objects(platform, direction);
            platform.notice(format_args!(
                "'{}': {} complete",
                patch.name,
                direction.name()
            ));
        }
        published.set_target(PatchState::Idle);
        self.transition = None;
        platform.roster_transition(None);
        self.set_stack_check(platform, published, None);
        self.settle_soon(platform);
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
            platform.debug(Debug::Canceling(&patch.name));
        }
        published.set_target(PatchState::Unpatched);
        self.finish_transition(platform, published);
        self.detach_vanished(platform, published, false);
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
        let back = direction.reversed();
        let check = self.make_stack_check(platform, patch, back)?;
        if let Some(patch) = self.transition_patch() {
            platform.debug(Debug::Reversing(&patch.name, direction));
        }
        // Nobody switches any more, and whoever was about to has done it ...
        let mut stop = |task: &P::Task| {
            platform.clear_pending(task);
        };
        platform.each(&mut stop);
        platform.each_idle(&mut |task, _| stop(task));
        platform.wait_for_cpus();
        // ... before the target changes.
        if let Some(patch) = self.get_mut(patch) {
            patch.set_enabled(platform, back == Direction::Patching);
        }
        if let Some(transition) = &mut self.transition {
            transition.direction = back;
        }
        published.set_target(back.target());
        self.set_stack_check(platform, published, Some(check));
        self.start_transition(platform, published);
        platform.retry_in(FIRST_WAIT);
        Ok(())
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
        platform.each(&mut |task| published.update(platform, task));
        platform.each_idle(&mut |task, _| published.update(platform, task));
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
        if old.get().is_some() {
            drop(old.reclaim(&platform.wait_for_cpus()));
        }
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
    fn the_pace_doubles_up_to_a_second() {
        let mut pace = Pace::new();
        let waits: std::vec::Vec<_> = (0..15).map(|_| pace.next().1.as_micros()).collect();
        assert_eq!(waits[..4], [250, 500, 1000, 2000]);
        assert_eq!(waits[11..], [512_000, 1_000_000, 1_000_000, 1_000_000]);
    }

    #[test]
    fn sleepers_are_woken_soon_and_the_log_says_so_after_fifteen_seconds() {
        let mut pace = Pace::new();
        let mut waited = Duration::ZERO;
        let mut told = std::vec::Vec::new();
        let mut quietly = std::vec::Vec::new();
        for _ in 0..60 {
            let (nudge, wait) = pace.next();
            match nudge {
                Nudge::Told => told.push(waited),
                Nudge::Quietly => quietly.push(waited),
                Nudge::No => {}
            }
            waited += wait;
        }
        assert_eq!(quietly, [Duration::from_micros(15_750)]);
        let range = Duration::from_secs(15)..Duration::from_secs(17);
        assert!(range.contains(&told[0]), "{told:?}");
        let far_apart = |pair: &[Duration]| pair[1] - pair[0] >= Duration::from_secs(15);
        assert!(told.windows(2).all(far_apart), "{told:?}");
    }
}
