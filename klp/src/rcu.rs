// SPDX-License-Identifier: GPL-2.0-only

//! RCU read-side critical sections: the target of a pointer under RCU lives as long as a guard.
//!
//! ```
//! use klp::prelude::*;
//! use klp::rcu;
//!
//! #[kernel_struct("link")]
//! struct Link {
//!     number: u32,
//!     #[follow(rcu, unsafe)]
//!     next: Option<&Link>,
//! }
//!
//! fn second(link: &Link) -> Option<u32> {
//!     let guard = rcu::read_lock();
//!     link.next(&guard).map(Link::number)
//! }
//! # fn main() {}
//! ```
//!
//! Accessors load such a pointer once, ordered before dependent reads, as `rcu_dereference()`. [`klp::list`](crate::list)
//! walks lists under RCU.
//!
//! The guard also protects data that C reads under `rcu_read_lock_bh()` or `rcu_read_lock_sched()`: since Linux 4.20,
//! `synchronize_rcu()` and `call_rcu()` wait for readers of all three kinds. If C also needs softirqs disabled, take a
//! guard with `_bh` of [`klp::sync`](crate::sync). There are no guards for SRCU and RCU tasks.
//!
//! For a kernel with Rust, the items are those of the `kernel` crate.

pub use crate::platform::rcu::{read_lock, Guard};
