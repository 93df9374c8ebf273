// SPDX-License-Identifier: GPL-2.0-only

//! Runs a virtual machine, and passes on the output of its command line by line.

use anyhow::Result;
use klp_host::vm::{self, Lines, Report, Spec};

/// Runs the machine, and calls `line` with each line of output, also with an incomplete last one.
///
/// # Errors
///
/// The machine cannot be run.
pub fn run(spec: &Spec, mut line: impl FnMut(&str)) -> Result<Report> {
    let mut lines = Lines::default();
    let report = vm::run(spec, &mut |bytes| {
        lines.push(bytes).iter().for_each(|it| line(it));
        Ok(())
    })?;
    lines.rest().iter().for_each(|it| line(it));
    Ok(report)
}
