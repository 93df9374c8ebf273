// SPDX-License-Identifier: GPL-2.0-only

//! What builds and runs live patches on a machine: kernels that are fetched or built, modules
//! built for them, virtual machines that run them, and the cache that keeps all of it.
//!
//! Needs no checkout of this repository: what is in one is passed in as paths.

#![deny(unsafe_code)]

pub mod arch;
pub mod cache;
pub mod freestanding;
pub mod host;
pub mod kernel;
pub mod link;
pub mod module;
pub mod replace;
pub mod strip;
pub mod unpacked;
pub mod venv;
pub mod vm;
