// SPDX-License-Identifier: GPL-2.0-only

//! The machine this runs on: its packages, processes and Rust toolchains.

mod apt_get;
pub mod bindgen;
pub mod consent;
mod environment;
pub mod files;
pub mod llvm;
pub mod needs;
pub mod packages;
pub mod paths;
pub mod process;
mod programs;
pub mod progress;
pub mod registry;
pub mod toolchain;
