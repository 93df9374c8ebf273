// SPDX-License-Identifier: GPL-2.0-only

//! The livepatch core in Rust, which replaces the kernel's core in C.
//!
//! The modules here are the logic: patches, their transitions, and the order in which changes become
//! visible. They are generic over a [`platform`], have no `unsafe`, and compile for the
//! kernel (`cfg(kernel)`) and for the host, where tests run them on a simulated kernel.
//!
//! There are two kinds of state:
//!
//! - [`model::Patches`] is everything that the core's mutex guards.
//! - [`published::Published`] is what other code reads without the mutex: the ftrace handler, the
//!   scheduler, the exit to user space, fork. It consists of atomics and of snapshots that are
//!   replaced as a whole.
//!
//! A [`context::Core`] combines both with the platform. It exists only while the mutex is held.
//!
//! Lock order: the core's mutex, then the patch list's ([`platform::Sysfs::patch_list_add`]), then the kernel's
//! task list.

#![deny(unsafe_code)]

/// The prefix of this crate's lines in the kernel's log.
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
mod guards;
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
