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
//! Where the kernel has Rust, these are its own.

pub use crate::platform::rcu::{read_lock, Guard};
