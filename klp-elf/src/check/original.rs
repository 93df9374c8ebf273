// SPDX-License-Identifier: GPL-2.0-only

//! Calls of functions that the module replaces: one to the beginning leads back to the replacement, and
//! one that passes the entry has to go where the entry ends.

use super::file::{File, Relocation, Section};
use super::functions::{Choice, place};
use super::tables::{Function, Tables};
use super::{Against, Place, Problem, Report};
use crate::livepatch::SymbolName;
use crate::{Error, Kernel, VMLINUX};
use object::elf;

/// What klp calls a function by whose entry it finds out when it runs: it jumps to either.
const CHOOSES: &str = "__klp_original.";

/// A call, or a jump, to a livepatch symbol.
struct Call<'a> {
    /// The section that it is in, and where.
    section: usize,
    offset: u64,
    to: SymbolName,
    /// How far behind the symbol it goes.
    behind: u64,
    code: &'a Section<'a>,
}

/// Checks all calls of livepatch symbols.
pub(super) fn check(
    file: &File<'_>,
    tables: Option<&Tables>,
    against: &Against<'_>,
    report: &mut Report,
) -> Result<(), Error> {
    for section in file.sections.iter().filter(|section| section.livepatch) {
        for relocation in section.relocations() {
            let Some(call) = call(file, section, relocation) else {
                continue;
            };
            match (call.behind, against.kernel) {
                (0, _) => itself(file, tables, &call, report),
                (_, Some(kernel)) => entry(file, kernel, &call, report)?,
                (_, None) => {}
            }
        }
    }
    Ok(())
}

/// The relocation as one of a call.
fn call<'a>(file: &'a File<'_>, section: &Section<'_>, relocation: Relocation) -> Option<Call<'a>> {
    let code = file.sections.get(section.info).filter(|it| it.code)?;
    let is_relative = [elf::R_X86_64_PLT32, elf::R_X86_64_PC32].contains(&relocation.kind);
    let opcode = usize::try_from(relocation.offset.checked_sub(1)?).ok()?;
    // The field counts from its end.
    let behind = relocation.addend.checked_add(4)?;
    (is_relative && matches!(code.data.get(opcode), Some(0xe8 | 0xe9))).then_some(())?;
    Some(Call {
        section: section.info,
        offset: relocation.offset,
        to: file.symbols.get(relocation.symbol)?.name.parse().ok()?,
        behind: u64::try_from(behind).ok()?,
        code,
    })
}

/// Does a replacement call what it replaces?
fn itself(file: &File<'_>, tables: Option<&Tables>, call: &Call<'_>, report: &mut Report) {
    let objects = tables.map_or(&[][..], |tables| &tables.objects);
    let functions = objects
        .iter()
        .filter(|object| object.name.as_deref().unwrap_or(VMLINUX) == call.to.object())
        .flat_map(|object| &object.functions)
        .filter(|function| replaces(function, &call.to));
    for name in functions.filter_map(|function| around(file, function, call)) {
        report.add(place(name), Problem::CallsItself(call.to.name().to_owned()));
    }
}

fn replaces(function: &Function, symbol: &SymbolName) -> bool {
    // 0 stands for the only one, which is the first.
    function.old_name.as_deref() == Some(symbol.name())
        && function.sympos.max(1) == u64::from(symbol.sympos()).max(1)
}

/// The replacement's name, when the call is in it.
fn around<'a>(file: &'a File<'_>, function: &Function, call: &Call<'_>) -> Option<&'a str> {
    let target = function.new_func?;
    let symbol = file.symbols.iter().find(|symbol| {
        let start = (symbol.section, symbol.value);
        start == (target.section, target.offset) && symbol.size > 0
    })?;
    let inside = target.section == Some(call.section)
        && call
            .offset
            .checked_sub(symbol.value)
            .is_some_and(|offset| offset < symbol.size);
    inside.then_some(&*symbol.name)
}

/// Does the call go where the function's entry ends?
fn entry(
    file: &File<'_>,
    kernel: &Kernel,
    call: &Call<'_>,
    report: &mut Report,
) -> Result<(), Error> {
    let chooses = file.symbols.iter().any(|symbol| {
        symbol.name.starts_with(CHOOSES)
            && symbol.section == Some(call.section)
            && (symbol.value..symbol.value.saturating_add(symbol.size)).contains(&call.offset)
    });
    // What is not known, or not there, was told where it is looked up.
    let Some(object) = kernel.object(call.to.object())?.filter(|_| !chooses) else {
        return Ok(());
    };
    let matches = object.function(call.to.name()).matches.unwrap_or_default();
    let Choice::One(index) = Choice::of(matches.len(), call.to.sympos().into()) else {
        return Ok(());
    };
    let expected = matches.get(index).and_then(|found| found.entry);
    if let Some(expected) = expected.filter(|expected| *expected != call.behind) {
        let place = Place::Offset(call.code.name.to_string(), call.offset);
        report.add(
            place,
            Problem::EntryDiffers {
                object: call.to.object().to_owned(),
                name: call.to.name().to_owned(),
                found: call.behind,
                expected,
            },
        );
    }
    Ok(())
}
