// SPDX-License-Identifier: GPL-2.0-only

//! Messages that must not fill the log.
//!
//! `pr_warn_ratelimited!` and its like print at most ten messages in five seconds, each for itself: the
//! kernel's own limits. `pr_warn_once!` prints the first one.
//!
//! ```
//! use klp::prelude::*;
//!
//! fn refused(length: usize) {
//!     pr_warn_ratelimited!("a record of {length} bytes is refused\n");
//! }
//! # refused(1);
//! ```

use crate::sync::{Atomic, Relaxed};
use crate::time::{is_after, jiffies};

/// How many messages a time has.
const BURST: u32 = 10;

/// How often something is done at most: ten times in five seconds. What is suppressed is not counted.
pub struct RateLimit {
    /// When the time began.
    since: Atomic<usize>,
    done: Atomic<u32>,
}

impl RateLimit {
    /// Nothing was done yet.
    #[allow(clippy::new_without_default)]
    #[inline]
    pub const fn new() -> Self {
        Self {
            since: Atomic::new(0),
            done: Atomic::new(0),
        }
    }

    /// Whether it may be done now; then it counts as done.
    #[inline]
    pub fn allows(&self) -> bool {
        self.allows_at(jiffies(), crate::platform::HZ * 5)
    }

    #[inline]
    fn allows_at(&self, now: usize, interval: usize) -> bool {
        let since = self.since.load(Relaxed);
        let is_new = self.done.load(Relaxed) == 0;
        // Of several CPUs that find the time over, each may begin the next one: a few messages more.
        if is_new || is_after(now, since.wrapping_add(interval)) {
            self.since.store(now, Relaxed);
            self.done.store(1, Relaxed);
            return true;
        }
        self.done.add_unless_reached(BURST)
    }
}

/// Counting up to a limit.
trait Limited {
    fn add_unless_reached(&self, limit: u32) -> bool;
}

impl Limited for Atomic<u32> {
    #[inline]
    fn add_unless_reached(&self, limit: u32) -> bool {
        // It does not go on counting, and so does not wrap.
        self.load(Relaxed) < limit && self.fetch_add(1, Relaxed) < limit
    }
}

/// Prints a message, unless there were ten at this place in five seconds.
#[doc(hidden)]
#[macro_export]
macro_rules! livepatch_ratelimited {
    ($print:ident $($arguments:tt)*) => {{
        static LIMIT: $crate::log::RateLimit = $crate::log::RateLimit::new();
        if LIMIT.allows() {
            $crate::__private::$print!($($arguments)*);
        }
    }};
}

/// `pr_err!`, at most ten times in five seconds at one place.
#[macro_export]
macro_rules! pr_err_ratelimited {
    ($($arguments:tt)*) => {
        $crate::livepatch_ratelimited!(pr_err $($arguments)*)
    };
}

/// `pr_warn!`, at most ten times in five seconds at one place.
#[macro_export]
macro_rules! pr_warn_ratelimited {
    ($($arguments:tt)*) => {
        $crate::livepatch_ratelimited!(pr_warn $($arguments)*)
    };
}

/// `pr_info!`, at most ten times in five seconds at one place.
#[macro_export]
macro_rules! pr_info_ratelimited {
    ($($arguments:tt)*) => {
        $crate::livepatch_ratelimited!(pr_info $($arguments)*)
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ten_in_a_time() {
        let limit = RateLimit::new();
        let now = usize::MAX - 2;
        let allowed = |at| (0..20).filter(|_| limit.allows_at(at, 100)).count();
        assert_eq!(allowed(now), 10);
        assert_eq!(allowed(now.wrapping_add(100)), 0);
        assert_eq!(allowed(now.wrapping_add(101)), 10);
    }
}
