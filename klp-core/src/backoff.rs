// SPDX-License-Identifier: GPL-2.0-only

//! The state of a running transition, and the intervals between its attempts to complete.

use crate::platform::Handles;
use crate::types::Direction;
use core::time::Duration;

/// A running transition.
#[derive(Debug)]
pub struct Transition<P: Handles> {
    /// The patch.
    pub patch: P::Patch,
    /// The direction.
    pub direction: Direction,
    /// The intervals between attempts.
    pub(crate) backoff: RetryBackoff,
    /// The transition was reversed because it missed its deadline. The reversed one has none.
    pub(crate) missed_deadline: bool,
    /// There was no memory to rebuild the stack check after its objects changed.
    pub(crate) has_stale_check: bool,
}

/// The intervals between attempts to complete a transition.
///
/// The interval doubles, up to a second: most transitions end as soon as all tasks have left the kernel
/// once, and a blocked one must not cost much.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RetryBackoff {
    /// The wait before the next attempt.
    next: Duration,
    /// The sum of all waits so far.
    pub(crate) waited: Duration,
    /// `waited` when tasks were signalled last.
    last_signal: Option<Duration>,
}

/// A request to signal the tasks that have not switched.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Signal {
    /// The first in this transition, which is logged.
    First,
    /// A later one.
    Again,
}

/// The wait before the second attempt.
pub(crate) const FIRST_WAIT: Duration = Duration::from_micros(250);

/// The longest wait between two attempts.
const LONGEST_WAIT: Duration = Duration::from_secs(1);

/// How long running tasks may take to leave the kernel by themselves. Later attempts kick them: a CPU without a
/// tick may stay in user space for ever.
const KICK_AFTER: Duration = Duration::from_millis(10);

/// The time after which tasks are signalled again.
const SIGNAL_INTERVAL: Duration = Duration::from_secs(15);

impl RetryBackoff {
    pub(crate) const fn new() -> Self {
        Self {
            next: FIRST_WAIT,
            waited: Duration::ZERO,
            last_signal: None,
        }
    }

    /// Should the next attempt kick running tasks?
    pub(crate) fn kicks(&self) -> bool {
        self.waited >= KICK_AFTER
    }

    /// Called after an attempt that did not switch all tasks. Returns whether to signal them, first after
    /// `signal_delay`, and how long to wait.
    pub(crate) fn next(
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
        // The deadline needs an attempt of its own.
        let wait = match deadline.and_then(|deadline| deadline.checked_sub(self.waited)) {
            Some(left) if !left.is_zero() => self.next.min(left),
            _ => self.next,
        };
        self.next = self.next.saturating_mul(2).min(LONGEST_WAIT);
        self.waited = self.waited.saturating_add(wait);
        (signal, wait)
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

    #[test]
    fn a_deadline_shortens_the_wait_before_it_and_no_other() {
        let mut backoff = RetryBackoff::new();
        let deadline = Some(Duration::from_micros(700));
        let waits: std::vec::Vec<_> = (0..4)
            .map(|_| backoff.next(SIGNAL_INTERVAL, deadline).1.as_micros())
            .collect();
        assert_eq!(waits, [250, 450, 1000, 2000]);
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
