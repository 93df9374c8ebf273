// SPDX-License-Identifier: GPL-2.0-only

//! Checks that replacements stay on the stack: that they have no tail calls.

use super::tables::Tables;
use super::{Place, Problem, Report};
use crate::Module;
use crate::exits::Jump;
use crate::limits::CODE_MAX;
use crate::module::{Function, Place as Target, demangled};
use std::collections::HashSet;

/// Checks all replacements.
pub(super) fn check(module: &Module<'_>, tables: &Tables<'_>, report: &mut Report) {
    let entries = tables.objects.iter().flat_map(|object| &object.functions);
    let places = entries
        .filter_map(|function| function.new_func)
        .filter_map(|target| Some((target.section?, target.offset)))
        .filter(|(section, _)| module.is_code(*section));
    let mut seen = HashSet::new();
    let mut left = CODE_MAX;
    for (section, offset) in places {
        let Some(function) = module.function_at(Target::Inside(section, offset)) else {
            continue;
        };
        if !seen.insert((section, offset)) {
            continue;
        }
        match left.checked_sub(function.size) {
            Some(rest) => left = rest,
            None => {
                report.add(Place::Module, Problem::TooMuchCode);
                break;
            }
        }
        if let Some(problem) = leaves(module, &function) {
            let place = || Place::Function(demangled(function.symbol.as_bytes()));
            report.add_at(place, problem);
        }
    }
}

/// The worst problem among the jumps out of a function.
fn leaves(module: &Module<'_>, function: &Function) -> Option<Problem> {
    let mut first = None;
    for jump in module.jumps(function) {
        if is_own(module, function, &jump) {
            return Some(Problem::LeavesForOwn(module.exit(function, &jump)));
        }
        first.get_or_insert(jump);
    }
    first.map(|jump| Problem::LeavesStack(module.exit(function, &jump)))
}

/// Whether the jump is to other code of the module. A function's cold part belongs to it; patches in C
/// have such parts.
fn is_own(module: &Module<'_>, function: &Function, jump: &Jump) -> bool {
    let Some(place @ Target::Inside(..)) = jump.target else {
        return false;
    };
    let around = module.function_around(place);
    let part = around
        .as_ref()
        .and_then(|to| to.symbol.as_bytes().strip_suffix(b".cold"));
    part != Some(function.symbol.as_bytes())
}
