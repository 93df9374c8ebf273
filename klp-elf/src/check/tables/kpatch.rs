// SPDX-License-Identifier: GPL-2.0-only

//! Reads the tables of kpatch: one list of functions, each with the name of its object, from which the
//! module's init makes those of the livepatch core.

use super::entries::{Function, Object, Tables};
use super::pointers::Pointers;
use crate::VMLINUX;
use std::collections::HashMap;

const FUNCTIONS: &str = ".kpatch.funcs";

/// An entry: new address and size, old address and size, sympos, name, object.
const SIZE: u64 = 56;
const SYMPOS: u64 = 32;
const NAME: u64 = 40;
const OBJECT: u64 = 48;

pub(super) fn find<'data>(pointers: &Pointers<'_, 'data>) -> Option<Tables<'data>> {
    let section = pointers.module.elf.sections.find(FUNCTIONS.as_bytes())?;
    let count = pointers.bytes(section).len() as u64 / SIZE;
    let mut objects: Vec<Object<'data>> = Vec::new();
    let mut numbers = HashMap::new();
    for entry in (0..count).take_while(|_| pointers.take()) {
        let at = entry * SIZE;
        let text = |offset| pointers.string(pointers.get(section, at + offset)?);
        let function = Function {
            place: (section, at),
            old_name: text(NAME),
            new_func: pointers.get(section, at),
            sympos: pointers.word(section, at + SYMPOS),
            filled_later: false,
        };
        let name = Some(text(OBJECT).unwrap_or_default());
        let name = name.filter(|name| *name != VMLINUX.as_bytes());
        let number = *numbers.entry(name).or_insert(objects.len());
        match objects.get_mut(number) {
            Some(object) => object.functions.push(function),
            None => objects.push(Object {
                name,
                place: function.place,
                functions: vec![function],
            }),
        }
    }
    Some(Tables { objects })
}
