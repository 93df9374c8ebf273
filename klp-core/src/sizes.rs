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

#[cfg(all(test, not(kernel)))]
mod tests {
    use super::*;
    use crate::simulated::{Machine, SIZE};

    const TEXT: TextRange = TextRange {
        start: 0x1000,
        size: 0x1000,
    };

    /// The sizes of `functions`, each so many bytes behind the one before.
    fn sizes(functions: usize, distance: usize) -> (Machine, Sizes) {
        let machine = Machine::new();
        let start = |number: usize| TEXT.start + number * distance;
        let names: std::vec::Vec<_> = (0..functions).map(|at| std::format!("f{at}")).collect();
        let mut symbols: std::vec::Vec<_> = (0..functions)
            .map(|at| (names[at].as_str(), start(at)))
            .collect();
        symbols.extend([
            (".Ltmp", start(0) + 4),
            ("", start(1) + 4),
            ("g", start(2) + 8),
        ]);
        symbols.extend([("alias", start(3)), ("data", TEXT.start + 2 * TEXT.size)]);
        symbols.reverse();
        machine.module("driver", &symbols);
        // One of them is no symbol, and one is no code of the module.
        let starts = (0..functions).map(start).chain([start(4) + 1, 0x10]);
        let sizes = Sizes::of_module(&*machine.kernel, c"driver", TEXT, starts);
        (machine, sizes.expect("memory"))
    }

    #[test]
    fn a_function_ends_where_the_next_symbol_is() {
        let (machine, sizes) = sizes(20, 0x40);
        let size = |start| sizes.get(&*machine.kernel, start);
        assert_eq!(size(TEXT.start), Some(0x40));
        assert_eq!(size(TEXT.start + 0x40), Some(0x40));
        assert_eq!(size(TEXT.start + 2 * 0x40), Some(8));
        assert_eq!(size(TEXT.start + 3 * 0x40), Some(0x40));
        assert_eq!(size(TEXT.start + 19 * 0x40), Some(TEXT.size - 19 * 0x40));
    }

    #[test]
    fn the_kernel_is_asked_about_the_rest() {
        let (machine, some) = sizes(20, 0x40);
        for start in [TEXT.start + 4 * 0x40 + 1, TEXT.start + 2, 0x10] {
            assert_eq!(some.get(&*machine.kernel, start), Some(SIZE));
        }
        let (machine, few) = sizes(5, 0x40);
        assert_eq!(few.get(&*machine.kernel, TEXT.start), Some(SIZE));
    }
}
