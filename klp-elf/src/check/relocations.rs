// SPDX-License-Identifier: GPL-2.0-only

//! Checks relocations: those that the livepatch core applies, by section, and those of the
//! module loader.

use super::tables::Tables;
use super::{Place, Problem, Report};
use crate::elf::{self, Relocation, SectionHeader, Symbol};
use crate::livepatch::format::is_livepatch_symbol;
use crate::livepatch::{self, SECTION_PREFIX, SectionName, SymbolName};
use crate::text::Name;
use crate::{Module, VMLINUX};
use object::LittleEndian as LE;
use std::collections::HashSet;

/// Checks all sections. Of each kind of mistake, a section's first is reported.
pub(super) fn check(module: &Module<'_>, tables: Option<&Tables<'_>>, report: &mut Report) {
    let patched = tables.map(|tables| {
        let objects = tables.objects.iter();
        objects.filter_map(|object| object.name).collect()
    });
    for (number, header) in module.elf.sections.headers.iter().enumerate() {
        let mut section = Section {
            module,
            name: module.elf.sections.name(number),
            header,
            relocations: module.elf.relocations(number),
            reported: Vec::new(),
            report,
        };
        let is_marked = livepatch::format::is_livepatch(header);
        if is_marked || section.name.starts_with(SECTION_PREFIX.as_bytes()) {
            section.livepatch(is_marked, patched.as_ref());
        } else if module.is_loaded(header.sh_info.get(LE) as usize) {
            section.ordinary();
        }
    }
}

/// A section and its findings.
struct Section<'a, 'data> {
    module: &'a Module<'data>,
    name: &'data [u8],
    header: &'data SectionHeader,
    /// Its relocations, if it is a section of relocations.
    relocations: Option<&'data [Relocation]>,
    reported: Vec<std::mem::Discriminant<Problem>>,
    report: &'a mut Report,
}

impl<'data> Section<'_, 'data> {
    fn add(&mut self, problem: Problem) {
        let place = Place::Section(Name::new(self.name));
        self.report.add(place, problem);
    }

    fn add_once(&mut self, relocation: &Relocation, problem: Option<Problem>) {
        let Some(problem) = problem else { return };
        let kind = std::mem::discriminant(&problem);
        if !self.reported.contains(&kind) {
            self.reported.push(kind);
            let place = Place::Offset(Name::new(self.name), relocation.r_offset.get(LE));
            self.report.add(place, problem);
        }
    }

    /// A section that the livepatch core applies.
    fn livepatch(&mut self, is_marked: bool, patched: Option<&HashSet<&[u8]>>) {
        let name = match SectionName::parse(self.name) {
            Ok(name) => name,
            Err(error) => return self.add(Problem::RelaName(error)),
        };
        let object = name.object();
        if !is_marked {
            return self.add(Problem::RelaUnmarked);
        }
        let Some(relocations) = self.relocations else {
            return self.add(Problem::RelaType);
        };
        if !elf::is_loaded(self.header) {
            self.add(Problem::RelaNotKept);
        }
        let link = self.header.sh_link.get(LE) as usize;
        if link != self.module.elf.symbols.section {
            self.add(Problem::RelaLink(link));
        }
        let target = self.header.sh_info.get(LE) as usize;
        if !self.module.is_loaded(target) {
            return self.add(Problem::RelaTarget(target));
        }
        // The kernel's documentation omits the dot of the section's name.
        let target_name = self.module.elf.sections.name(target);
        let plain = |name: &'data [u8]| name.strip_prefix(b".").unwrap_or(name);
        let said = name.section().as_bytes();
        if plain(target_name) != said.strip_prefix(b".").unwrap_or(said) {
            self.add(Problem::RelaTargetName(Name::new(target_name)));
        }
        let is_patched = patched.is_none_or(|patched| patched.contains(object.as_bytes()));
        if object != VMLINUX && !is_patched {
            self.add(Problem::RelaObject(object.into()));
        }
        for relocation in relocations {
            self.add_once(relocation, self.problem(relocation));
            self.add_once(relocation, self.symbol_problem(object, relocation));
        }
    }

    /// A section that the module loader applies.
    fn ordinary(&mut self) {
        for relocation in self.relocations.unwrap_or_default() {
            self.add_once(relocation, self.problem(relocation));
            let symbol = self
                .symbol(relocation)
                .filter(|symbol| is_livepatch_symbol(symbol));
            let problem = symbol.map(|symbol| Problem::RelocationLivepatch(self.name_of(symbol)));
            self.add_once(relocation, problem);
        }
    }

    fn symbol(&self, relocation: &Relocation) -> Option<&'data Symbol> {
        let number = relocation.r_sym(LE, false) as usize;
        self.module.elf.symbols.all.get(number)
    }

    fn name_of(&self, symbol: &Symbol) -> Name {
        Name::new(self.module.elf.symbols.name(symbol))
    }

    /// The problem of a livepatch relocation's symbol, if any.
    fn symbol_problem(&self, object: &str, relocation: &Relocation) -> Option<Problem> {
        let symbol = self.symbol(relocation)?;
        if !is_livepatch_symbol(symbol) {
            return Some(Problem::RelaPlainSymbol(self.name_of(symbol)));
        }
        let name = SymbolName::parse(self.module.elf.symbols.name(symbol)).ok()?;
        match (object == VMLINUX, name.object() == VMLINUX) {
            (false, true) => Some(Problem::RelaVmlinuxSymbol {
                object: object.into(),
                symbol: name.name().into(),
            }),
            (true, false) => Some(Problem::RelaModuleSymbol(name.name().into())),
            _ => None,
        }
    }

    /// The problem of any relocation, if any.
    fn problem(&self, relocation: &Relocation) -> Option<Problem> {
        let symbol = relocation.r_sym(LE, false) as usize;
        if symbol >= self.module.elf.symbols.all.len() {
            return Some(Problem::RelocationSymbol(symbol));
        }
        let kind = relocation.r_type(LE, false);
        if self.module.machine.is_none(kind) {
            return None;
        }
        let Some(written) = self.module.machine.written(kind) else {
            return Some(Problem::RelocationKind(kind.0));
        };
        let target = self.header.sh_info.get(LE) as usize;
        let header = self.module.elf.sections.get(target)?;
        let start = relocation.r_offset.get(LE);
        let end = start.checked_add(written.size() as u64);
        let Some(end) = end.filter(|end| *end <= header.sh_size.get(LE)) else {
            return Some(Problem::RelocationOffset);
        };
        let range = usize::try_from(start).ok()?..usize::try_from(end).ok()?;
        let field = self.module.elf.bytes(target).get(range)?;
        let occupied = written.is_over_zeros() && field.iter().any(|&byte| byte != 0);
        occupied.then_some(Problem::RelocationOccupied)
    }
}
