// SPDX-License-Identifier: GPL-2.0-only

//! Waiting for a transition, and what happens when it stalls: first the tasks that hold it up are woken, then it is
//! turned round.

use std::time::{Duration, Instant};

use anyhow::Result;

use crate::kernel::Kernel;
use crate::kernel::tasks::{Blocker, wake};
use crate::outcome::{Failure, Outcome, Status};
use crate::output::{Progress, tasks};

/// How often the kernel is looked at.
const PAUSE: Duration = Duration::from_millis(50);

/// The longest that a transition may take after its blockers were woken.
const AFTER_WAKING: Duration = Duration::from_secs(10);

/// The least time for turning a transition round: tasks that have switched have to switch back.
const LEAST_REVERT: Duration = Duration::from_secs(5);

/// The awaited state.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Goal {
    /// The patch is enabled, and no transition runs.
    Applied,
    /// The kernel does not have the patch any more.
    Gone,
}

impl Goal {
    fn opposite(self) -> Self {
        match self {
            Self::Applied => Self::Gone,
            Self::Gone => Self::Applied,
        }
    }
}

/// How a transition ended.
#[derive(Debug)]
pub enum End {
    /// The goal was reached after this time.
    Reached(Duration),
    /// It stalled and was turned round: the state before is reached again. These tasks held it up.
    Reverted(Vec<Blocker>),
    /// It stalled in both directions. These tasks hold it up now.
    Stuck(Vec<Blocker>),
}

/// Sees the transition of the patch `name` through to its end.
///
/// # Errors
///
/// When sysfs cannot be read or written.
pub fn see_through(
    kernel: &Kernel,
    name: &str,
    goal: Goal,
    timeout: Duration,
    progress: &mut Progress,
) -> Result<End> {
    let start = Instant::now();
    if wait(kernel, name, goal, timeout, progress)? {
        return Ok(End::Reached(start.elapsed()));
    }
    let blockers = blockers(kernel, name)?;
    progress.say(&format!(
        "{name}: the transition has not ended after {} s; waking what holds it up: {}",
        timeout.as_secs(),
        tasks(blockers.len())
    ));
    wake(kernel, &blockers);
    if wait(kernel, name, goal, timeout.min(AFTER_WAKING), progress)? {
        return Ok(End::Reached(start.elapsed()));
    }
    let blockers = self::blockers(kernel, name)?;
    progress.say(&format!("{name}: turning the transition round"));
    let back = goal.opposite();
    if let Err(error) = kernel.set_enabled(name, back == Goal::Applied) {
        // It may have ended just now.
        if wait(kernel, name, goal, Duration::ZERO, progress)? {
            return Ok(End::Reached(start.elapsed()));
        }
        return Err(error);
    }
    match wait(kernel, name, back, timeout.max(LEAST_REVERT), progress)? {
        true => Ok(End::Reverted(blockers)),
        false => Ok(End::Stuck(self::blockers(kernel, name)?)),
    }
}

/// Waits until no patch is in transition.
///
/// # Errors
///
/// [`Status::InTransition`] when that takes longer than `timeout`.
pub fn wait_for_others(kernel: &Kernel, timeout: Duration) -> Outcome {
    let is_free = || Ok(kernel.in_transition()?.is_none());
    if until(timeout, is_free)? {
        return Ok(());
    }
    Err(Failure::new(
        Status::InTransition,
        format!(
            "another transition has been running for {} s; `klpctl blockers` says who holds it up",
            timeout.as_secs()
        ),
    ))
}

/// Waits for `goal`; says whether it was reached in time.
fn wait(
    kernel: &Kernel,
    name: &str,
    goal: Goal,
    timeout: Duration,
    progress: &mut Progress,
) -> Result<bool> {
    let reached = until(timeout, || {
        let patch = kernel.patch(name)?;
        if let Some(patch) = patch.as_ref().filter(|patch| patch.transition) {
            progress.tasks_left(name, || kernel.blocker_count(patch));
        }
        Ok(match (goal, patch) {
            (Goal::Applied, Some(patch)) => patch.enabled && !patch.transition,
            (Goal::Gone, patch) => patch.is_none(),
            (Goal::Applied, None) => false,
        })
    });
    progress.end();
    reached
}

/// Tries until `done` or for so long; at least once.
pub fn until(timeout: Duration, mut done: impl FnMut() -> Result<bool>) -> Result<bool> {
    let end = Instant::now() + timeout;
    loop {
        if done()? {
            return Ok(true);
        }
        if Instant::now() >= end {
            return Ok(false);
        }
        std::thread::sleep(PAUSE);
    }
}

fn blockers(kernel: &Kernel, name: &str) -> Result<Vec<Blocker>> {
    let patch = kernel.patch(name)?;
    Ok(patch
        .map(|patch| kernel.blockers(&patch))
        .unwrap_or_default())
}
