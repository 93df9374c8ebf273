// SPDX-License-Identifier: GPL-2.0-only

//! Sizes of functions: as in kallsyms, up to the next symbol.
//!
//! For a function of a module, kallsyms searches all symbols of the module. For many functions
//! this module does it in one iteration.

use crate::errno::Result;
use crate::memory::Vec;
use crate::platform::Symbols;
use crate::sort;
use crate::types::TextRange;
use core::ffi::CStr;
use core::ops::ControlFlow;

/// For fewer functions, lookups in kallsyms are less work.
const MIN_BATCH: usize = 16;

/// The sizes of some functions of a module.
#[derive(Debug)]
pub struct Sizes {
    /// Sorted by start.
    functions: Vec<Function>,
}

#[derive(Clone, Copy, Debug)]
struct Function {
    start: usize,
    /// The address of the next symbol, or the end of the module's code.
    end: usize,
    /// Is there a symbol at `start`?
    is_symbol: bool,
}

impl Sizes {
    /// Collects no sizes: each function is looked up in kallsyms.
    pub const fn none() -> Self {
        Self {
            functions: Vec::new(),
        }
    }

    /// Collects the sizes of the functions at `starts` in `module`, whose code is `text`.
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
        if functions.len() < MIN_BATCH {
            return Ok(Self::none());
        }
        sort::sort_by_key(&mut functions, |function| function.start);
        platform.in_module(module, |name, address| {
            if is_ignored(name) {
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

    /// The size of the function at `start`.
    pub fn get(&self, platform: &impl Symbols, start: usize) -> Option<usize> {
        // If several have the same start, only the last has its end set.
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

/// Is it a symbol that kallsyms ignores for sizes: one without a name, or compiler-generated?
/// Ignoring too many only makes a function larger, which does no harm.
fn is_ignored(name: &CStr) -> bool {
    let name = name.to_bytes();
    name.is_empty() || name.starts_with(b".L") || name.starts_with(b"L0") || name.starts_with(b"$")
}
