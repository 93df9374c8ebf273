// SPDX-License-Identifier: GPL-2.0-only

//! Reads the tables of the kernel's `klp-build`: compact ones in separate sections, from which the
//! module's init makes those of the livepatch core (`linux/livepatch_external.h`).

use super::entries::{Function, Object, Tables};
use super::pointers::Pointers;
use crate::check::{Place, Problem, Report};

const OBJECTS: &str = ".init.klp_objects";

/// `struct klp_object_ext`: name, table of functions, callbacks, number of functions.
const OBJECT_SIZE: u64 = 64;
const OBJECT_FUNCS: u64 = 8;
const OBJECT_COUNT: u64 = 56;

/// `struct klp_func_ext`: old name, new function, sympos.
const FUNCTION_SIZE: u64 = 24;

pub(super) fn find<'data>(
    pointers: &Pointers<'_, 'data>,
    report: &mut Report,
) -> Option<Tables<'data>> {
    let section = pointers.module.elf.sections.find(OBJECTS.as_bytes())?;
    let count = pointers.bytes(section).len() as u64 / OBJECT_SIZE;
    if count == 0 {
        report.add(Place::Section(OBJECTS.into()), Problem::NoObjects);
    }
    let entries = (0..count).take_while(|_| pointers.take());
    let objects = entries.map(|entry| object(pointers, section, entry * OBJECT_SIZE, report));
    Some(Tables {
        objects: objects.collect(),
    })
}

fn object<'data>(
    pointers: &Pointers<'_, 'data>,
    section: usize,
    at: u64,
    report: &mut Report,
) -> Object<'data> {
    let name = pointers.get(section, at);
    // The upper half is padding.
    let count = pointers.word(section, at + OBJECT_COUNT) & u64::from(u32::MAX);
    let table = pointers.get(section, at + OBJECT_FUNCS);
    let table = table.and_then(|table| Some((table.section?, table.offset)));
    let room = table.map_or(0, |(section, start)| {
        let size = pointers.bytes(section).len() as u64;
        size.saturating_sub(start) / FUNCTION_SIZE
    });
    let whole = count <= room;
    if !whole {
        let place = Place::offset(pointers.module, (section, at));
        report.add(place, Problem::TableSize { says: count, room });
    }
    let table = table.filter(|_| whole);
    let functions = table.into_iter().flat_map(|(section, start)| {
        let entries = (0..count).take_while(|_| pointers.take());
        entries.map(move |entry| {
            let at = start + entry * FUNCTION_SIZE;
            let old_name = pointers.get(section, at);
            Function {
                place: (section, at),
                old_name: old_name.and_then(|name| pointers.string(name)),
                new_func: pointers.get(section, at + 8),
                sympos: pointers.word(section, at + 16),
                filled_later: false,
            }
        })
    });
    Object {
        name: name.map(|name| pointers.string(name).unwrap_or_default()),
        place: (section, at),
        functions: functions.collect(),
    }
}
