// SPDX-License-Identifier: GPL-2.0-only

//! The machine this runs on: its packages, processes and Rust toolchains.

pub mod bindgen;
pub mod llvm;
pub mod packages;
pub mod process;
pub mod progress;
pub mod toolchain;

use std::path::PathBuf;

/// The top of this checkout.
pub fn checkout() -> PathBuf {
    // `cargo run` sets the variable; a binary started by hand has what it was built with.
    let manifest = std::env::var_os("CARGO_MANIFEST_DIR")
        .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")), PathBuf::from);
    manifest.parent().map_or(manifest.clone(), PathBuf::from)
}
