// SPDX-License-Identifier: GPL-2.0-only

//! Waits for a transition. If it stalls, first its blockers are woken, then it is reversed.

use std::time::{Duration, Instant};

use anyhow::Result;

use crate::kernel::Kernel;
use crate::kernel::tasks::{Blocker, wake};
use crate::outcome::{Failure, Outcome, Status};
use crate::output::{Progress, tasks};

/// The interval between reads of the kernel's state.
const POLL_INTERVAL: Duration = Duration::from_millis(50);

/// The maximum time limit after the blockers were woken.
const AFTER_WAKING_MAX: Duration = Duration::from_secs(10);

/// The minimum time limit of a reversal: tasks that have switched have to switch back.
const REVERSAL_MIN: Duration = Duration::from_secs(5);

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
    /// It stalled because of these blockers, and its reversal restored the previous state.
    Reverted(Vec<Blocker>),
    /// It stalled in both directions, now because of these blockers.
    Stuck(Vec<Blocker>),
}

/// Waits for the transition of the patch `name`; reverses it if it stalls.
///
/// # Errors
///
/// sysfs cannot be read or written.
pub fn wait_or_reverse(
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
        "{name}: the transition has not ended after {} s; waking {}",
        timeout.as_secs(),
        tasks(blockers.len())
    ));
    wake(kernel, &blockers);
    if wait(kernel, name, goal, timeout.min(AFTER_WAKING_MAX), progress)? {
        return Ok(End::Reached(start.elapsed()));
    }
    let blockers = self::blockers(kernel, name)?;
    progress.say(&format!("{name}: reversing the transition"));
    let back = goal.opposite();
    if let Err(error) = kernel.set_enabled(name, back == Goal::Applied) {
        // The transition may just have ended.
        if wait(kernel, name, goal, Duration::ZERO, progress)? {
            return Ok(End::Reached(start.elapsed()));
        }
        return Err(error);
    }
    match wait(kernel, name, back, timeout.max(REVERSAL_MIN), progress)? {
        true => Ok(End::Reverted(blockers)),
        false => Ok(End::Stuck(self::blockers(kernel, name)?)),
    }
}

/// Waits until no patch is in transition.
///
/// # Errors
///
/// [`Status::InTransition`] if that takes longer than `timeout`.
pub fn wait_for_others(kernel: &Kernel, timeout: Duration) -> Outcome {
    let is_free = || Ok(kernel.in_transition()?.is_none());
    if until(timeout, is_free)? {
        return Ok(());
    }
    Err(Failure::new(
        Status::InTransition,
        format!(
            "another transition has been running for {} s; `klpctl blockers` lists the tasks that hold it up",
            timeout.as_secs()
        ),
    ))
}

/// Waits for `goal`; returns whether it was reached in time.
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

/// Calls `done` until it returns true or the time is up, at least once. Returns the last result.
pub fn until(timeout: Duration, mut done: impl FnMut() -> Result<bool>) -> Result<bool> {
    let end = Instant::now() + timeout;
    loop {
        if done()? {
            return Ok(true);
        }
        if Instant::now() >= end {
            return Ok(false);
        }
        std::thread::sleep(POLL_INTERVAL);
    }
}

fn blockers(kernel: &Kernel, name: &str) -> Result<Vec<Blocker>> {
    let patch = kernel.patch(name)?;
    Ok(patch
        .map(|patch| kernel.blockers(&patch))
        .unwrap_or_default())
}
