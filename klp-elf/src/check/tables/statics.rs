// SPDX-License-Identifier: GPL-2.0-only

//! Finds tables in statics of the module, in Rust or C: `struct klp_patch`, `klp_object` and
//! `klp_func` (`include/linux/livepatch.h`).
//!
//! Their symbols can have any name, and the size of an entry depends on the kernel. But a patch
//! is the argument of `klp_enable_patch()`, begins with a pointer to the module itself, and the
//! possible pointers of an entry, and their order, are fixed.

use super::entries::{Function, Object, Tables};
use super::pointers::{Pointers, Target, target};
use crate::check::identity::ENABLING;
use crate::check::{Place, Problem, Report};
use crate::text::Name;
use object::LittleEndian as LE;
use std::collections::BTreeSet;

/// The pointers to tables: `klp_patch.objs` and `klp_object.funcs`; also `klp_func.new_func`.
const SECOND: u64 = 8;
const SYMPOS: u64 = 16;

/// The length of the fields that can be pointers: the callbacks of an object are the last.
const OBJECT_FIELDS: u64 = 48;
const FUNCTION_FIELDS: u64 = 24;

/// The most bytes of code between the reference to the patch and the call.
const NEAR: u64 = 32;

const THIS_MODULE: &[u8] = b"__this_module";

pub(super) fn find<'data>(
    pointers: &Pointers<'_, 'data>,
    report: &mut Report,
) -> Option<Tables<'data>> {
    let mut patches = arguments(pointers);
    if patches.is_empty() {
        patches = shaped(pointers);
    }
    let mut objects = Vec::new();
    for &(section, start) in &patches {
        let place = || Place::offset(pointers.module, (section, start));
        let Some(table) = pointers.get(section, start.saturating_add(SECOND)) else {
            let problem = missing(pointers, section, start, Problem::NoObjects);
            report.add(place(), problem);
            continue;
        };
        let found = self::objects(pointers, table, report);
        if found.is_empty() {
            report.add(place(), Problem::NoObjects);
        }
        objects.extend(found);
    }
    (!patches.is_empty()).then_some(Tables { objects })
}

/// The arguments of `klp_enable_patch()`: structures that begin with a pointer to the module, and are
/// referred to shortly before a call.
fn arguments(pointers: &Pointers<'_, '_>) -> BTreeSet<(usize, u64)> {
    let module = pointers.module;
    let symbols = module.elf.symbols;
    let is_enable = |symbol: u32| {
        let symbol = symbols.all.get(symbol as usize);
        symbol.is_some_and(|symbol| ENABLING.contains(&symbols.name(symbol)))
    };
    let mut patches = BTreeSet::new();
    // The next call behind a field: fields are visited from the last to the first.
    let mut call = None;
    for field in module
        .fields()
        .iter()
        .rev()
        .filter(|field| !field.is_livepatch())
    {
        if is_enable(field.symbol) {
            call = Some((field.section, field.offset));
        }
        let end = field.offset.saturating_add(NEAR);
        if !call.is_some_and(|(section, at)| section == field.section && at < end) {
            continue;
        }
        let Some(target) = target(module, field) else {
            continue;
        };
        // The field is the end of an instruction that it is relative to.
        let relative_to_end = module.machine.relative_to_end();
        let behind = if relative_to_end.iter().any(|kind| field.is(*kind)) {
            4
        } else {
            0
        };
        let place = target
            .section
            .map(|section| (section, target.offset.wrapping_add(behind)));
        let place = place.filter(|&(section, start)| is_patch(pointers, section, start));
        patches.extend(place.filter(|_| pointers.take()));
    }
    patches
}

/// All structures that look like a patch.
fn shaped(pointers: &Pointers<'_, '_>) -> BTreeSet<(usize, u64)> {
    let all = pointers
        .all
        .iter()
        .filter_map(|number| pointers.field(*number));
    let places = all.map(|field| (usize::from(field.section), field.offset));
    places
        .filter(|&(section, start)| is_patch(pointers, section, start))
        .filter(|&(section, start)| {
            let table = start
                .checked_add(SECOND)
                .and_then(|at| pointers.get(section, at));
            table.is_some_and(|table| holds_pointers(pointers, table))
        })
        .take_while(|_| pointers.take())
        .collect()
}

/// Whether a structure begins with a pointer to the module itself.
fn is_patch(pointers: &Pointers<'_, '_>, section: usize, start: u64) -> bool {
    pointers.get(section, start).is_some_and(|target| {
        let symbols = pointers.module.elf.symbols;
        let symbol = symbols.all.get(target.symbol as usize);
        symbol.is_some_and(|symbol| {
            symbols.name(symbol) == THIS_MODULE && symbol.st_value.get(LE) == target.offset
        })
    })
}

/// The entries of a table of objects.
fn objects<'data>(
    pointers: &Pointers<'_, 'data>,
    table: Target,
    report: &mut Report,
) -> Vec<Object<'data>> {
    let Some((section, end)) = extent(pointers, table) else {
        return Vec::new();
    };
    let mut objects = Vec::new();
    let mut next = table.offset;
    while let Some((at, first)) = pointers.first(section, next, end) {
        if !pointers.take() {
            break;
        }
        // An object without a name, such as vmlinux, has the table as its first pointer.
        let second = pointers.get(section, at.saturating_add(SECOND));
        let second = second.filter(|target| !pointers.is_code(*target));
        let (start, name, funcs) = match second {
            Some(funcs) => (at, pointers.string(first), Some(funcs)),
            None if is_name(pointers, first) => (at, pointers.string(first), None),
            None => (at.saturating_sub(SECOND), None, Some(first)),
        };
        let place = (section, start);
        if funcs.is_none() {
            let problem = Problem::NoFunctions(Name::new(name.unwrap_or_default()));
            let problem = missing(pointers, section, start, problem);
            report.add(Place::offset(pointers.module, place), problem);
        }
        objects.push(Object {
            name: match second {
                Some(_) => Some(name.unwrap_or_default()),
                None => name,
            },
            place,
            functions: funcs.map_or(Vec::new(), |funcs| functions(pointers, funcs)),
        });
        next = start
            .saturating_add(OBJECT_FIELDS)
            .max(at.saturating_add(1));
    }
    objects
}

/// The problem of an entry whose second field is empty.
fn missing(pointers: &Pointers<'_, '_>, section: usize, start: u64, problem: Problem) -> Problem {
    match pointers.is_filled(section, start, &[SECOND]) {
        true => Problem::FilledLater,
        false => problem,
    }
}

/// Whether it is a string, not a table.
fn is_name(pointers: &Pointers<'_, '_>, target: Target) -> bool {
    let text = pointers.string(target);
    !holds_pointers(pointers, target) && text.is_some_and(|text| !text.is_empty())
}

/// Whether a table holds pointers.
fn holds_pointers(pointers: &Pointers<'_, '_>, table: Target) -> bool {
    let extent = extent(pointers, table);
    extent.is_some_and(|(section, end)| pointers.first(section, table.offset, end).is_some())
}

/// The entries of a table of functions.
fn functions<'data>(pointers: &Pointers<'_, 'data>, table: Target) -> Vec<Function<'data>> {
    let Some((section, end)) = extent(pointers, table) else {
        return Vec::new();
    };
    let mut functions = Vec::new();
    let mut next = table.offset;
    while let Some((at, first)) = pointers.first(section, next, end) {
        if !pointers.take() {
            break;
        }
        let (start, name) = match pointers.is_code(first) {
            true => (at.saturating_sub(SECOND), None),
            false => (at, Some(first)),
        };
        functions.push(Function {
            place: (section, start),
            old_name: name.and_then(|name| pointers.string(name)),
            new_func: pointers.get(section, start.saturating_add(SECOND)),
            sympos: pointers.word(section, start.saturating_add(SYMPOS)),
            filled_later: pointers.is_filled(section, start, &[0, SECOND, SYMPOS]),
        });
        next = start
            .saturating_add(FUNCTION_FIELDS)
            .max(at.saturating_add(1));
    }
    functions
}

/// The section of a table, and its end: that of its symbol, or the start of the next one.
fn extent(pointers: &Pointers<'_, '_>, table: Target) -> Option<(usize, u64)> {
    let section = table.section?;
    let (module, places) = (pointers.module, pointers.places);
    let own = places.symbol(module, section, table.offset);
    if let Some(own) = own.filter(|symbol| symbol.st_size.get(LE) > 0) {
        return Some((section, table.offset.saturating_add(own.st_size.get(LE))));
    }
    let next = pointers.target_after(section, table.offset);
    let named = places.after(module, section, table.offset);
    let size = module.elf.sections.get(section)?.sh_size.get(LE);
    let end = [next, named].into_iter().flatten().fold(size, u64::min);
    Some((section, end))
}
