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
pub(crate) struct ColdParts {
    wanted: Vec<Wanted>,
    replacements: Vec<Replacement>,
}

/// A function whose parts are looked for.
struct Wanted {
    /// The module it is in; vmlinux without.
    module: Option<Name>,
    symbol: Name,
    /// The place of the patch's name for it.
    name: usize,
}

/// A replacement whose parts are looked for. Its symbol has a name that nobody knows here.
struct Replacement {
    /// Of its patch.
    module: Name,
    start: usize,
    /// The place of the patch's name for it.
    name: usize,
}

/// What the compilers append.
const COLD: &[u8] = b".cold";

impl ColdParts {
    pub(crate) const fn new() -> Self {
        Self {
            wanted: Vec::new(),
            replacements: Vec::new(),
        }
    }

    /// Of a function of the kernel or of a module.
    pub(crate) fn of_original<P: Platform>(
        &mut self,
        object: &Object<P>,
        func: &Func<P>,
        name: usize,
    ) -> Result {
        self.wanted.push(Wanted {
            module: object.name.as_ref().map(Name::try_clone).transpose()?,
            symbol: func.name.try_clone()?,
            name,
        })
    }

    /// Of a replacement, in the module of its patch.
    pub(crate) fn of_replacement<P: Platform>(
        &mut self,
        patch: &Patch<P>,
        func: &Func<P>,
        name: usize,
    ) -> Result {
        self.replacements.push(Replacement {
            module: patch.name.try_clone()?,
            start: func.new.start,
            name,
        })
    }

    /// Hands what is found to `add`.
    ///
    /// # Errors
    ///
    /// Those of `add`; `ENOENT` when the size of a part is unknown, which the log says; `ENOMEM`.
    pub(crate) fn find<P: Platform>(
        mut self,
        platform: &P,
        add: &mut dyn FnMut(TextRange, usize) -> Result,
    ) -> Result {
        let mut result = Ok(());
        let mut found = |symbol: &CStr, start, name| {
            if result.is_err() {
                return;
            }
            result = match platform.size(start) {
                Some(size) => add(TextRange { start, size }, name),
                // A part that is not looked for might be unloaded under a task.
                None => {
                    let symbol = Shown(symbol);
                    platform.error(format_args!("kallsyms size lookup failed for '{symbol}'"));
                    Err(ENOENT)
                }
            };
        };
        self.find_of_replacements(platform, &mut found)?;
        // One walk for each module, in which each symbol is looked up.
        sort::sort(&mut self.wanted, |a, b| a.key() < b.key());
        for in_module in self.wanted.chunk_by(|a, b| a.module == b.module) {
            match in_module.first().and_then(|wanted| wanted.module.as_ref()) {
                Some(module) => platform.in_module(module.as_c_str(), &mut |symbol, start| {
                    if let Some(stem) = symbol.to_bytes().strip_suffix(COLD) {
                        let symbol_of =
                            |wanted: &Wanted| wanted.symbol.as_c_str().to_bytes() < stem;
                        let first = in_module.partition_point(symbol_of);
                        for wanted in in_module.iter().skip(first) {
                            if wanted.symbol.as_c_str().to_bytes() != stem {
                                break;
                            }
                            found(symbol, start, wanted.name);
                        }
                    }
                    ControlFlow::Continue(())
                }),
                // Here the kernel has an index.
                None => {
                    for wanted in in_module {
                        if let Some(cold) = Text::cold(wanted.symbol.as_c_str()) {
                            platform.in_vmlinux(cold.as_c_str(), &mut |start| {
                                found(cold.as_c_str(), start, wanted.name);
                                ControlFlow::Continue(())
                            });
                        }
                    }
                }
            }
        }
        result
    }
}

impl ColdParts {
    /// Most modules have no such parts, so those are looked for first, and the functions they
    /// belong to after that.
    fn find_of_replacements<P: Platform>(
        &mut self,
        platform: &P,
        found: &mut dyn FnMut(&CStr, usize, usize),
    ) -> Result {
        sort::sort(&mut self.replacements, |a, b| a.key() < b.key());
        for in_module in self.replacements.chunk_by(|a, b| a.module == b.module) {
            let Some(first) = in_module.first() else {
                continue;
            };
            let mut result = Ok(());
            // Stems, and where the parts begin.
            let mut parts: Vec<(Name, usize)> = Vec::new();
            platform.in_module(first.module.as_c_str(), &mut |symbol, start| {
                if let Some(stem) = Text::stem(symbol) {
                    let stem = Name::new(stem.as_c_str());
                    result = stem.and_then(|stem| parts.push((stem, start)));
                }
                match result {
                    Ok(()) => ControlFlow::Continue(()),
                    Err(_) => ControlFlow::Break(()),
                }
            });
            result?;
            if parts.is_empty() {
                continue;
            }
            platform.in_module(first.module.as_c_str(), &mut |symbol, start| {
                let at = in_module.partition_point(|replacement| replacement.start < start);
                for replacement in in_module.iter().skip(at) {
                    if replacement.start != start {
                        break;
                    }
                    for (_, part) in parts.iter().filter(|(stem, _)| stem.as_c_str() == symbol) {
                        found(symbol, *part, replacement.name);
                    }
                }
                ControlFlow::Continue(())
            });
        }
        Ok(())
    }
}

impl Replacement {
    /// What they are sorted by.
    fn key(&self) -> (&CStr, usize) {
        (self.module.as_c_str(), self.start)
    }
}

impl Wanted {
    /// What they are sorted by.
    fn key(&self) -> (Option<&CStr>, &[u8]) {
        (
            self.module.as_ref().map(Name::as_c_str),
            self.symbol.as_c_str().to_bytes(),
        )
    }
}

/// A symbol's name with [`COLD`] behind it, or without. Names are shorter than `KSYM_NAME_LEN`, 512.
struct Text {
    bytes: [u8; 512],
    len: usize,
}

impl Text {
    fn new(parts: [&[u8]; 2]) -> Option<Self> {
        let mut bytes = [0; 512];
        let mut len = 0usize;
        for part in parts {
            let end = len.checked_add(part.len())?;
            bytes.get_mut(len..end)?.copy_from_slice(part);
            len = end;
        }
        // One byte for the end.
        (len < bytes.len()).then_some(Self { bytes, len })
    }

    /// The name of a function's part.
    fn cold(name: &CStr) -> Option<Self> {
        Self::new([name.to_bytes(), COLD])
    }

    /// The function whose part has this name.
    fn stem(part: &CStr) -> Option<Self> {
        Self::new([part.to_bytes().strip_suffix(COLD)?, b""])
    }

    fn as_c_str(&self) -> &CStr {
        self.bytes
            .get(..=self.len)
            .and_then(|bytes| CStr::from_bytes_with_nul(bytes).ok())
            .unwrap_or(c"")
    }
}
