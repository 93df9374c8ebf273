// SPDX-License-Identifier: GPL-2.0-only

//! Finds the tables of replaced functions.

mod entries;
mod klp_build;
mod kpatch;
mod pointers;
mod statics;

pub(super) use entries::{Function, Object, Tables};
pub(super) use pointers::Target;

use super::symbols::Places;
use super::{Place, Problem, Report};
use crate::Module;
use crate::limits::FUNCTIONS_MAX;
use pointers::Pointers;

impl<'data> Tables<'data> {
    /// Finds the tables. Problems are added to the report. `None` if there are
    /// none.
    pub(super) fn find(
        module: &Module<'data>,
        places: &Places,
        report: &mut Report,
    ) -> Option<Self> {
        let pointers = Pointers::new(module, places);
        let tables = klp_build::find(&pointers, report)
            .or_else(|| kpatch::find(&pointers))
            .or_else(|| statics::find(&pointers, report));
        if pointers.is_exhausted() {
            let problem = Problem::TooMany("entries in its tables", FUNCTIONS_MAX);
            report.add(Place::Module, problem);
        }
        tables
    }
}
