// SPDX-License-Identifier: GPL-2.0-only

//! The pointers in a module's data, and the addresses that its code refers to.

use crate::Module;
use crate::check::symbols::Places;
use crate::limits::FUNCTIONS_MAX;
use crate::module::{self, Field};
use object::LittleEndian as LE;
use std::cell::Cell;

/// The target of a pointer of the module.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(in crate::check) struct Target {
    /// `None` if the target is outside of the module.
    pub(in crate::check) section: Option<usize>,
    pub(in crate::check) offset: u64,
    /// The index of the relocation's symbol.
    pub(in crate::check) symbol: u32,
}

/// An address that code refers to.
#[derive(Clone, Copy, Eq, Ord, PartialEq, PartialOrd)]
struct Named {
    section: u16,
    offset: u64,
    /// Whether it is relative to the end of the instruction.
    relative: bool,
}

/// The pointers in a module's data.
pub(super) struct Pointers<'module, 'data> {
    pub(super) module: &'module Module<'data>,
    pub(super) places: &'module Places,
    /// The indices of the module's fields that are pointers in data, in order.
    pub(super) all: Vec<u32>,
    /// Their targets; sorted.
    targets: Vec<(u16, u64)>,
    /// The addresses that code refers to; sorted.
    named: Vec<Named>,
    /// The number of entries that may still be read.
    left: Cell<usize>,
}

impl<'module, 'data> Pointers<'module, 'data> {
    pub(super) fn new(module: &'module Module<'data>, places: &'module Places) -> Self {
        let mut all = Vec::new();
        let mut targets = Vec::new();
        let mut named = Vec::new();
        let relative_to_end = module.machine.relative_to_end();
        for (number, field) in (0..).zip(module.fields()) {
            if field.is_livepatch() {
                continue;
            }
            let target = target(module, field);
            let section = target.and_then(|target| u16::try_from(target.section?).ok());
            let offset = target.map_or(0, |target| target.offset);
            if module.is_code(field.section.into()) {
                named.extend(section.map(|section| Named {
                    section,
                    offset,
                    relative: relative_to_end.iter().any(|kind| field.is(*kind)),
                }));
            } else if field.is(module.machine.pointer()) && target.is_some() {
                all.push(number);
                targets.extend(section.map(|section| (section, offset)));
            }
        }
        targets.sort_unstable();
        named.sort_unstable();
        Self {
            module,
            places,
            all,
            targets,
            named,
            left: Cell::new(FUNCTIONS_MAX),
        }
    }

    pub(super) fn field(&self, number: u32) -> Option<&'module Field> {
        self.module.fields().get(number as usize)
    }

    /// The indices of the pointers from an offset of a section on.
    pub(super) fn from(&self, section: usize, offset: u64) -> &[u32] {
        let before = |number: &u32| {
            let field = self.field(*number);
            field.is_some_and(|it| (usize::from(it.section), it.offset) < (section, offset))
        };
        self.all
            .get(self.all.partition_point(before)..)
            .unwrap_or_default()
    }

    /// The first pointer in a part of a section.
    pub(super) fn first(&self, section: usize, start: u64, end: u64) -> Option<(u64, Target)> {
        let field = self.field(*self.from(section, start).first()?)?;
        let is_inside = usize::from(field.section) == section && field.offset < end;
        let target = target(self.module, field).filter(|_| is_inside)?;
        Some((field.offset, target))
    }

    /// The pointer at an offset.
    pub(super) fn get(&self, section: usize, offset: u64) -> Option<Target> {
        let (_, target) = self.first(section, offset, offset.checked_add(1)?)?;
        Some(target)
    }

    /// Whether code of the module refers to one of the fields of an entry, and so writes to it.
    pub(super) fn is_filled(&self, section: usize, start: u64, fields: &[u64]) -> bool {
        let mut places = fields.iter().map(|offset| start.saturating_add(*offset));
        places.any(|place| self.is_named(section, place))
    }

    /// Whether code refers to an address. An operand relative to the instruction's end has that offset, and an
    /// immediate of 4 bytes may follow the field.
    pub(super) fn is_named(&self, section: usize, place: u64) -> bool {
        let Ok(section) = u16::try_from(section) else {
            return false;
        };
        let named = |behind: u64, relative: bool| {
            let wanted = Named {
                section,
                offset: place.wrapping_sub(behind),
                relative,
            };
            self.named.binary_search(&wanted).is_ok()
        };
        named(0, false) || named(0, true) || named(4, true) || named(8, true)
    }

    /// Takes one entry from the budget; false if none is left. Malformed tables can refer to each other
    /// without end.
    pub(super) fn take(&self) -> bool {
        let left = self.left.get();
        self.left.set(left.saturating_sub(1));
        left > 0
    }

    /// Whether the limit of entries was reached.
    pub(super) fn is_exhausted(&self) -> bool {
        self.left.get() == 0
    }

    /// The first target of a pointer behind an offset in a section.
    pub(super) fn target_after(&self, section: usize, offset: u64) -> Option<u64> {
        let section = u16::try_from(section).ok()?;
        let next = self
            .targets
            .partition_point(|target| *target <= (section, offset));
        let (found_in, found_at) = *self.targets.get(next)?;
        (found_in == section).then_some(found_at)
    }

    /// The string that a pointer refers to.
    pub(super) fn string(&self, target: Target) -> Option<&'data [u8]> {
        let place = module::Place::Inside(target.section?, target.offset);
        self.module.string(place)
    }

    /// Whether a pointer refers to code.
    pub(super) fn is_code(&self, target: Target) -> bool {
        target
            .section
            .is_some_and(|section| self.module.is_code(section))
    }

    /// The bytes of a section.
    pub(super) fn bytes(&self, section: usize) -> &'data [u8] {
        self.module.elf.bytes(section)
    }

    /// The 64-bit number at an offset; 0 outside of the section.
    pub(super) fn word(&self, section: usize, offset: u64) -> u64 {
        let start = usize::try_from(offset).ok();
        let rest = start.and_then(|start| self.bytes(section).get(start..));
        let bytes = rest.and_then(|rest| rest.first_chunk());
        bytes.map_or(0, |bytes| u64::from_le_bytes(*bytes))
    }
}

/// The target of a field.
pub(super) fn target(module: &Module<'_>, field: &Field) -> Option<Target> {
    let symbol = module.elf.symbols.all.get(field.symbol as usize)?;
    let place = symbol.st_value.get(LE);
    Some(Target {
        section: crate::elf::Symbols::section_of(symbol),
        offset: place.wrapping_add_signed(field.addend),
        symbol: field.symbol,
    })
}
