// SPDX-License-Identifier: GPL-2.0-only

//! Jiffies, the unit of many times in kernel structures.
//!
//! The `kernel` crate's `time` has other clocks, sleeping and conversions.

use crate::platform::bindings;
use core::ptr;

/// Returns the current time in jiffies. It wraps: compare with [`is_after`].
///
/// ```
/// use klp::time::{is_after, jiffies};
///
/// fn has_expired(deadline: usize) -> bool {
///     is_after(jiffies(), deadline)
/// }
/// ```
#[inline]
pub fn jiffies() -> usize {
    // SAFETY: an aligned word, which is always valid. It changes at any time.
    unsafe { ptr::read_volatile(&raw const bindings::jiffies) }
}

/// Returns whether the time `one` in jiffies is later than `other`, also across a wrap, as C's `time_after()`.
///
/// ```
/// use klp::time::{is_after, jiffies};
///
/// let deadline = jiffies().wrapping_add(100);
/// assert!(!is_after(jiffies(), deadline));
/// assert!(is_after(5, usize::MAX));
/// ```
#[inline]
pub const fn is_after(one: usize, other: usize) -> bool {
    // CAST: the sign of the distance is the result.
    (other.wrapping_sub(one) as isize) < 0
}
