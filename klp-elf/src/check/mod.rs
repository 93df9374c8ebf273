// SPDX-License-Identifier: GPL-2.0-only

//! Checks livepatch modules before a kernel does, whoever made them.
//!
//! ```no_run
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use klp_elf::check::{Against, check};
//! use klp_elf::{Kernel, Sources};
//!
//! let sources = Sources { vmlinux: "vmlinux".into(), ..Sources::default() };
//! let kernel = Kernel::open(sources)?;
//! let report = check(&std::fs::read("livepatch-sample.ko")?, &Against::kernel(&kernel)?)?;
//! println!("{report}");
//! assert!(report.is_good());
//! # Ok(())
//! # }
//! ```

mod against;
mod exports;
mod file;
mod functions;
mod identity;
mod original;
mod place;
mod problem;
mod relocations;
mod report;
mod stack;
mod symbols;
mod tables;
mod undefined;

pub use against::Against;
pub use place::Place;
pub use problem::Problem;
pub use report::{Finding, Replaced, Report, Severity};

use crate::{Error, Module};
use file::File;
use tables::Tables;

/// Checks a module. What needs a kernel is left out when there is none to check it against.
///
/// # Errors
///
/// When the module, or a file of the kernel, cannot be read.
pub fn check(module: &[u8], against: &Against<'_>) -> Result<Report, Error> {
    let file = File::parse(module)?;
    let mut report = Report::default();
    if !identity::check(&file, against, &mut report) {
        return Ok(report);
    }
    let tables = Tables::find(&file, &mut report);
    match &tables {
        Some(tables) => functions::check(&file, tables, against, &mut report)?,
        None => report.add(Place::Module, Problem::NoTables),
    }
    symbols::check(&file, against, &mut report)?;
    relocations::check(&file, tables.as_ref(), &mut report);
    original::check(&file, tables.as_ref(), against, &mut report)?;
    undefined::check(&file, against, &mut report)?;
    // Other readers ask more of a file: what they refuse was told above.
    if let (Some(tables), Ok(module)) = (&tables, Module::parse(module)) {
        stack::check(&file, &module, tables, &mut report);
    }
    if against.kernel.is_none() {
        report.add(Place::Module, Problem::NoKernel);
    }
    report.sort();
    Ok(report)
}
