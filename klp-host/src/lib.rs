// SPDX-License-Identifier: GPL-2.0-only

//! Builds live patches and tests them: fetches or builds kernels, builds modules for them, runs virtual
//! machines, and caches the results.
//!
//! It needs no checkout of this repository: callers pass paths into one.
//!
//! Modules import only from lower layers. From the lowest: [`host`] (with [`kconfig`] and [`arch`]), [`cache`],
//! [`tools`], `apt`, [`vm`], [`kernel`], [`module`], [`freestanding`].

#![deny(unsafe_code)]

mod apt;
pub mod arch;
mod build_folder;
pub mod cache;
pub mod freestanding;
pub mod host;
pub mod kconfig;
pub mod kernel;
mod kernel_image;
pub mod link;
pub mod module;
pub mod replace;
pub mod strip;
pub mod tools;
pub mod unpacked;
pub mod venv;
pub mod vm;
