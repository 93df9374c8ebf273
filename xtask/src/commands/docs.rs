// SPDX-License-Identifier: GPL-2.0-only

//! `cargo xtask docs`: writes the generated tables of the documentation.

use std::process::ExitCode;

use anyhow::Result;

use crate::{checkout, docs};

/// Writes them, and prints the pages that changed.
pub(super) fn run() -> Result<ExitCode> {
    for path in docs::write(&checkout::top())? {
        println!("wrote {}", path.display());
    }
    Ok(ExitCode::SUCCESS)
}
