// SPDX-License-Identifier: GPL-2.0-only

//! Finds jumps out of a function: tail calls.
//!
//! A function that ends in a jump to another one is not on the stack while that one runs. The
//! livepatch core's stack check would not see such a replacement, so replacements must not have tail
//! calls.

use crate::arch::code::{Instruction, Instructions};
use crate::arch::effect::Flow;
use crate::module::{Field, Function, Module, Place, demangled};
use crate::text::Name;
use std::fmt;

/// A jump out of a function.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Exit {
    /// The offset of the instruction in the function.
    pub offset: u64,
    /// The instruction.
    pub instruction: String,
    /// The target, if known.
    pub target: Option<Name>,
}

impl fmt::Display for Exit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "+{:#x}: {}", self.offset, self.instruction)?;
        match &self.target {
            Some(target) => write!(f, " to {target}"),
            None => Ok(()),
        }
    }
}

/// A jump out of a function, not formatted yet.
pub(crate) struct Jump {
    instruction: Instruction,
    /// The target, if known.
    pub(crate) target: Option<Place>,
}

impl Module<'_> {
    /// The jumps out of `function`, in order.
    ///
    /// Calls and returns do not count. An indirect jump counts, unless it
    /// goes through a table whose entries are all within the function.
    pub fn exits(&self, function: &Function) -> Vec<Exit> {
        let jumps = self.jumps(function);
        jumps.map(|jump| self.exit(function, &jump)).collect()
    }

    /// Iterates over the jumps out of `function`.
    pub(crate) fn jumps(&self, function: &Function) -> impl Iterator<Item = Jump> {
        let fields = self.fields_in(function.section, function.start, function.size);
        let jump = move |instruction: Instruction| {
            let target = self.leaves(&instruction, function, fields)?;
            Some(Jump {
                instruction,
                target: target.0,
            })
        };
        self.instructions(function).filter_map(jump)
    }

    /// The instructions of a function, one after the other.
    pub(crate) fn instructions(&self, function: &Function) -> Instructions<'_> {
        let data = self.elf.bytes(function.section);
        let end = function.start.saturating_add(function.size);
        let code = usize::try_from(function.start)
            .ok()
            .zip(usize::try_from(end).ok())
            .and_then(|(start, end)| data.get(start..end))
            .unwrap_or_default();
        Instructions::new(self.machine, code, function.start)
    }

    /// Formats a jump.
    pub(crate) fn exit(&self, function: &Function, jump: &Jump) -> Exit {
        Exit {
            offset: jump.instruction.start().wrapping_sub(function.start),
            instruction: jump.instruction.text(),
            target: jump.target.map(|place| self.name(place)),
        }
    }

    /// The target of `instruction`, if that leaves `function`.
    fn leaves(
        &self,
        instruction: &Instruction,
        function: &Function,
        fields: &[Field],
    ) -> Option<Target> {
        let next = fields.partition_point(|field| field.offset < instruction.end());
        let field = next.checked_sub(1).and_then(|last| fields.get(last));
        let field = field.filter(|field| field.offset >= instruction.start());
        let place = field.and_then(|field| self.place(field));
        match instruction.flow() {
            Flow::Branch(target) => {
                let place = match (field, place) {
                    (Some(field), Some(Place::Inside(section, to))) => {
                        let behind = instruction.behind(field.offset);
                        Place::Inside(section, to.wrapping_add(behind))
                    }
                    (_, Some(outside)) => outside,
                    _ => Place::Inside(function.section, target),
                };
                (!self.stays(place, function)).then_some(Target(Some(place)))
            }
            Flow::IndirectBranch => match place {
                Some(table) if self.is_inner_table(table, function) => None,
                _ => Some(Target(None)),
            },
            _ => None,
        }
    }

    /// Whether `place` has a jump table of `function`.
    ///
    /// The size of the table is not recorded, and another one may follow. A compiler generates a table
    /// for one jump, so checking its first entry is enough.
    fn is_inner_table(&self, place: Place, function: &Function) -> bool {
        let Place::Inside(section, start) = place else {
            return false;
        };
        let first = self.fields_in(section, start, 1).first();
        let entry = first.and_then(|field| self.place(field));
        entry.is_some_and(|entry| self.stays(entry, function))
    }

    /// A name for `place`.
    fn name(&self, place: Place) -> Name {
        match place {
            Place::Outside(symbol) => demangled(self.symbol_name(symbol)),
            Place::Inside(_, offset) => match self.function_around(place) {
                Some(function) => demangled(function.symbol.as_bytes()),
                None => Name::from(format!("offset {offset:#x}").as_str()),
            },
        }
    }

    pub(crate) fn symbol_name(&self, symbol: u32) -> &[u8] {
        let symbols = self.elf.symbols;
        let symbol = symbols.all.get(symbol as usize);
        symbol.map_or(&[], |symbol| symbols.name(symbol))
    }

    /// Whether control at `place` stays in `function`, or returns from it.
    fn stays(&self, place: Place, function: &Function) -> bool {
        match place {
            Place::Inside(section, offset) => {
                let end = function.start.saturating_add(function.size);
                section == function.section && (function.start..end).contains(&offset)
            }
            Place::Outside(symbol) => self.machine.returns_by(self.symbol_name(symbol)),
        }
    }
}

/// The target of a jump, if known.
struct Target(Option<Place>);
