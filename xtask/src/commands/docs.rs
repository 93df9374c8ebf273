// SPDX-License-Identifier: GPL-2.0-only

//! `cargo xtask docs`: writes the generated tables of the documentation.

use std::process::ExitCode;

use anyhow::Result;

use crate::{checkout, docs};

/// Writes the tables, and prints the names of changed pages.
pub(super) fn run() -> Result<ExitCode> {
    for path in docs::write(&checkout::top())? {
        println!("wrote {}", path.display());
    }
    Ok(ExitCode::SUCCESS)
}
