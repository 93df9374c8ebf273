// SPDX-License-Identifier: GPL-2.0-only

//! Where code leaves a function other than by returning.
//!
//! A function that ends in a jump to another one is not on the stack while that one runs. The
//! livepatch core finds out by the stack whether a replacement is in use, so a replacement must
//! not do that.

use crate::Error;
use crate::module::{Function, Module, Place, demangled};
use iced_x86::{Decoder, DecoderOptions, FlowControl, Formatter as _, Instruction, NasmFormatter};
use std::collections::BTreeMap;
use std::fmt;

/// What the kernel puts in the place of `ret` on CPUs that need it: jumping there is returning.
const RETURN_THUNKS: &[&str] = &[
    "__x86_return_thunk",
    "srso_return_thunk",
    "its_return_thunk",
];

/// A jump out of a function.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Exit {
    /// Offset of the instruction in the function.
    pub offset: u64,
    /// The instruction.
    pub instruction: String,
    /// Where it goes, if that is known.
    pub target: Option<String>,
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

impl Module<'_> {
    /// The jumps that lead out of `function`, in order.
    ///
    /// Calls come back and are none of them; nor are returns. An indirect jump counts, unless it
    /// goes through a table whose entries are all within the function.
    ///
    /// # Errors
    ///
    /// When the function's section cannot be read.
    pub fn exits(&self, function: &Function) -> Result<Vec<Exit>, Error> {
        let fields = self.fields(function.section, function.start, function.size)?;
        let code = self.code(function)?;
        let mut exits = Vec::new();
        for instruction in &mut Decoder::with_ip(64, code, function.start, DecoderOptions::NONE) {
            if let Some(target) = self.leaves(&instruction, function, &fields)? {
                exits.push(Exit {
                    offset: instruction.ip() - function.start,
                    instruction: text(&instruction),
                    target: target.0,
                });
            }
        }
        Ok(exits)
    }

    /// The function's instructions.
    pub(crate) fn code(&self, function: &Function) -> Result<&[u8], Error> {
        let data = self.section_data(function.section)?;
        let end = function.start.saturating_add(function.size);
        Ok(usize::try_from(function.start)
            .ok()
            .zip(usize::try_from(end).ok())
            .and_then(|(start, end)| data.get(start..end))
            .unwrap_or_default())
    }

    /// Where `instruction` leaves `function` to, when it does.
    fn leaves(
        &self,
        instruction: &Instruction,
        function: &Function,
        fields: &BTreeMap<u64, Place>,
    ) -> Result<Option<Target>, Error> {
        let field = fields
            .range(instruction.ip()..instruction.next_ip())
            .next_back();
        match instruction.flow_control() {
            FlowControl::UnconditionalBranch | FlowControl::ConditionalBranch => {
                let place = match field {
                    // The field's value counts from the end of the instruction.
                    Some((offset, Place::Inside(section, to))) => {
                        Place::Inside(*section, to.wrapping_add(instruction.next_ip() - offset))
                    }
                    Some((_, outside)) => outside.clone(),
                    None => Place::Inside(function.section, instruction.near_branch_target()),
                };
                Ok((!stays(&place, function)).then(|| Target(Some(self.name(&place)))))
            }
            FlowControl::IndirectBranch => match field {
                Some((_, table)) if self.is_inner_table(table, function)? => Ok(None),
                _ => Ok(Some(Target(None))),
            },
            _ => Ok(None),
        }
    }

    /// Is there a table of addresses within `function` at `place`?
    ///
    /// Where the table ends is not written anywhere, and another one may follow. A compiler makes
    /// a table for one purpose, so its first entry speaks for all.
    fn is_inner_table(&self, place: &Place, function: &Function) -> Result<bool, Error> {
        let Place::Inside(section, start) = place else {
            return Ok(false);
        };
        let fields = self.fields(*section, *start, 1)?;
        Ok(fields
            .get(start)
            .is_some_and(|entry| stays(entry, function)))
    }

    /// A name for `place`.
    fn name(&self, place: &Place) -> String {
        match place {
            Place::Outside(symbol) => demangled(symbol),
            Place::Inside(section, offset) => self
                .functions()
                .iter()
                .find(|function| {
                    function.section == *section
                        && (function.start..function.start + function.size).contains(offset)
                })
                .map_or_else(|| format!("offset {offset:#x}"), ToString::to_string),
        }
    }
}

/// The target of a jump, where it is known.
struct Target(Option<String>);

/// Does control that goes to `place` stay in `function`, or return from it?
fn stays(place: &Place, function: &Function) -> bool {
    match place {
        Place::Inside(section, offset) => {
            *section == function.section
                && (function.start..function.start + function.size).contains(offset)
        }
        Place::Outside(symbol) => RETURN_THUNKS.contains(&symbol.as_str()),
    }
}

/// An instruction for a reader.
fn text(instruction: &Instruction) -> String {
    let mut text = String::new();
    NasmFormatter::new().format(instruction, &mut text);
    text
}
