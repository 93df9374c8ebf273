// SPDX-License-Identifier: GPL-2.0-only

//! Plans the changes of linking: the symbols, and the relocations that stay or move. All errors of a module's
//! references are found here.

use super::error::Error;
use super::error::SHN_LORESERVE;
use super::names::{NameError, SectionName, SymbolName};
use super::read::{File, Relocations};
use crate::arch::Machine;
use crate::elf::{Relocation, SectionHeader, is_loaded};
use crate::text::Name;
use object::elf::RelocationType;
use object::{LittleEndian as LE, SectionIndex, SymbolIndex};
use std::collections::BTreeMap;
use std::ops::Range;

/// The changes.
#[derive(Default)]
pub(super) struct Plan {
    /// Symbols that become livepatch symbols.
    pub(super) symbols: Vec<SymbolIndex>,
    /// Sections of relocations that lose some, with the remaining ones.
    pub(super) kept: Vec<(SectionIndex, Vec<Relocation>)>,
    /// New sections.
    pub(super) added: Vec<Added>,
    /// The ranges of the file that become 0.
    pub(super) unlinked: Vec<Range<usize>>,
}

/// A new section of livepatch relocations.
pub(super) struct Added {
    pub(super) name: SectionName,
    /// The section that is relocated.
    pub(super) target: SectionIndex,
    pub(super) relocations: Vec<Relocation>,
}

impl Plan {
    pub(super) fn new(file: &File<'_>) -> Result<Self, Error> {
        let pending = file.pending()?;
        let mut plan = Self {
            unlinked: file.unlinked()?,
            ..Self::default()
        };
        if let Some(first) = pending.values().next() {
            check_module(file, first)?;
            plan.symbols = pending.keys().copied().map(SymbolIndex).collect();
            plan.split(file, &pending)?;
        }
        if !plan.is_empty() && file.is_signed() {
            return Err(Error::Signed);
        }
        let count = file
            .elf
            .sections
            .headers
            .len()
            .saturating_add(plan.added.len());
        if count >= usize::from(SHN_LORESERVE) {
            return Err(Error::Sections { count });
        }
        Ok(plan)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.symbols.is_empty() && self.unlinked.is_empty()
    }

    /// Splits relocations into those that stay and those that move.
    fn split(
        &mut self,
        file: &File<'_>,
        pending: &BTreeMap<usize, SymbolName>,
    ) -> Result<(), Error> {
        // One new section for each relocated section and object.
        let mut moved: BTreeMap<(usize, &str), Vec<Relocation>> = BTreeMap::new();
        for section in file.relocations() {
            let target = Target::new(file, &section)?;
            if !target.is_loaded() {
                continue;
            }
            let mut kept = Vec::new();
            for entry in section.entries {
                match pending.get(&(entry.r_sym(LE, false) as usize)) {
                    None => kept.push(*entry),
                    Some(symbol) => {
                        target.check(entry, symbol)?;
                        let key = (section.target.0, symbol.object());
                        moved.entry(key).or_default().push(*entry);
                    }
                }
            }
            if kept.len() < section.entries.len() {
                self.kept.push((section.index, kept));
            }
        }
        for ((target, object), relocations) in moved {
            let target = SectionIndex(target);
            let section = file.section_name(target);
            let failed = |reason| Error::Name {
                symbol: Name::new(section),
                reason,
            };
            let text = std::str::from_utf8(section);
            let text = text.map_err(|_| failed(NameError::NotASection))?;
            let name = SectionName::new(object, text).map_err(failed)?;
            self.added.push(Added {
                name,
                target,
                relocations,
            });
        }
        Ok(())
    }
}

/// Checks that the module is a live patch without livepatch relocations of another tool.
fn check_module(file: &File<'_>, first: &SymbolName) -> Result<(), Error> {
    if !file.is_patch() {
        return Err(Error::NotAPatch {
            symbol: whole(first),
        });
    }
    match file.livepatch_section() {
        Some(section) => Err(Error::Half { section }),
        None => Ok(()),
    }
}

/// The complete name of a symbol.
fn whole(symbol: &SymbolName) -> Name {
    Name::from(symbol.to_string().as_str())
}

/// A section that is relocated.
struct Target<'data> {
    machine: Machine,
    name: &'data [u8],
    header: &'data SectionHeader,
    data: &'data [u8],
}

impl<'data> Target<'data> {
    fn new(file: &File<'data>, section: &Relocations<'data>) -> Result<Self, Error> {
        let header = file.elf.sections.get(section.target.0);
        Ok(Self {
            machine: file.machine,
            name: file.section_name(section.target),
            header: header.ok_or(Error::Damaged("relocations of a missing section"))?,
            data: file.elf.bytes(section.target.0),
        })
    }

    /// Whether the kernel loads the section. It ignores others and their relocations.
    fn is_loaded(&self) -> bool {
        is_loaded(self.header)
    }

    /// The error for a relocation that the kernel does not apply.
    fn unknown(&self, offset: u64, symbol: &SymbolName, kind: RelocationType) -> Error {
        let by_table = self.machine.by_table(kind);
        Error::Kind {
            section: Name::new(self.name),
            offset,
            symbol: whole(symbol),
            kind: by_table.map_or_else(|| format!("of kind {}", kind.0), str::to_owned),
            known: self.machine.applied_in_words(),
            hint: match by_table {
                Some(_) => {
                    ". It uses a global offset table, which modules do not have: compile without \
                     -fPIC, with rustc's relocation-model=static"
                }
                None => "",
            },
        }
    }

    /// Checks that the livepatch core can apply this relocation.
    fn check(&self, entry: &Relocation, symbol: &SymbolName) -> Result<(), Error> {
        let offset = entry.r_offset.get(LE);
        let kind = entry.r_type(LE, false);
        let Some(written) = self.machine.written(kind) else {
            return Err(self.unknown(offset, symbol, kind));
        };
        let place = usize::try_from(offset)
            .ok()
            .and_then(|start| self.data.get(start..start.checked_add(written.size())?))
            .ok_or_else(|| Error::Outside {
                section: Name::new(self.name),
                offset,
            })?;
        if written.is_over_zeros() && place.iter().any(|&byte| byte != 0) {
            return Err(Error::NotZero {
                section: Name::new(self.name),
                offset,
                symbol: whole(symbol),
            });
        }
        if symbol.object() != crate::VMLINUX && is_for_loading(self.name) {
            return Err(Error::LoadTime {
                section: Name::new(self.name),
                offset,
                symbol: whole(symbol),
                object: symbol.object().into(),
            });
        }
        Ok(())
    }
}

/// Whether the kernel uses this section only while loading the patch, or frees it then. Relocating it when a module
/// is loaded would be too late, or write to freed memory.
fn is_for_loading(section: &[u8]) -> bool {
    const WHOLE: [&[u8]; 7] = [
        b".altinstructions",
        b".altinstr_replacement",
        b".data..percpu",
        b".gnu.linkonce.this_module",
        b".static_call_sites",
        b"__jump_table",
        b"__param",
    ];
    section.starts_with(b".init") || WHOLE.contains(&section)
}
