// SPDX-License-Identifier: GPL-2.0-only

//! The kernel's clock tick, in which many of its structures keep times.
//!
//! Other clocks, sleeping and conversions are in the kernel crate's `time`.

use crate::platform::bindings;
use core::ptr;

/// How many ticks there were since an arbitrary time around boot. It wraps: compare with [`is_after`].
#[inline]
pub fn jiffies() -> usize {
    // SAFETY: an aligned word that lasts as long as the kernel. It changes at any time.
    unsafe { ptr::read_volatile(&raw const bindings::jiffies) }
}

/// Whether the time `one` in ticks is later than `other`, also across a wrap: C's `time_after()`.
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
    // CAST: the distance's sign is what is asked for.
    (other.wrapping_sub(one) as isize) < 0
}
