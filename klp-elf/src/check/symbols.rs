// SPDX-License-Identifier: GPL-2.0-only

//! Checks livepatch symbols: their names, and the symbols in the kernel.

use super::objects::{Choice, Found, Objects};
use super::report::Collected;
use super::{Place, Problem, Report};
use crate::elf::{Symbol, Symbols};
use crate::limits::FUNCTIONS_MAX;
use crate::livepatch::format::is_livepatch_symbol;
use crate::livepatch::{SYMBOL_PREFIX, SymbolName};
use crate::text::Name;
use crate::{Error, Match, Module};
use object::LittleEndian as LE;
use std::collections::{HashMap, HashSet};

/// The entry lengths of functions, by the indices of their livepatch symbols.
#[derive(Default)]
pub(super) struct Entries(HashMap<usize, u64>);

impl Entries {
    /// `None` if it is unknown.
    pub(super) fn get(&self, symbol: usize) -> Option<u64> {
        self.0.get(&symbol).copied()
    }
}

/// Checks all of them.
pub(super) fn check(
    module: &Module<'_>,
    objects: Option<&mut Objects<'_>>,
    report: &mut Report,
) -> Result<Entries, Error> {
    let linked = !report.has(&Problem::Unlinked);
    let symbols = module.elf.symbols;
    let mut count = 0;
    let mut names = Vec::new();
    for (number, symbol) in symbols.all.iter().enumerate() {
        let name = symbols.name(symbol);
        let place = || Place::Symbol(Name::new(name));
        if !is_livepatch_symbol(symbol) {
            if linked && name.starts_with(SYMBOL_PREFIX.as_bytes()) {
                report.add(place(), Problem::SymbolUnmarked);
            }
            continue;
        }
        count += 1;
        if count > FUNCTIONS_MAX {
            report.add(
                Place::Module,
                Problem::TooMany("livepatch symbols", FUNCTIONS_MAX),
            );
            break;
        }
        match SymbolName::parse(name) {
            Ok(parsed) if objects.is_some() => names.push((parsed, number)),
            Ok(_) => {}
            Err(error) => report.add(place(), Problem::SymbolName(error)),
        }
    }
    match objects {
        Some(objects) => look_up(module, names, objects, report),
        None => Ok(Entries::default()),
    }
}

/// Looks the symbols up in the kernel.
fn look_up(
    module: &Module<'_>,
    mut names: Vec<(SymbolName, usize)>,
    objects: &mut Objects<'_>,
    report: &mut Report,
) -> Result<Entries, Error> {
    // Look up each name once.
    names.sort_unstable();
    let mut entries = Entries::default();
    let mut problems = Collected::default();
    // Each unknown object is reported once.
    let mut unknown = HashSet::new();
    let key = |name: &SymbolName| (name.object().to_owned(), name.name().to_owned());
    for group in names.chunk_by(|a, b| key(&a.0) == key(&b.0)) {
        let [(first, number), ..] = group else {
            continue;
        };
        let object = || Name::from(first.object());
        let known = match objects.get(first.object())? {
            Found::Known(known) => known,
            Found::Unknown => {
                if unknown.insert(first.object()) {
                    problems.add(*number, Problem::ObjectUnknown(object()));
                }
                continue;
            }
            Found::LeftOut => continue,
        };
        let Some(matches) = known.matches(first.name()) else {
            if unknown.insert(first.object()) {
                problems.add(*number, Problem::NoSymbols(object()));
            }
            continue;
        };
        for (name, number) in group {
            let choice = Choice::of(known, name.name(), &matches, name.sympos().into());
            if let Choice::One(Match {
                entry: Some(bytes), ..
            }) = choice
            {
                entries.0.insert(*number, bytes);
            }
            if let Some(problem) = unfit(choice, name, matches.len()) {
                problems.add(*number, problem);
            }
        }
    }
    let symbols = module.elf.symbols;
    report.add_sorted(problems, |number| {
        let name = symbols.all.get(number).map(|symbol| symbols.name(symbol));
        Place::Symbol(Name::new(name.unwrap_or_default()))
    });
    Ok(entries)
}

/// Why the kernel's symbol cannot be used.
fn unfit(choice: Choice, symbol: &SymbolName, count: usize) -> Option<Problem> {
    let (object, name) = (Name::from(symbol.object()), Name::from(symbol.name()));
    match choice {
        Choice::None(others) => Some(Problem::SymbolMissing {
            object,
            name,
            others,
        }),
        Choice::Many => Some(Problem::SymbolAmbiguous {
            object,
            name,
            count,
        }),
        Choice::Beyond => Some(Problem::SymbolPosition {
            object,
            name,
            count,
            sympos: symbol.sympos().into(),
        }),
        Choice::One(found) => found.init.then_some(Problem::SymbolInit { object, name }),
    }
}

/// The named symbols, sorted by section and offset; at each offset, those with a size come first.
pub(super) struct Places(Vec<u32>);

/// The sort key.
type Key = (usize, u64, bool);

impl Places {
    pub(super) fn new(module: &Module<'_>) -> Self {
        let symbols = module.elf.symbols;
        let named = (0..).zip(symbols.all).filter(|(_, symbol)| {
            let is_placed = Symbols::section_of(symbol).is_some();
            is_placed && !symbols.name(symbol).is_empty()
        });
        let mut numbers: Vec<u32> = named.map(|(number, _)| number).collect();
        numbers.sort_by_key(|number| key(module, *number));
        Self(numbers)
    }

    /// The name of a symbol at an offset.
    pub(super) fn at<'data>(
        &self,
        module: &Module<'data>,
        section: usize,
        offset: u64,
    ) -> Option<&'data [u8]> {
        let symbol = self.symbol(module, section, offset)?;
        Some(module.elf.symbols.name(symbol))
    }

    /// The symbol at an offset, preferably one with a size.
    pub(super) fn symbol<'data>(
        &self,
        module: &Module<'data>,
        section: usize,
        offset: u64,
    ) -> Option<&'data Symbol> {
        let first = self.first(module, (section, offset, false));
        let number = *self.0.get(first)?;
        let (found_in, found_at, _) = key(module, number)?;
        let symbol = module.elf.symbols.all.get(number as usize)?;
        ((found_in, found_at) == (section, offset)).then_some(symbol)
    }

    /// The offset of the next symbol behind an offset in a section.
    pub(super) fn after(&self, module: &Module<'_>, section: usize, offset: u64) -> Option<u64> {
        let next = self.first(module, (section, offset.checked_add(1)?, false));
        let (found_in, found_at, _) = key(module, *self.0.get(next)?)?;
        (found_in == section).then_some(found_at)
    }

    fn first(&self, module: &Module<'_>, wanted: Key) -> usize {
        self.0
            .partition_point(|number| key(module, *number) < Some(wanted))
    }
}

fn key(module: &Module<'_>, number: u32) -> Option<Key> {
    let symbol = module.elf.symbols.all.get(number as usize)?;
    let unsized_last = symbol.st_size.get(LE) == 0;
    let section = Symbols::section_of(symbol)?;
    Some((section, symbol.st_value.get(LE), unsized_last))
}
