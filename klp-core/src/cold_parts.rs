// SPDX-License-Identifier: GPL-2.0-only

//! Cold parts of functions, for the stack check.

use crate::errno::{Result, ENOENT};
use crate::memory::Vec;
use crate::model::{Func, Object, Patch};
use crate::name::{Name, Shown};
use crate::platform::Platform;
use crate::sort;
use crate::types::TextRange;
use core::ffi::CStr;
use core::ops::ControlFlow;

/// Searches for cold parts, which compilers split off from functions: symbols named after the function, with
/// the suffix `.cold`.
///
/// If several functions have one name, a part counts for all of them: delaying a task needlessly is better than
/// missing one.
///
/// Most modules have no cold parts. So these are searched first, and their functions only when there are some.
pub(crate) struct ColdParts<'a> {
    originals: Vec<Original<'a>>,
    replacements: Vec<Replacement<'a>>,
}

/// An original function whose cold parts are searched.
struct Original<'a> {
    /// The module; `None` for vmlinux.
    module: Option<&'a Name>,
    symbol: &'a Name,
    /// The index of its name in [`StackCheck::names`](crate::stack_check::StackCheck).
    name: usize,
}

/// A replacement whose cold parts are searched. Only its address is known, not its symbol.
struct Replacement<'a> {
    /// The module of its patch.
    module: &'a Name,
    start: usize,
    /// The index of the name that the patch has for it.
    name: usize,
}

/// A cold part that was found, with its function.
struct Found<'a> {
    symbol: &'a CStr,
    start: usize,
    /// The index of the function's name.
    name: usize,
}

/// The suffix that compilers append.
const COLD: &[u8] = b".cold";

impl<'a> ColdParts<'a> {
    pub(crate) const fn new() -> Self {
        Self {
            originals: Vec::new(),
            replacements: Vec::new(),
        }
    }

    /// Adds an original function to the search.
    pub(crate) fn of_original<P: Platform>(
        &mut self,
        object: &'a Object<P>,
        func: &'a Func<P>,
        name: usize,
    ) -> Result {
        self.originals.push(Original {
            module: object.name.as_ref(),
            symbol: &func.name,
            name,
        })
    }

    /// Adds a replacement, which is in the module of `patch`, to the search.
    pub(crate) fn of_replacement<P: Platform>(
        &mut self,
        patch: &'a Patch<P>,
        func: &Func<P>,
        name: usize,
    ) -> Result {
        self.replacements.push(Replacement {
            module: &patch.name,
            start: func.new.start,
            name,
        })
    }

    /// Calls `add` with each cold part and the index of its function's name.
    ///
    /// # Errors
    ///
    /// Those of `add`; `ENOENT` when the size of a part is unknown, which is logged; `ENOMEM`.
    pub(crate) fn find<P: Platform>(
        mut self,
        platform: &P,
        mut add: impl FnMut(TextRange, usize) -> Result,
    ) -> Result {
        let mut result = Ok(());
        let mut found = |part: Found<'_>| {
            if result.is_err() {
                return;
            }
            let Found { start, name, .. } = part;
            result = match platform.size(start) {
                Some(size) => add(TextRange { start, size }, name),
                // A part that is not checked might be unloaded under a task.
                None => {
                    let symbol = Shown(part.symbol);
                    platform.error(format_args!("kallsyms size lookup failed for '{symbol}'"));
                    Err(ENOENT)
                }
            };
        };
        // Functions of one module are adjacent, as in patches.
        let replacements = &mut self.replacements;
        for in_module in replacements.chunk_by_mut(|a, b| a.module == b.module) {
            if let Some(module) = in_module.first().map(|first| first.module) {
                Parts::in_module(platform, module)?
                    .of_replacements(platform, module, in_module, &mut found);
            }
        }
        for in_module in self.originals.chunk_by(|a, b| a.module == b.module) {
            match in_module.first().and_then(|first| first.module) {
                Some(module) => {
                    Parts::in_module(platform, module)?.of_originals(in_module, &mut found);
                }
                // kallsyms has an index of vmlinux' symbols.
                None => in_module
                    .iter()
                    .for_each(|original| original.find_in_vmlinux(platform, &mut found)),
            }
        }
        result
    }
}

impl Original<'_> {
    fn find_in_vmlinux<P: Platform>(&self, platform: &P, found: &mut impl FnMut(Found<'_>)) {
        if let Some(cold) = PartName::of(self.symbol) {
            platform.in_vmlinux(cold.as_c_str(), |start| {
                found(Found {
                    symbol: cold.as_c_str(),
                    start,
                    name: self.name,
                });
                ControlFlow::Continue(())
            });
        }
    }
}

/// The cold parts in a module.
struct Parts(Vec<Part>);

/// A cold part.
struct Part {
    /// Its symbol.
    symbol: Name,
    start: usize,
}

impl Part {
    /// The name of the function that it belongs to.
    fn stem(&self) -> &[u8] {
        let symbol = self.symbol.to_bytes();
        symbol.strip_suffix(COLD).unwrap_or(symbol)
    }

    /// Pairs the part with the function whose name has the index `name`.
    fn found(&self, name: usize) -> Found<'_> {
        Found {
            symbol: self.symbol.as_c_str(),
            start: self.start,
            name,
        }
    }
}

impl Parts {
    /// All cold parts in `module`, sorted by function name.
    fn in_module<P: Platform>(platform: &P, module: &Name) -> Result<Self> {
        let mut parts = Vec::new();
        let mut result = Ok(());
        platform.in_module(module.as_c_str(), |symbol, start| {
            if symbol.to_bytes().ends_with(COLD) {
                result = Name::new(symbol).and_then(|symbol| parts.push(Part { symbol, start }));
            }
            match result {
                Ok(()) => ControlFlow::Continue(()),
                Err(_) => ControlFlow::Break(()),
            }
        });
        result?;
        sort::sort(&mut parts, |a, b| a.stem() < b.stem());
        Ok(Self(parts))
    }

    /// The parts of the function `name`.
    fn of<'a>(&'a self, name: &'a [u8]) -> impl Iterator<Item = &'a Part> {
        let first = self.0.partition_point(|part| part.stem() < name);
        let rest = self.0.iter().skip(first);
        rest.take_while(move |part| part.stem() == name)
    }

    fn of_originals(&self, originals: &[Original<'_>], found: &mut impl FnMut(Found<'_>)) {
        for original in originals {
            for part in self.of(original.symbol.to_bytes()) {
                found(part.found(original.name));
            }
        }
    }

    /// Finds the symbols of the replacements by their addresses.
    fn of_replacements<P: Platform>(
        &self,
        platform: &P,
        module: &Name,
        replacements: &mut [Replacement<'_>],
        found: &mut impl FnMut(Found<'_>),
    ) {
        if self.0.is_empty() {
            return;
        }
        sort::sort_by_key(replacements, |replacement| replacement.start);
        platform.in_module(module.as_c_str(), |symbol, start| {
            let first = replacements.partition_point(|replacement| replacement.start < start);
            let rest = replacements.iter().skip(first);
            for replacement in rest.take_while(|replacement| replacement.start == start) {
                for part in self.of(symbol.to_bytes()) {
                    found(part.found(replacement.name));
                }
            }
            ControlFlow::Continue(())
        });
    }
}

/// The symbol name of a cold part. Names are shorter than `KSYM_NAME_LEN`, 512.
struct PartName {
    bytes: [u8; 512],
    len: usize,
}

impl PartName {
    fn of(function: &Name) -> Option<Self> {
        let mut bytes = [0; 512];
        let mut len = 0usize;
        for part in [function.to_bytes(), COLD] {
            let end = len.checked_add(part.len())?;
            bytes.get_mut(len..end)?.copy_from_slice(part);
            len = end;
        }
        // One byte is for the terminator.
        (len < bytes.len()).then_some(Self { bytes, len })
    }

    fn as_c_str(&self) -> &CStr {
        self.bytes
            .get(..=self.len)
            .and_then(|bytes| CStr::from_bytes_with_nul(bytes).ok())
            .unwrap_or(c"")
    }
}
