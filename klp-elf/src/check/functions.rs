// SPDX-License-Identifier: GPL-2.0-only

//! The functions that a module replaces: are the entries whole, and has the kernel what they name?

use super::file::File;
use super::tables::{Function, Object, Tables, Target};
use super::{Against, Place, Problem, Replaced, Report, identity};
use crate::livepatch::NAME_MAX;
use crate::module::demangled;
use crate::{Error, Kernel, VMLINUX};
use std::collections::HashSet;

/// Checks all of them.
pub(super) fn check(
    file: &File<'_>,
    tables: &Tables,
    against: &Against<'_>,
    report: &mut Report,
) -> Result<(), Error> {
    let mut names = HashSet::new();
    for object in &tables.objects {
        let name = object.name.as_deref().unwrap_or(VMLINUX);
        if object.name.as_deref().is_some_and(|name| !is_object(name)) {
            report.add(object.place.clone(), Problem::ObjectName(name.to_owned()));
            continue;
        }
        if !names.insert(name) {
            report.add(object.place.clone(), Problem::ObjectTwice(name.to_owned()));
            continue;
        }
        entries(file, object, name, report);
        if let Some(kernel) = against.kernel {
            look_up(kernel, object, name, report)?;
        }
    }
    Ok(())
}

/// Can a module of that name be patched? The kernel itself goes without a name.
fn is_object(name: &str) -> bool {
    identity::is_name(name) && name != VMLINUX
}

/// Checks what the entries of an object say.
fn entries(file: &File<'_>, object: &Object, name: &str, report: &mut Report) {
    let mut seen = HashSet::new();
    for function in &object.functions {
        let place = || function.place.clone();
        let whole = function.old_name.is_some() && function.new_func.is_some();
        if function.filled_later && !whole {
            report.add(place(), Problem::FilledLater);
            continue;
        }
        let Some(old_name) = &function.old_name else {
            report.add(place(), Problem::NoOldName);
            continue;
        };
        if old_name.is_empty() || old_name.len() > NAME_MAX {
            report.add(place(), Problem::FunctionName(old_name.clone()));
            continue;
        }
        // 0 stands for the only one, which is the first.
        if !seen.insert((old_name, function.sympos.max(1))) {
            report.add(place(), Problem::FunctionTwice(old_name.clone()));
        }
        let Some(target) = function.new_func else {
            report.add(place(), Problem::NoNewFunction(old_name.clone()));
            continue;
        };
        match replacement(file, target) {
            None => report.add(place(), Problem::NewFunctionElsewhere(old_name.clone())),
            Some((_, true)) => report.add(place(), Problem::NewFunctionInit(old_name.clone())),
            Some((by, false)) => report.replaced.push(Replaced {
                object: name.to_owned(),
                function: old_name.clone(),
                sympos: function.sympos,
                by,
            }),
        }
    }
}

/// The function at a place, and whether it is gone when the module has started.
fn replacement(file: &File<'_>, target: Target) -> Option<(String, bool)> {
    let section = file.sections.get(target.section?)?;
    let mut symbols = file.symbols.iter();
    let symbol = symbols.find(|symbol| {
        let place = (symbol.section, symbol.value);
        place == (target.section, target.offset) && !symbol.name.is_empty()
    })?;
    let name = demangled(&symbol.name);
    section
        .code
        .then(|| (name, section.name.starts_with(".init")))
}

/// Asks the kernel for the functions of an object.
fn look_up(kernel: &Kernel, object: &Object, name: &str, report: &mut Report) -> Result<(), Error> {
    let Some(known) = kernel.object(name)? else {
        report.add(
            object.place.clone(),
            Problem::ObjectUnknown(name.to_owned()),
        );
        return Ok(());
    };
    for function in &object.functions {
        let Some(old_name) = function.old_name.as_deref().filter(|name| !name.is_empty()) else {
            continue;
        };
        let found = known.function(old_name);
        let Some(matches) = &found.matches else {
            report.add(object.place.clone(), Problem::NoSymbols(name.to_owned()));
            break;
        };
        let problem = match Choice::of(matches.len(), function.sympos) {
            Choice::None => Some(Problem::FunctionMissing {
                object: name.to_owned(),
                name: old_name.to_owned(),
                others: found.others.to_string(),
            }),
            Choice::Many => Some(Problem::FunctionAmbiguous {
                object: name.to_owned(),
                name: old_name.to_owned(),
                count: matches.len(),
            }),
            Choice::Beyond => Some(Problem::FunctionPosition {
                object: name.to_owned(),
                name: old_name.to_owned(),
                count: matches.len(),
                sympos: function.sympos,
            }),
            Choice::One(index) => matches
                .get(index)
                .and_then(|found| unfit(*found, name, function)),
        };
        if let Some(problem) = problem {
            report.add(function.place.clone(), problem);
        }
    }
    Ok(())
}

/// Why a symbol of the kernel cannot be replaced.
fn unfit(found: crate::Match, object: &str, function: &Function) -> Option<Problem> {
    let object = object.to_owned();
    let name = function.old_name.clone().unwrap_or_default();
    if !found.code {
        return Some(Problem::FunctionIsData { object, name });
    }
    if found.init {
        return Some(Problem::FunctionInit { object, name });
    }
    (found.traceable == Some(false)).then_some(Problem::NotTraceable { object, name })
}

/// Which of several symbols of one name a sympos stands for.
pub(super) enum Choice {
    /// There are none.
    None,
    /// Several, and it does not say which.
    Many,
    /// It counts further than there are.
    Beyond,
    /// This one, from 0.
    One(usize),
}

impl Choice {
    pub(super) fn of(count: usize, sympos: u64) -> Self {
        match (count, usize::try_from(sympos).unwrap_or(usize::MAX)) {
            (0, _) => Self::None,
            (1, 0) => Self::One(0),
            (_, 0) => Self::Many,
            (_, sympos) if sympos > count => Self::Beyond,
            (_, sympos) => Self::One(sympos - 1),
        }
    }
}

/// Where a finding on a function's code stands.
pub(super) fn place(name: &str) -> Place {
    Place::Function(demangled(name))
}
