// SPDX-License-Identifier: GPL-2.0-only

//! Tables that are statics of the module, in Rust or C: `struct klp_patch`, `klp_object` and
//! `klp_func` (`include/linux/livepatch.h`).
//!
//! Their symbols can have any name, and how large an entry is depends on the kernel. But a patch
//! is what `klp_enable_patch()` gets, it begins with a pointer to the module itself, and which
//! pointers an entry can have, and in which order, is always the same.

use super::{Function, Object, Pointers, Tables, Target, target};
use crate::check::{Problem, Report};
use object::elf;
use std::collections::BTreeSet;

/// The pointers to tables: `klp_patch.objs` and `klp_object.funcs`; also `klp_func.new_func`.
const SECOND: u64 = 8;
const SYMPOS: u64 = 16;

/// How far the fields reach that can be pointers: the callbacks of an object are the last.
const OBJECT_FIELDS: u64 = 48;
const FUNCTION_FIELDS: u64 = 24;

/// How many bytes of code can be between where the patch is named, and the call.
const NEAR: u64 = 32;

const THIS_MODULE: &str = "__this_module";

pub(super) fn find(pointers: &Pointers<'_, '_>, report: &mut Report) -> Option<Tables> {
    let mut patches = arguments(pointers);
    if patches.is_empty() {
        patches = shaped(pointers);
    }
    let mut objects = Vec::new();
    for &(section, start) in &patches {
        let Some(table) = pointers.get(section, start + SECOND) else {
            let problem = missing(pointers, section, start, Problem::NoObjects);
            report.add(pointers.place(section, start), problem);
            continue;
        };
        let found = self::objects(pointers, table, report);
        if found.is_empty() {
            report.add(pointers.place(section, start), Problem::NoObjects);
        }
        objects.extend(found);
    }
    (!patches.is_empty()).then_some(Tables { objects })
}

/// The patches that `klp_enable_patch()` gets: what begins with a pointer to the module, and is
/// named close before a call.
fn arguments(pointers: &Pointers<'_, '_>) -> BTreeSet<(usize, u64)> {
    let file = pointers.file;
    let is_enable = |symbol: usize| {
        let symbol = file.symbols.get(symbol);
        symbol.is_some_and(|symbol| symbol.name == "klp_enable_patch")
    };
    let relocations = file.applied();
    let calls: BTreeSet<(usize, u64)> = relocations
        .filter(|(_, relocation)| is_enable(relocation.symbol))
        .map(|(section, relocation)| (section, relocation.offset))
        .collect();
    let named = file.applied().filter_map(|(section, relocation)| {
        let end = relocation.offset.saturating_add(NEAR);
        let mut near = calls.range((section, relocation.offset)..(section, end));
        near.next()?;
        // What counts from the end of the instruction ends with the field.
        let addend = match relocation.kind {
            elf::R_X86_64_PC32 => relocation.addend.wrapping_add(4),
            _ => relocation.addend,
        };
        let target = target(file, relocation.symbol, addend)?;
        Some((target.section?, target.offset))
    });
    named
        .filter(|&(section, start)| is_patch(pointers, section, start))
        .collect()
}

/// What looks like a patch.
fn shaped(pointers: &Pointers<'_, '_>) -> BTreeSet<(usize, u64)> {
    let all = pointers.all.keys().copied();
    all.filter(|&(section, start)| {
        let table = pointers.get(section, start.wrapping_add(SECOND));
        is_patch(pointers, section, start)
            && table
                .is_some_and(|table| !objects(pointers, table, &mut Report::default()).is_empty())
    })
    .collect()
}

/// Is there a pointer to the module itself?
fn is_patch(pointers: &Pointers<'_, '_>, section: usize, start: u64) -> bool {
    pointers.get(section, start).is_some_and(|target| {
        let symbols = &pointers.file.symbols;
        let symbol = symbols.get(target.symbol);
        symbol.is_some_and(|symbol| symbol.name == THIS_MODULE && symbol.value == target.offset)
    })
}

/// The entries of a table of objects.
fn objects(pointers: &Pointers<'_, '_>, table: Target, report: &mut Report) -> Vec<Object> {
    let Some((section, end)) = extent(pointers, table) else {
        return Vec::new();
    };
    let mut objects = Vec::new();
    let mut next = table.offset;
    while let Some((at, first)) = pointers.range(section, next, end).next() {
        // Of vmlinux, which has no name, the table comes first.
        let second = pointers.get(section, at.saturating_add(SECOND));
        let second = second.filter(|target| !pointers.is_code(*target));
        let (start, name, funcs) = match second {
            Some(funcs) => (at, pointers.string(first), Some(funcs)),
            None if is_name(pointers, first) => (at, pointers.string(first), None),
            None => (at.saturating_sub(SECOND), None, Some(first)),
        };
        let place = pointers.place(section, start);
        if funcs.is_none() {
            let problem = Problem::NoFunctions(name.clone().unwrap_or_default());
            report.add(place.clone(), missing(pointers, section, start, problem));
        }
        objects.push(Object {
            name: match second {
                Some(_) => Some(name.unwrap_or_default()),
                None => name,
            },
            place,
            functions: funcs.map_or(Vec::new(), |funcs| functions(pointers, funcs)),
        });
        next = start.saturating_add(OBJECT_FIELDS);
    }
    objects
}

/// What is wrong when the second field of an entry is empty.
fn missing(pointers: &Pointers<'_, '_>, section: usize, start: u64, problem: Problem) -> Problem {
    match pointers.is_filled(section, start, &[SECOND]) {
        true => Problem::FilledLater,
        false => problem,
    }
}

/// Is it a string, rather than a table?
fn is_name(pointers: &Pointers<'_, '_>, target: Target) -> bool {
    let has_pointers = extent(pointers, target).is_some_and(|(section, end)| {
        let mut inside = pointers.range(section, target.offset, end);
        inside.next().is_some()
    });
    !has_pointers && pointers.string(target).is_some_and(|text| !text.is_empty())
}

/// The entries of a table of functions.
fn functions(pointers: &Pointers<'_, '_>, table: Target) -> Vec<Function> {
    let Some((section, end)) = extent(pointers, table) else {
        return Vec::new();
    };
    let mut functions = Vec::new();
    let mut next = table.offset;
    while let Some((at, first)) = pointers.range(section, next, end).next() {
        if !pointers.take() {
            break;
        }
        let (start, name) = match pointers.is_code(first) {
            true => (at.saturating_sub(SECOND), None),
            false => (at, Some(first)),
        };
        functions.push(Function {
            place: pointers.place(section, start),
            old_name: name.and_then(|name| pointers.string(name)),
            new_func: pointers.get(section, start.saturating_add(SECOND)),
            sympos: pointers.word(section, start.saturating_add(SYMPOS)),
            filled_later: pointers.is_filled(section, start, &[0, SECOND, SYMPOS]),
        });
        next = start.saturating_add(FUNCTION_FIELDS);
    }
    functions
}

/// The section of a table, and where it ends: with its symbol, or before what comes next.
fn extent(pointers: &Pointers<'_, '_>, table: Target) -> Option<(usize, u64)> {
    let section = table.section?;
    let symbols = || {
        let symbols = pointers.file.symbols.iter();
        symbols.filter(|symbol| symbol.section == Some(section))
    };
    let own = symbols().find(|symbol| symbol.value == table.offset && symbol.size > 0);
    if let Some(own) = own {
        return Some((section, table.offset.saturating_add(own.size)));
    }
    let after = |place: &u64| *place > table.offset;
    let pointed = pointers.all.values();
    let pointed = pointed.filter(|target| target.section == Some(section));
    let next = pointed.map(|target| target.offset).filter(after).min();
    let named = symbols().map(|symbol| symbol.value).filter(after).min();
    let size = pointers.file.sections.get(section)?.size;
    let end = [next, named].into_iter().flatten().fold(size, u64::min);
    Some((section, end))
}
