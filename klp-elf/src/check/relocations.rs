// SPDX-License-Identifier: GPL-2.0-only

//! Relocations: those that the livepatch core applies, section by section, and those that the
//! module loader applies.

use super::file::{File, Relocation, Section};
use super::tables::Tables;
use super::{Place, Problem, Report};
use crate::VMLINUX;
use crate::livepatch::{SECTION_PREFIX, SectionName, SymbolName};
use object::elf;

/// Checks all sections. Of each kind of mistake a section's first is told.
pub(super) fn check(file: &File<'_>, tables: Option<&Tables>, report: &mut Report) {
    for section in &file.sections {
        let mut told = Told {
            section: &section.name,
            problems: Vec::new(),
            report,
        };
        if section.livepatch || section.name.starts_with(SECTION_PREFIX) {
            livepatch(file, section, tables, &mut told);
        } else if file.sections.get(section.info).is_some_and(|to| to.alloc) {
            ordinary(file, section, &mut told);
        }
    }
}

/// The findings of one section.
struct Told<'a> {
    section: &'a str,
    problems: Vec<std::mem::Discriminant<Problem>>,
    report: &'a mut Report,
}

impl Told<'_> {
    fn section(&mut self, problem: Problem) {
        let place = Place::Section(self.section.to_owned());
        self.report.add(place, problem);
    }

    fn relocation(&mut self, relocation: Relocation, problem: Problem) {
        let kind = std::mem::discriminant(&problem);
        if !self.problems.contains(&kind) {
            self.problems.push(kind);
            let place = Place::Offset(self.section.to_owned(), relocation.offset);
            self.report.add(place, problem);
        }
    }
}

/// A section that the livepatch core applies.
fn livepatch(file: &File<'_>, section: &Section<'_>, tables: Option<&Tables>, told: &mut Told<'_>) {
    let name: SectionName = match section.name.parse() {
        Ok(name) => name,
        Err(error) => return told.section(Problem::RelaName(error)),
    };
    let object = name.object();
    if !section.livepatch {
        return told.section(Problem::RelaUnmarked);
    }
    if section.relocations.is_none() {
        return told.section(Problem::RelaType);
    }
    if !section.alloc {
        told.section(Problem::RelaNotKept);
    }
    if section.link != file.symtab {
        told.section(Problem::RelaLink(section.link));
    }
    let target = file
        .sections
        .get(section.info)
        .filter(|target| target.alloc);
    let Some(target) = target else {
        return told.section(Problem::RelaTarget(section.info));
    };
    // The kernel's document leaves out the dot that a section's name begins with.
    let same = target.name.strip_prefix('.').unwrap_or(&target.name)
        == name.section().strip_prefix('.').unwrap_or(name.section());
    if !same {
        told.section(Problem::RelaTargetName(target.name.to_string()));
    }
    let patched = tables.is_none_or(|tables| tables.patch(object));
    if object != VMLINUX && !patched {
        told.section(Problem::RelaObject(object.to_owned()));
    }
    for relocation in section.relocations() {
        if let Some(problem) = wrong(file, target, relocation) {
            told.relocation(relocation, problem);
        }
        if let Some(problem) = wrong_symbol(file, object, relocation) {
            told.relocation(relocation, problem);
        }
    }
}

/// What is wrong with the symbol that the livepatch core looks up.
fn wrong_symbol(file: &File<'_>, object: &str, relocation: Relocation) -> Option<Problem> {
    let symbol = file.symbols.get(relocation.symbol)?;
    if !symbol.is_livepatch() {
        return Some(Problem::RelaPlainSymbol(symbol.name.to_string()));
    }
    let name: SymbolName = symbol.name.parse().ok()?;
    match (object == VMLINUX, name.object() == VMLINUX) {
        (false, true) => Some(Problem::RelaVmlinuxSymbol {
            object: object.to_owned(),
            symbol: name.name().to_owned(),
        }),
        (true, false) => Some(Problem::RelaModuleSymbol(name.name().to_owned())),
        _ => None,
    }
}

/// A section that the module loader applies.
fn ordinary(file: &File<'_>, section: &Section<'_>, told: &mut Told<'_>) {
    let Some(target) = file.sections.get(section.info) else {
        return;
    };
    for relocation in section.relocations() {
        if let Some(problem) = wrong(file, target, relocation) {
            told.relocation(relocation, problem);
        }
        let symbol = file.symbols.get(relocation.symbol);
        if let Some(symbol) = symbol.filter(|symbol| symbol.is_livepatch()) {
            let problem = Problem::RelocationLivepatch(symbol.name.to_string());
            told.relocation(relocation, problem);
        }
    }
}

/// What is wrong with a relocation of any section (`arch/x86/kernel/module.c`).
fn wrong(file: &File<'_>, target: &Section<'_>, relocation: Relocation) -> Option<Problem> {
    if relocation.symbol >= file.symbols.len() {
        return Some(Problem::RelocationSymbol(relocation.symbol));
    }
    let size = match relocation.kind {
        elf::R_X86_64_NONE => return None,
        elf::R_X86_64_64 | elf::R_X86_64_PC64 => 8,
        elf::R_X86_64_32 | elf::R_X86_64_32S | elf::R_X86_64_PC32 | elf::R_X86_64_PLT32 => 4,
        other => return Some(Problem::RelocationKind(other.0)),
    };
    let end = relocation.offset.checked_add(size);
    let Some(end) = end.filter(|end| *end <= target.size) else {
        return Some(Problem::RelocationOffset);
    };
    let range = usize::try_from(relocation.offset).ok()?..usize::try_from(end).ok()?;
    let field = target.data.get(range)?;
    let occupied = field.iter().any(|&byte| byte != 0);
    occupied.then_some(Problem::RelocationOccupied)
}

impl Tables {
    /// Is that module patched?
    fn patch(&self, module: &str) -> bool {
        let mut objects = self.objects.iter();
        objects.any(|object| object.name.as_deref() == Some(module))
    }
}
