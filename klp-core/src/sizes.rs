// SPDX-License-Identifier: GPL-2.0-only

//! How large functions are: as kallsyms has it, up to the next symbol.
//!
//! For a function of a module the kernel looks through all symbols of the module. For many functions
//! that is done here, in one iteration.

use crate::errno::Result;
use crate::memory::Vec;
use crate::platform::Symbols;
use crate::sort;
use crate::types::TextRange;
use core::ffi::CStr;
use core::ops::ControlFlow;

/// For fewer than these, the kernel's own lookup is less work.
const MANY: usize = 16;

/// The sizes of some functions of a module.
#[derive(Debug)]
pub struct Sizes {
    /// Sorted by start.
    functions: Vec<Function>,
}

#[derive(Clone, Copy, Debug)]
struct Function {
    start: usize,
    /// Where the next symbol is, or the end of the module's code.
    end: usize,
    /// Does a symbol begin there?
    is_symbol: bool,
}

impl Sizes {
    /// Of no functions: each is looked up by the kernel.
    pub const fn none() -> Self {
        Self {
            functions: Vec::new(),
        }
    }

    /// Of the functions at `starts` in `module`, whose code is `text`.
    ///
    /// # Errors
    ///
    /// `ENOMEM`.
    pub fn of_module(
        platform: &impl Symbols,
        module: &CStr,
        text: TextRange,
        starts: impl Iterator<Item = usize>,
    ) -> Result<Self> {
        let mut functions = Vec::new();
        for start in starts.filter(|&start| text.contains(start)) {
            functions.push(Function {
                start,
                end: text.start.wrapping_add(text.size),
                is_symbol: false,
            })?;
        }
        if functions.len() < MANY {
            return Ok(Self::none());
        }
        sort::sort_by_key(&mut functions, |function| function.start);
        platform.in_module(module, |name, address| {
            if ends_nothing(name) {
                return ControlFlow::Continue(());
            }
            let after = functions.partition_point(|function| function.start < address);
            let before = after
                .checked_sub(1)
                .and_then(|index| functions.get_mut(index));
            if let Some(function) = before {
                function.end = function.end.min(address);
            }
            for function in functions.iter_mut().skip(after) {
                if function.start != address {
                    break;
                }
                function.is_symbol = true;
            }
            ControlFlow::Continue(())
        });
        Ok(Self { functions })
    }

    /// Of the function at `start`.
    pub fn get(&self, platform: &impl Symbols, start: usize) -> Option<usize> {
        // Where several have one start, the last knows the end.
        let after = self
            .functions
            .partition_point(|function| function.start <= start);
        let known = after
            .checked_sub(1)
            .and_then(|index| self.functions.get(index));
        match known {
            Some(function) if function.start == start && function.is_symbol => {
                Some(function.end.wrapping_sub(start))
            }
            _ => platform.size(start),
        }
    }
}

/// Symbols that the kernel passes over here: those without a name, and those of the compiler's own.
/// A name too many on this list makes a function larger, which does no harm.
fn ends_nothing(name: &CStr) -> bool {
    let name = name.to_bytes();
    name.is_empty() || name.starts_with(b".L") || name.starts_with(b"L0") || name.starts_with(b"$")
}
