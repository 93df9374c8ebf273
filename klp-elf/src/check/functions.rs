// SPDX-License-Identifier: GPL-2.0-only

//! Checks the replaced functions: their table entries, and the functions in the kernel.

use super::objects::{Choice, Found, Objects};
use super::report::Collected;
use super::symbols::Places;
use super::tables::{Function, Object, Tables, Target};
use super::{Place, Problem, Replaced, Report};
use crate::limits::NAME_MAX;
use crate::livepatch::is_module_name;
use crate::module::demangled;
use crate::noreturn::never_returns;
use crate::text::Name;
use crate::{Error, Module, VMLINUX};
use std::collections::HashSet;

/// Checks all of them.
pub(super) fn check(
    module: &Module<'_>,
    places: &Places,
    tables: &Tables<'_>,
    mut objects: Option<&mut Objects<'_>>,
    report: &mut Report,
) -> Result<(), Error> {
    let mut names = HashSet::new();
    for object in &tables.objects {
        let place = || Place::offset(module, object.place);
        let name = match object.name {
            None => VMLINUX,
            Some(name) => match std::str::from_utf8(name) {
                Ok(text) if is_module_name(name) && text != VMLINUX => text,
                _ => {
                    report.add(place(), Problem::ObjectName(Name::new(name)));
                    continue;
                }
            },
        };
        if !names.insert(name) {
            report.add(place(), Problem::ObjectTwice(name.into()));
            continue;
        }
        let check = Check {
            module,
            places,
            object,
            name,
        };
        check.entries(report);
        if let Some(objects) = &mut objects {
            check.look_up(objects, report)?;
        }
    }
    Ok(())
}

/// Checks an object.
struct Check<'a, 'data> {
    module: &'a Module<'data>,
    places: &'a Places,
    object: &'a Object<'data>,
    name: &'a str,
}

impl<'data> Check<'_, 'data> {
    /// Checks the table entries.
    fn entries(&self, report: &mut Report) {
        let mut seen = HashSet::new();
        for function in &self.object.functions {
            if let Some(problem) = self.entry(function, &mut seen, report) {
                report.add(Place::offset(self.module, function.place), problem);
            }
        }
    }

    fn entry(
        &self,
        function: &Function<'data>,
        seen: &mut HashSet<(&'data [u8], u64)>,
        report: &mut Report,
    ) -> Option<Problem> {
        let whole = function.old_name.is_some() && function.new_func.is_some();
        if function.filled_later && !whole {
            return Some(Problem::FilledLater);
        }
        let Some(old_name) = function.old_name else {
            return Some(Problem::NoOldName);
        };
        let shown = || Name::new(old_name);
        if text(old_name).is_none() {
            return Some(Problem::FunctionName(shown()));
        }
        // Sympos 0 means the only symbol, which is the first.
        if !seen.insert((old_name, function.sympos.max(1))) {
            let place = Place::offset(self.module, function.place);
            report.add(place, Problem::FunctionTwice(shown()));
        }
        let Some(target) = function.new_func else {
            return Some(Problem::NoNewFunction(shown()));
        };
        match self.replacement(target) {
            None => return Some(Problem::NewFunctionElsewhere(shown())),
            Some((_, true)) => return Some(Problem::NewFunctionInit(shown())),
            Some((by, false)) => report.replaces(|| Replaced {
                object: self.name.into(),
                function: shown(),
                sympos: function.sympos,
                by: demangled(by),
            }),
        }
        None
    }

    /// The function at a position, and whether it is freed after the module's init.
    fn replacement(&self, target: Target) -> Option<(&'data [u8], bool)> {
        let section = target.section?;
        let name = self.places.at(self.module, section, target.offset)?;
        let sections = self.module.elf.sections;
        let is_code = self.module.is_code(section);
        is_code.then(|| (name, sections.name(section).starts_with(b".init")))
    }

    /// Looks the functions up in the kernel's object.
    fn look_up(&self, objects: &mut Objects<'_>, report: &mut Report) -> Result<(), Error> {
        let place = || Place::offset(self.module, self.object.place);
        let known = match objects.get(self.name)? {
            Found::Known(known) => known,
            Found::Unknown => {
                report.add(place(), Problem::ObjectUnknown(self.name.into()));
                return Ok(());
            }
            Found::LeftOut => return Ok(()),
        };
        let functions = self.object.functions.iter().enumerate();
        let mut wanted: Vec<(&str, usize)> = functions
            .filter_map(|(number, function)| Some((text(function.old_name?)?, number)))
            .collect();
        // Look up each name once.
        wanted.sort_unstable();
        let mut problems = Collected::default();
        for group in wanted.chunk_by(|a, b| a.0 == b.0) {
            let [(name, _), ..] = group else { continue };
            let Some(matches) = known.matches(name) else {
                report.add(place(), Problem::NoSymbols(self.name.into()));
                break;
            };
            for (_, number) in group {
                let Some(function) = self.object.functions.get(*number) else {
                    continue;
                };
                let choice = Choice::of(known, name, &matches, function.sympos);
                if let Some(problem) = self.unfit(choice, name, function.sympos, matches.len()) {
                    problems.add(*number, problem);
                }
            }
        }
        report.add_sorted(problems, |number| {
            let function = self.object.functions.get(number);
            let at = function.map_or(self.object.place, |function| function.place);
            Place::offset(self.module, at)
        });
        Ok(())
    }

    /// Why the kernel's symbol cannot be replaced.
    fn unfit(&self, choice: Choice, name: &str, sympos: u64, count: usize) -> Option<Problem> {
        let returns_not = never_returns(name);
        let (object, name) = (Name::from(self.name), Name::from(name));
        match choice {
            Choice::None(others) => Some(Problem::FunctionMissing {
                object,
                name,
                others,
            }),
            Choice::Many => Some(Problem::FunctionAmbiguous {
                object,
                name,
                count,
            }),
            Choice::Beyond => Some(Problem::FunctionPosition {
                object,
                name,
                count,
                sympos,
            }),
            Choice::One(found) if !found.code => Some(Problem::FunctionIsData { object, name }),
            Choice::One(found) if found.init => Some(Problem::FunctionInit { object, name }),
            Choice::One(found) if found.traceable == Some(false) => {
                Some(Problem::NotTraceable { object, name })
            }
            Choice::One(_) if returns_not => Some(Problem::NeverReturns(name)),
            Choice::One(_) => None,
        }
    }
}

/// The name of a function as a string, if it is valid.
fn text(name: &[u8]) -> Option<&str> {
    let is_name = !name.is_empty() && name.len() <= NAME_MAX;
    let plain = is_name && name.iter().all(u8::is_ascii_graphic);
    std::str::from_utf8(name).ok().filter(|_| plain)
}
