// SPDX-License-Identifier: GPL-2.0-only

//! The livepatch core, in the place of the kernel's own.
//!
//! The modules here are the logic: what a patch is, when a task may use it, what is reported to whom
//! in which order. They are generic over a [`platform`], hold no `unsafe`, and compile for the
//! kernel (`cfg(kernel)`) and for the host, where a simulated kernel stands in for tests.
//!
//! Two kinds of state, told apart by type:
//!
//! - [`patches::Patches`] is everything that the core's mutex guards. Whoever has a `&mut Patches`
//!   holds the mutex.
//! - [`published::Published`] is what other code reads without it: the redirect handler, the
//!   scheduler, the exit to user space, fork. It is made of atomics and of snapshots that are
//!   replaced as a whole.
//!
//! Lock order: the core's mutex, then the patch list's ([`platform::Sysfs::patch_list_add`]), then the kernel's
//! task list.

#![deny(unsafe_code)]

/// What the kernel's log lines of this crate begin with.
#[cfg(kernel)]
const __LOG_PREFIX: &[u8] = b"livepatch\0";

mod attach;
mod cold_parts;
pub mod direct_jump;
pub mod errno;
pub mod memory;
pub mod name;
pub mod objects;
pub mod patches;
#[allow(unsafe_code)]
pub mod platform;
pub mod published;
pub mod redirect;
pub mod relocations;
pub mod replace;
pub mod sizes;
#[allow(unsafe_code)]
pub mod snapshot;
pub mod sort;
pub mod stack_check;
pub mod states;
pub mod symbols;
pub mod transition;
pub mod types;

#[cfg(all(test, not(kernel)))]
mod tests;
