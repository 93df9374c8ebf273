// SPDX-License-Identifier: GPL-2.0-only

//! The programs that builds and tests use: Debian packages, LLVM, bindgen, Rust toolchains, and
//! programs built from the registry.

mod apt_get;
pub mod bindgen;
pub mod llvm;
pub mod needs;
pub mod packages;
pub mod registry;
pub mod toolchain;
