// SPDX-License-Identifier: GPL-2.0-only

//! Tables of kpatch: one list of functions, each with the name of its object, from which the
//! module makes those of the livepatch core when it starts.

use super::{Function, Object, Pointers, Tables};
use crate::VMLINUX;

const FUNCTIONS: &str = ".kpatch.funcs";

/// An entry: new address and size, old address and size, sympos, name, object.
const SIZE: u64 = 56;
const SYMPOS: u64 = 32;
const NAME: u64 = 40;
const OBJECT: u64 = 48;

pub(super) fn find(pointers: &Pointers<'_, '_>) -> Option<Tables> {
    let (section, list) = pointers.file.section(FUNCTIONS)?;
    let mut objects: Vec<Object> = Vec::new();
    for at in (0..list.data.len() as u64 / SIZE).map(|entry| entry * SIZE) {
        let text = |offset| pointers.string(pointers.get(section, at + offset)?);
        let function = Function {
            place: pointers.place(section, at),
            old_name: text(NAME),
            new_func: pointers.get(section, at),
            sympos: pointers.word(section, at + SYMPOS),
            filled_later: false,
        };
        let name = Some(text(OBJECT).unwrap_or_default()).filter(|name| name != VMLINUX);
        match objects.iter_mut().find(|object| object.name == name) {
            Some(object) => object.functions.push(function),
            None => objects.push(Object {
                name,
                place: function.place.clone(),
                functions: vec![function],
            }),
        }
    }
    Some(Tables { objects })
}
