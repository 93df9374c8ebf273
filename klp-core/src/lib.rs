// SPDX-License-Identifier: GPL-2.0-only

//! The livepatch core, in the place of the kernel's own.
//!
//! The modules here are the logic: what a patch is, when a task may use it, what is reported to whom
//! in which order. They are generic over a [`platform`], have no `unsafe`, and compile for the
//! kernel (`cfg(kernel)`) and for the host, with a simulated kernel for tests.
//!
//! Two kinds of state, distinguished by type:
//!
//! - [`model::Patches`] is everything that the core's mutex guards.
//! - [`published::Published`] is what other code reads without it: the redirect handler, the
//!   scheduler, the exit to user space, fork. It is made of atomics and of snapshots that are
//!   replaced as a whole.
//!
//! A [`context::Core`] is both together with the kernel around them. It exists only while the mutex is held.
//!
//! Lock order: the core's mutex, then the patch list's ([`platform::Sysfs::patch_list_add`]), then the kernel's
//! task list.

#![deny(unsafe_code)]

/// What the kernel's log lines of this crate begin with.
#[cfg(kernel)]
const __LOG_PREFIX: &[u8] = b"livepatch\0";

#[cfg(kernel)]
#[allow(unsafe_code)]
mod arch;
mod attach;
pub mod backoff;
mod checked_text;
mod cold_parts;
pub mod context;
pub mod direct_jump;
pub mod enable;
pub mod errno;
mod fault;
#[cfg(kernel)]
#[allow(unsafe_code)]
pub mod linux;
pub mod memory;
pub mod model;
pub mod modules;
pub mod name;
mod ops;
pub mod platform;
pub mod published;
pub mod redirect;
pub mod registered;
pub mod relocations;
pub mod replace;
#[cfg(all(test, not(kernel)))]
#[allow(missing_docs, unsafe_code)]
pub mod simulated;
mod site_ops;
pub mod sizes;
#[allow(unsafe_code)]
pub mod snapshot;
pub mod sort;
pub mod stack_check;
pub mod states;
pub mod symbols;
#[allow(unsafe_code)]
mod sync;
pub mod transition;
pub mod types;
pub mod unused;

#[cfg(all(test, not(kernel)))]
mod tests;
