// SPDX-License-Identifier: GPL-2.0-only

//! Checks calls of replaced functions: a call of the function's start would enter the replacement again,
//! and a call behind the patch site has to match the entry's length.

use super::symbols::Entries;
use super::tables::Tables;
use super::{Place, Problem, Report};
use crate::elf::{Relocation, Symbols};
use crate::livepatch::{self, SymbolName};
use crate::module::{Place as Target, demangled};
use crate::text::Name;
use crate::{Module, VMLINUX};
use object::LittleEndian as LE;
use std::collections::HashSet;

/// The prefix of klp's code that branches on an entry's length at run time.
const CHOOSES: &[u8] = b"__klp_original.";

/// A call, or a jump, to a livepatch symbol.
struct Call<'data> {
    /// Its section, and its offset there.
    section: usize,
    offset: u64,
    /// The symbol's index and name.
    symbol: usize,
    to: &'data [u8],
    /// The offset of the target from the symbol.
    behind: u64,
}

/// Checks all calls of livepatch symbols.
pub(super) fn check(
    module: &Module<'_>,
    tables: Option<&Tables<'_>>,
    entries: &Entries,
    report: &mut Report,
) {
    let replacements = Replacements::new(tables);
    let choosing = Choosing::new(module);
    for (number, header) in module.elf.sections.headers.iter().enumerate() {
        let relocations = module.elf.relocations(number);
        let section = header.sh_info.get(LE) as usize;
        if !livepatch::format::is_livepatch(header) || !module.is_code(section) {
            continue;
        }
        for relocation in relocations.unwrap_or_default() {
            let Some(call) = call(module, section, relocation) else {
                continue;
            };
            match call.behind {
                0 => itself(module, &replacements, &call, report),
                _ if choosing.contain(&call) => {}
                _ => entry(module, entries, &call, report),
            }
        }
    }
}

/// The call that a relocation is for, if any.
fn call<'data>(
    module: &Module<'data>,
    section: usize,
    relocation: &Relocation,
) -> Option<Call<'data>> {
    let kind = relocation.r_type(LE, false);
    let offset = relocation.r_offset.get(LE);
    let addend = relocation.r_addend.get(LE);
    let code = module.elf.bytes(section);
    let behind = module.machine.call(kind, code, offset, addend)?;
    let symbol = relocation.r_sym(LE, false) as usize;
    let symbols = module.elf.symbols;
    Some(Call {
        section,
        offset,
        symbol,
        to: symbols.name(symbols.all.get(symbol)?),
        behind: u64::try_from(behind).ok()?,
    })
}

/// The replaced functions with their replacements.
struct Replacements<'data>(HashSet<Replacement<'data>>);

/// Object, function, sympos from 1, and the section and offset of the replacement.
type Replacement<'data> = (&'data [u8], &'data [u8], u64, usize, u64);

impl<'data> Replacements<'data> {
    fn new(tables: Option<&Tables<'data>>) -> Self {
        let objects = tables.map_or(&[][..], |tables| &tables.objects);
        let entries = objects.iter().flat_map(|object| {
            let name = object.name.unwrap_or(VMLINUX.as_bytes());
            object.functions.iter().filter_map(move |function| {
                let target = function.new_func?;
                let old_name = function.old_name?;
                // Sympos 0 means the only symbol, which is the first.
                let sympos = function.sympos.max(1);
                Some((name, old_name, sympos, target.section?, target.offset))
            })
        });
        Self(entries.collect())
    }
}

/// Checks whether a replacement calls the function that it replaces.
fn itself(
    module: &Module<'_>,
    replacements: &Replacements<'_>,
    call: &Call<'_>,
    report: &mut Report,
) {
    let around = module.function_around(Target::Inside(call.section, call.offset));
    let (Some(around), Ok(to)) = (around, SymbolName::parse(call.to)) else {
        return;
    };
    let (object, name) = (to.object().as_bytes(), to.name().as_bytes());
    let sympos = u64::from(to.sympos()).max(1);
    let wanted = (object, name, sympos, around.section, around.start);
    if replacements.0.contains(&wanted) {
        let place = || Place::Function(demangled(around.symbol.as_bytes()));
        report.add_at(place, Problem::CallsItself(to.name().into()));
    }
}

/// Checks that the call is to the end of the function's entry. Unknown or missing functions are
/// reported elsewhere.
fn entry(module: &Module<'_>, entries: &Entries, call: &Call<'_>, report: &mut Report) {
    let expected = entries
        .get(call.symbol)
        .filter(|entry| *entry != call.behind);
    let (Some(expected), Ok(to)) = (expected, SymbolName::parse(call.to)) else {
        return;
    };
    let section = || Name::new(module.elf.sections.name(call.section));
    report.add_at(
        || Place::Offset(section(), call.offset),
        Problem::EntryDiffers {
            object: to.object().into(),
            name: to.name().into(),
            found: call.behind,
            expected,
        },
    );
}

/// klp's code that branches on an entry's length: disjoint ranges of sections, sorted.
struct Choosing(Vec<(usize, u64, u64)>);

impl Choosing {
    fn new(module: &Module<'_>) -> Self {
        let symbols = module.elf.symbols;
        let named = symbols
            .all
            .iter()
            .filter(|symbol| symbols.name(symbol).starts_with(CHOOSES));
        let mut parts: Vec<(usize, u64, u64)> = named
            .filter_map(|symbol| {
                let start = symbol.st_value.get(LE);
                let end = start.saturating_add(symbol.st_size.get(LE));
                Some((Symbols::section_of(symbol)?, start, end))
            })
            .collect();
        parts.sort_unstable();
        parts.dedup_by(|next, part| {
            let joined = next.0 == part.0 && next.1 <= part.2;
            part.2 = if joined { part.2.max(next.2) } else { part.2 };
            joined
        });
        Self(parts)
    }

    fn contain(&self, call: &Call<'_>) -> bool {
        let place = (call.section, call.offset);
        let next = self.0.partition_point(|part| (part.0, part.1) <= place);
        let part = next.checked_sub(1).and_then(|last| self.0.get(last));
        part.is_some_and(|part| part.0 == call.section && call.offset < part.2)
    }
}
