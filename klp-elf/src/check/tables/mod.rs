// SPDX-License-Identifier: GPL-2.0-only

//! The tables by which a module says what it replaces, wherever they come from.

mod klp_build;
mod kpatch;
mod statics;

use super::file::File;
use super::{Place, Report};
use object::elf;
use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};

/// More functions than a kernel has.
const MOST: usize = 1 << 17;

/// The objects that a module patches.
pub(super) struct Tables {
    pub(super) objects: Vec<Object>,
}

/// An object that is patched.
pub(super) struct Object {
    /// `None` is the kernel itself.
    pub(super) name: Option<String>,
    pub(super) place: Place,
    pub(super) functions: Vec<Function>,
}

/// A function that is replaced.
pub(super) struct Function {
    pub(super) place: Place,
    pub(super) old_name: Option<String>,
    pub(super) new_func: Option<Target>,
    pub(super) sympos: u64,
    /// Does code of the module write to it?
    pub(super) filled_later: bool,
}

/// Where a pointer of the module leads to.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) struct Target {
    /// `None` when that is not in the module.
    pub(super) section: Option<usize>,
    pub(super) offset: u64,
    /// By this symbol.
    pub(super) symbol: usize,
}

/// The pointers in a module's data, by section and offset.
pub(super) struct Pointers<'file, 'data> {
    file: &'file File<'data>,
    all: BTreeMap<(usize, u64), Target>,
    /// Places that code names.
    named: BTreeSet<(usize, u64)>,
    /// How many functions may still be read.
    left: Cell<usize>,
}

impl Tables {
    /// Finds the tables. What is wrong with them is added to the report. `None` when there are
    /// none to be found.
    pub(super) fn find(file: &File<'_>, report: &mut Report) -> Option<Self> {
        let pointers = Pointers::new(file);
        klp_build::find(&pointers, report)
            .or_else(|| kpatch::find(&pointers))
            .or_else(|| statics::find(&pointers, report))
    }
}

impl<'file, 'data> Pointers<'file, 'data> {
    fn new(file: &'file File<'data>) -> Self {
        let pointers = file.applied().filter_map(|(section, relocation)| {
            let code = file.sections.get(section)?.code;
            let whole = relocation.kind == elf::R_X86_64_64 && !code;
            let target = target(file, relocation.symbol, relocation.addend)?;
            whole.then_some(((section, relocation.offset), target))
        });
        Self {
            file,
            all: pointers.collect(),
            named: named(file),
            left: Cell::new(MOST),
        }
    }

    /// The pointer at a place.
    fn get(&self, section: usize, offset: u64) -> Option<Target> {
        self.all.get(&(section, offset)).copied()
    }

    /// Does code of the module name one of the fields of an entry, and so write to it?
    fn is_filled(&self, section: usize, start: u64, fields: &[u64]) -> bool {
        let mut places = fields.iter().map(|offset| start.saturating_add(*offset));
        places.any(|place| self.named.contains(&(section, place)))
    }

    /// May another function be read? Tables that lie can refer to each other without end.
    fn take(&self) -> bool {
        let left = self.left.get();
        self.left.set(left.saturating_sub(1));
        left > 0
    }

    /// The pointers in a part of a section.
    fn range(&self, section: usize, start: u64, end: u64) -> impl Iterator<Item = (u64, Target)> {
        let range = match start < end {
            true => self.all.range((section, start)..(section, end)),
            false => self.all.range((section, start)..(section, start)),
        };
        range.map(|((_, offset), target)| (*offset, *target))
    }

    /// The string that a pointer leads to.
    fn string(&self, target: Target) -> Option<String> {
        let string = self.file.string(target.section?, target.offset)?;
        Some(string.to_owned())
    }

    /// Does a pointer lead to code?
    fn is_code(&self, target: Target) -> bool {
        let section = target
            .section
            .and_then(|index| self.file.sections.get(index));
        section.is_some_and(|section| section.code)
    }

    fn place(&self, section: usize, offset: u64) -> Place {
        let name = self.file.sections.get(section).map(|section| &section.name);
        Place::Offset(name.map(ToString::to_string).unwrap_or_default(), offset)
    }

    fn word(&self, section: usize, offset: u64) -> u64 {
        let section = self.file.sections.get(section);
        section.map_or(0, |section| section.word(offset))
    }
}

/// The places in data that code names.
fn named(file: &File<'_>) -> BTreeSet<(usize, u64)> {
    let mut places = BTreeSet::new();
    for (section, relocation) in file.applied() {
        let code = file.sections.get(section).is_some_and(|it| it.code);
        let target = target(file, relocation.symbol, relocation.addend);
        let Some((to, offset)) = target.and_then(|to| Some((to.section?, to.offset))) else {
            continue;
        };
        if !code {
            continue;
        }
        places.insert((to, offset));
        if relocation.kind == elf::R_X86_64_PC32 {
            // It counts from the instruction's end, which may come after a value.
            places.insert((to, offset.wrapping_add(4)));
            places.insert((to, offset.wrapping_add(8)));
        }
    }
    places
}

/// The place that a symbol and an addend make.
fn target(file: &File<'_>, symbol: usize, addend: i64) -> Option<Target> {
    let found = file.symbols.get(symbol)?;
    Some(Target {
        section: found.section,
        offset: found.value.wrapping_add_signed(addend),
        symbol,
    })
}
