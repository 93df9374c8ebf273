// SPDX-License-Identifier: GPL-2.0-only

//! Finds functions of a patch whose address is taken, which the kernel may call after the patch is unloaded.
//!
//! The livepatch core only waits until no task is in a replacement: not for work, timers, RCU
//! callbacks, threads, or driver operations. All of these need the address of a function, so a patch that takes
//! none passes no code to the kernel.

use crate::arch::code::Instruction;
use crate::elf::Symbols;
use crate::module::{Field, Function, Module, Place, demangled};
use crate::text::Name;
use object::LittleEndian as LE;
use object::elf as constants;
use std::collections::BTreeSet;

/// The path of the mod with the tables and callbacks of `#[livepatch]`.
const TABLES: &str = "::__livepatch::";

/// Sections with the author's data; compilers and the kernel's build generate other loaded sections for the
/// module loader.
const DATA: &[&[u8]] = &[b".data", b".rodata", b".bss", b".init.data", b".exit.data"];

/// A variable of a module.
struct Variable {
    start: (usize, u64),
    end: u64,
    symbol: u32,
}

impl Module<'_> {
    /// Whether this patch was made by `#[livepatch]`.
    pub fn is_of_klp(&self) -> bool {
        let symbols = self.elf.symbols;
        let mut names = symbols.all.iter().map(|symbol| symbols.name(symbol));
        // Mangling keeps identifiers as they are.
        let word = TABLES.trim_matches(':').as_bytes();
        names.any(|name| {
            name.windows(word.len()).any(|part| part == word) && demangled(name).contains(TABLES)
        })
    }

    /// The functions whose address is taken, except by the tables of `#[livepatch]`, and those that are
    /// called at once: formatting and dropping.
    pub(crate) fn handed_out(&self) -> BTreeSet<Name> {
        let in_code = self
            .functions()
            .flat_map(|function| self.taken_in_code(&function));
        let in_data = self.taken_in_data();
        let names = in_code.chain(in_data);
        names
            .filter(|name| name.to_str().is_none_or(|name| !is_called_at_once(name)))
            .collect()
    }

    /// The functions whose address a function's code takes.
    fn taken_in_code(&self, function: &Function) -> Vec<Name> {
        let mut fields = self
            .fields_in(function.section, function.start, function.size)
            .iter()
            .peekable();
        let mut found = Vec::new();
        for instruction in self.instructions(function) {
            while let Some(field) = fields.next_if(|field| field.offset < instruction.end()) {
                if field.offset >= instruction.start() && !instruction.is_call_or_branch() {
                    found.extend(self.taken(field, &instruction));
                }
            }
        }
        found
    }

    /// The function that a field of an instruction refers to, if it is the function's start.
    fn taken(&self, field: &Field, instruction: &Instruction) -> Option<Name> {
        let relative = self.machine.relative_to_end();
        let place = match self.place(field)? {
            // It is relative to the end of the instruction.
            Place::Inside(section, to) if relative.iter().any(|kind| field.is(*kind)) => {
                Place::Inside(section, to.wrapping_add(instruction.behind(field.offset)))
            }
            place => place,
        };
        self.name_at(place)
    }

    /// The functions whose address is in data.
    fn taken_in_data(&self) -> impl Iterator<Item = Name> {
        let variables = self.variables();
        let fields = self.fields().iter();
        fields.filter_map(move |field| {
            let section = usize::from(field.section);
            let name = self.elf.sections.name(section);
            if !DATA.iter().any(|data| name.starts_with(data)) {
                return None;
            }
            let function = self.name_at(self.place(field)?)?;
            (!self.is_own_table(&variables, field, &function)).then_some(function)
        })
    }

    /// Whether the field is in a table of the attributes.
    fn is_own_table(&self, variables: &[Variable], field: &Field, function: &Name) -> bool {
        let place = (usize::from(field.section), field.offset);
        let behind = variables.partition_point(|variable| variable.start <= place);
        let variable = behind.checked_sub(1).and_then(|last| variables.get(last));
        let Some(variable) = variable.filter(|variable| field.offset < variable.end) else {
            return false;
        };
        let holder = demangled(self.symbol_name(variable.symbol));
        let Some(holder) = holder.to_str() else {
            return false;
        };
        // The destructor of a shadow variable is in its initialiser.
        let collect = format!("{holder}::collect");
        holder.contains(TABLES) || function.to_str() == Some(&collect)
    }

    /// The variables, sorted by section and offset.
    fn variables(&self) -> Vec<Variable> {
        let all = (0..).zip(self.elf.symbols.all);
        let mut variables: Vec<Variable> = all
            .filter(|(_, symbol)| symbol.st_type() == constants::STT_OBJECT)
            .filter_map(|(number, symbol)| {
                let start = symbol.st_value.get(LE);
                Some(Variable {
                    start: (Symbols::section_of(symbol)?, start),
                    end: start.saturating_add(symbol.st_size.get(LE)),
                    symbol: number,
                })
            })
            .collect();
        variables.sort_unstable_by_key(|variable| variable.start);
        variables
    }

    fn name_at(&self, place: Place) -> Option<Name> {
        let function = self.function_at(place)?;
        Some(demangled(function.symbol.as_bytes()))
    }
}

/// Whether the function is only called while its user runs: from a vtable for formatting, or to drop a
/// value. The livepatch core waits for klp's own functions; the module's init and exit are for the module loader.
fn is_called_at_once(name: &str) -> bool {
    const PARTS: [&str; 3] = [" as core::fmt::", " as kernel::fmt::", TABLES];
    const BEGINNINGS: [&str; 4] = [
        "core::ptr::drop_in_place",
        "klp::",
        "<klp::",
        // With CONFIG_CFI, core calls formatting functions through a closure.
        "<<core::fmt::rt::Argument>::new_",
    ];
    matches!(name, "init_module" | "cleanup_module")
        || PARTS.iter().any(|part| name.contains(part))
        || BEGINNINGS.iter().any(|part| name.starts_with(part))
}

#[cfg(test)]
mod tests {
    use super::is_called_at_once;

    #[test]
    fn formatting_functions_are_called_at_once() {
        for name in [
            "<kernel::fmt::Adapter<&u32> as core::fmt::Display>::fmt",
            "<<core::fmt::rt::Argument>::new_display<kernel::fmt::Adapter<&&str>>::{closure#0} as \
             core::ops::function::FnOnce<(core::ptr::non_null::NonNull<()>, &mut \
             core::fmt::Formatter)>>::call_once",
            "core::ptr::drop_in_place::<fix::Kept>",
            "klp::shadow::construct",
            "<klp::shadow::Shadow<fix::Job, u32>>::drop_detached",
            "fix::__livepatch::pre_patch_0",
            "init_module",
        ] {
            assert!(is_called_at_once(name), "{name}");
        }
        for name in [
            "<kernel::workqueue::ClosureWork<fix::version::{closure#0}> as kernel::workqueue::RawWorkItem<0>>::run",
            "fix::fmt",
            "fix::init_module",
        ] {
            assert!(!is_called_at_once(name), "{name}");
        }
    }
}
