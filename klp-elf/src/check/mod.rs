// SPDX-License-Identifier: GPL-2.0-only

//! Checks livepatch modules before a kernel loads them, also those of other tools.
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
mod frames;
mod functions;
mod identity;
mod info;
mod later;
mod objects;
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
pub use problem::{Kind, Problem, Severity};
pub use report::{Finding, Replaced, Report};

use crate::{Error, Module};
use info::Info;
use objects::Objects;
use symbols::Places;
use tables::Tables;

/// Checks a module. Checks that need a kernel are skipped without one.
///
/// # Errors
///
/// The module, or a file of the kernel, cannot be read.
pub fn check(module: &[u8], against: &Against<'_>) -> Result<Report, Error> {
    let module = Module::parse(module)?;
    let info = Info::read(&module)?;
    let mut report = Report::default();
    if !identity::check(&module, &info, against, &mut report) {
        return Ok(report);
    }
    let places = Places::new(&module);
    let tables = Tables::find(&module, &places, &mut report);
    let mut objects = against.kernel.map(Objects::new);
    match &tables {
        Some(tables) => {
            let objects = objects.as_mut();
            functions::check(&module, &places, tables, objects, &mut report)?;
        }
        None => report.add(Place::Module, Problem::NoTables),
    }
    let entries = symbols::check(&module, objects.as_mut(), &mut report)?;
    relocations::check(&module, tables.as_ref(), &mut report);
    original::check(&module, tables.as_ref(), &entries, &mut report);
    undefined::check(&module, &info, against, &mut report)?;
    if let Some(tables) = &tables {
        stack::check(&module, tables, &mut report);
    }
    frames::check(&module, &mut report);
    later::check(&module, &mut report);
    match &objects {
        Some(objects) => objects.report(&mut report),
        None => report.add(Place::Module, Problem::NoKernel),
    }
    report.sort();
    Ok(report)
}
