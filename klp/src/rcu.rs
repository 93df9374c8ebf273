// SPDX-License-Identifier: GPL-2.0-only

//! The read side of RCU: what a pointer under RCU points to lives while a guard does.
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
//! Such a pointer is loaded once, and what is read through it is read after that, as with
//! `rcu_dereference()`. Lists under RCU are walked by [`klp::list`](crate::list).
//!
//! This guard is also the one for what C reads between `rcu_read_lock_bh()` or `rcu_read_lock_sched()` and their
//! counterparts: since Linux 4.20 there is one RCU, and `synchronize_rcu()` and `call_rcu()` wait for readers
//! of all three kinds. What C keeps softirqs off for besides is a matter of a lock: see the guards with
//! `_bh` of [`klp::sync`](crate::sync). SRCU and RCU tasks are others, and klp has no guards for them.
//!
//! Where the kernel has Rust, these are its own.

pub use crate::platform::rcu::{read_lock, Guard};
