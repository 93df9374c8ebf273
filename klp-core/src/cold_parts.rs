// SPDX-License-Identifier: GPL-2.0-only

//! Parts that the compiler split off from functions, for the stack check.

use crate::errno::{Result, ENOENT};
use crate::memory::Vec;
use crate::model::{Func, Object, Patch};
use crate::name::{Name, Shown};
use crate::platform::Platform;
use crate::sort;
use crate::types::TextRange;
use core::ffi::CStr;
use core::ops::ControlFlow;

/// Looks for the parts that the compiler split off from functions: symbols of a function's name
/// and `.cold`.
///
/// There can be several functions of one name, and then a part counts for all of them: a task
/// that waits in vain for once is better than one that is missed.
///
/// Most modules have no such parts. So a module's parts are looked for first, and what they belong to only when
/// there are some.
pub(crate) struct ColdParts<'a> {
    originals: Vec<Original<'a>>,
    replacements: Vec<Replacement<'a>>,
}

/// A function of the kernel or of a module whose parts are looked for.
struct Original<'a> {
    /// The module it is in; vmlinux without.
    module: Option<&'a Name>,
    symbol: &'a Name,
    /// The place of the patch's name for it.
    name: usize,
}

/// A replacement whose parts are looked for. The name of its symbol is unknown here.
struct Replacement<'a> {
    /// Of its patch.
    module: &'a Name,
    start: usize,
    /// The place of the patch's name for it.
    name: usize,
}

/// A part that was found.
struct Found<'a> {
    symbol: &'a CStr,
    start: usize,
    /// The place of the name of the function that it belongs to.
    name: usize,
}

/// What the compilers append.
const COLD: &[u8] = b".cold";

impl<'a> ColdParts<'a> {
    pub(crate) const fn new() -> Self {
        Self {
            originals: Vec::new(),
            replacements: Vec::new(),
        }
    }

    /// Of a function of the kernel or of a module.
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

    /// Of a replacement, in the module of its patch.
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

    /// Hands what is found to `add`.
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
                // A part that is not looked for might be unloaded under a task.
                None => {
                    let symbol = Shown(part.symbol);
                    platform.error(format_args!("kallsyms size lookup failed for '{symbol}'"));
                    Err(ENOENT)
                }
            };
        };
        // Those of one module are next to each other, as they are in patches.
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
                // Here the kernel has an index.
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

/// The parts in a module.
struct Parts(Vec<Part>);

/// A part that was split off from a function.
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

    /// It, as a part of the function with the name at `name`.
    fn found(&self, name: usize) -> Found<'_> {
        Found {
            symbol: self.symbol.as_c_str(),
            start: self.start,
            name,
        }
    }
}

impl Parts {
    /// All in `module`, sorted by the functions that they belong to.
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

    /// Those of the function `name`.
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

/// The name of a part of a function. Names are shorter than `KSYM_NAME_LEN`, 512.
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
        // One byte for the end.
        (len < bytes.len()).then_some(Self { bytes, len })
    }

    fn as_c_str(&self) -> &CStr {
        self.bytes
            .get(..=self.len)
            .and_then(|bytes| CStr::from_bytes_with_nul(bytes).ok())
            .unwrap_or(c"")
    }
}
