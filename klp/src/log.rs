// SPDX-License-Identifier: GPL-2.0-only

//! Rate-limited log messages.
//!
//! `pr_err_ratelimited!`, `pr_warn_ratelimited!` and `pr_info_ratelimited!` print at most ten messages in five seconds
//! at each call site, the kernel's default limit. `pr_warn_once!` prints only the first one.
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

/// The number of messages per interval.
const BURST: u32 = 10;

/// A rate limit of ten events in five seconds.
///
/// ```
/// use klp::log::RateLimit;
///
/// static LIMIT: RateLimit = RateLimit::new();
///
/// let done = (0..20).filter(|_| LIMIT.allows()).count();
/// assert_eq!(done, 10);
/// ```
pub struct RateLimit {
    /// The beginning of the interval, in jiffies.
    since: Atomic<usize>,
    /// The number of events in the interval, up to the limit; 0 before the first one.
    done: Atomic<u32>,
}

impl RateLimit {
    /// Creates a rate limit.
    #[allow(clippy::new_without_default)]
    #[inline]
    pub const fn new() -> Self {
        Self {
            since: Atomic::new(0),
            done: Atomic::new(0),
        }
    }

    /// Returns whether the limit allows another event, and counts it if so.
    #[inline]
    pub fn allows(&self) -> bool {
        self.allows_at(jiffies(), crate::platform::HZ * 5)
    }

    #[inline]
    fn allows_at(&self, now: usize, interval: usize) -> bool {
        let since = self.since.load(Relaxed);
        let is_new = self.done.load(Relaxed) == 0;
        // Several CPUs may begin the next interval at once, which allows a few more messages.
        if is_new || is_after(now, since.wrapping_add(interval)) {
            self.since.store(now, Relaxed);
            self.done.store(1, Relaxed);
            return true;
        }
        self.done.add_unless_reached(BURST)
    }
}

/// A counter with a limit.
trait Limited {
    fn add_unless_reached(&self, limit: u32) -> bool;
}

impl Limited for Atomic<u32> {
    #[inline]
    fn add_unless_reached(&self, limit: u32) -> bool {
        // Counting stops at the limit, so the counter does not wrap.
        self.load(Relaxed) < limit && self.fetch_add(1, Relaxed) < limit
    }
}

/// Prints a message within the rate limit of this call site.
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

/// Prints as `pr_err!`, at most ten times in five seconds at each call site.
///
/// ```
/// klp::pr_err_ratelimited!("refused {} bytes\n", 5000);
/// ```
#[macro_export]
macro_rules! pr_err_ratelimited {
    ($($arguments:tt)*) => {
        $crate::livepatch_ratelimited!(pr_err $($arguments)*)
    };
}

/// Prints as `pr_warn!`, at most ten times in five seconds at each call site.
///
/// ```
/// klp::pr_warn_ratelimited!("refused {} bytes\n", 5000);
/// ```
#[macro_export]
macro_rules! pr_warn_ratelimited {
    ($($arguments:tt)*) => {
        $crate::livepatch_ratelimited!(pr_warn $($arguments)*)
    };
}

/// Prints as `pr_info!`, at most ten times in five seconds at each call site.
///
/// ```
/// klp::pr_info_ratelimited!("refused {} bytes\n", 5000);
/// ```
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
    fn each_interval_allows_ten_events() {
        let limit = RateLimit::new();
        let now = usize::MAX - 2;
        let allowed = |at| (0..20).filter(|_| limit.allows_at(at, 100)).count();
        assert_eq!(allowed(now), 10);
        assert_eq!(allowed(now.wrapping_add(100)), 0);
        assert_eq!(allowed(now.wrapping_add(101)), 10);
    }
}
