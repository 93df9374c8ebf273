// SPDX-License-Identifier: GPL-2.0-only

//! Replacements that are not on the stack while what they jump to runs.

use super::file::File;
use super::functions::place;
use super::tables::Tables;
use super::{Problem, Report};
use crate::module::demangled;
use crate::{Exit, Module};
use std::collections::HashSet;

/// Checks all replacements.
pub(super) fn check(file: &File<'_>, module: &Module<'_>, tables: &Tables, report: &mut Report) {
    let entries = tables.objects.iter().flat_map(|object| &object.functions);
    let places: HashSet<(usize, u64)> = entries
        .filter_map(|function| function.new_func)
        .filter_map(|target| Some((target.section?, target.offset)))
        .filter(|(section, _)| file.sections.get(*section).is_some_and(|it| it.code))
        .collect();
    let outside: HashSet<String> = module.undefined().into_iter().collect();
    let mut seen = HashSet::new();
    for function in module.functions() {
        let start = (function.section.0, function.start);
        if !places.contains(&start) || !seen.insert(start) {
            continue;
        }
        // What its relocations refer to may not be there; that was told.
        let Ok(exits) = module.exits(&function) else {
            continue;
        };
        // The worst of them is enough to know.
        let own = exits
            .iter()
            .find(|exit| is_own(exit, &function.symbol, &outside));
        let problem = match (own, exits.first()) {
            (Some(exit), _) => Problem::LeavesForOwn(exit.to_string()),
            (None, Some(exit)) => Problem::LeavesStack(exit.to_string()),
            (None, None) => continue,
        };
        report.add(place(&function.symbol), problem);
    }
}

/// Does it lead to other code of the module? What compilers split off from a function belongs to
/// it; the kernel's own patches in C have such parts.
fn is_own(exit: &Exit, function: &str, outside: &HashSet<String>) -> bool {
    exit.target.as_ref().is_some_and(|target| {
        let part = target.strip_suffix(".cold");
        !outside.contains(target) && part != Some(&demangled(function))
    })
}
