// SPDX-License-Identifier: GPL-2.0-only

//! What must not be on the stack of a task that switches.
//!
//! A task that switches to a patch must not be in a function that the patch replaces, or in the
//! replacement that it takes the place of. A task that switches away from a patch must not be in any
//! code of the patch: its module may be unloaded next.

use crate::errno::Result;
use crate::memory::Vec;
use crate::name::Name;
use crate::order;
use crate::patches::{Func, Object, Patch, Patches};
use crate::platform::Platform;
use crate::types::{Blocker, Direction, TextRange};
use core::ffi::CStr;
use core::ops::ControlFlow;

/// Text, and the place of its function's name.
#[derive(Clone, Copy, Debug)]
struct Range {
    code: TextRange,
    name: usize,
}

/// The code that tasks must not be in.
#[derive(Debug)]
pub struct StackCheck {
    /// Sorted by start. Functions do not overlap.
    functions: Vec<Range>,
    /// From the start of the first to the end of the last: few patches are about functions all over
    /// the kernel, and then most addresses need no search.
    span: TextRange,
    /// Of a whole module.
    text: TextRange,
    /// As the patch calls the functions.
    names: Vec<Name>,
    /// Code of the module that is in none of its replacements.
    elsewhere: Name,
}

impl StackCheck {
    /// For a transition of `patch`.
    ///
    /// # Errors
    ///
    /// `ENOMEM`.
    pub(crate) fn new<P: Platform>(
        patches: &Patches<P>,
        platform: &P,
        patch: P::Patch,
        direction: Direction,
    ) -> Result<Self> {
        let mut check = Self {
            functions: Vec::new(),
            span: TextRange::NONE,
            text: TextRange::NONE,
            names: Vec::new(),
            elsewhere: Name::new(c"(other code of the patch)")?,
        };
        if direction == Direction::Unpatching {
            check.text = platform.text(platform.module(patch));
        }
        let mut split_off = SplitOff::new();
        let below = Below::new(patches, patch)?;
        if let Some(patch) = patches.get(patch) {
            for object in patch.objects.iter().filter(|object| object.is_loaded()) {
                for func in object.funcs.iter() {
                    let name = check.names.len();
                    check.names.push(func.name.try_clone()?)?;
                    if direction == Direction::Unpatching {
                        check.add(func.new, name)?;
                        continue;
                    }
                    // What calls go to without this patch.
                    match below.top(func) {
                        Some((below, previous)) if !previous.nop => {
                            check.add(previous.new, name)?;
                            split_off.of_replacement(below, previous, name)?;
                        }
                        _ => {
                            check.add(func.old, name)?;
                            split_off.of_original(object, func, name)?;
                        }
                    }
                }
            }
        }
        split_off.find(platform, &mut |code, name| check.add(code, name))?;
        order::sort_by_key(&mut check.functions, |range| range.code.start);
        if let (Some(first), Some(last)) = (check.functions.first(), check.functions.last()) {
            let start = first.code.start;
            let end = last.code.start.wrapping_add(last.code.size);
            check.span = TextRange {
                start,
                size: end.wrapping_sub(start),
            };
        }
        Ok(check)
    }

    fn add(&mut self, code: TextRange, name: usize) -> Result {
        if code.size == 0 {
            return Ok(());
        }
        self.functions.push(Range { code, name })
    }

    /// The place of the name of a function that one of `addresses` is in.
    pub fn first_in(&self, addresses: &[usize]) -> Option<usize> {
        let function = addresses.iter().find_map(|&address| {
            if !self.span.contains(address) {
                return None;
            }
            let after = self
                .functions
                .partition_point(|range| range.code.start <= address);
            let range = self.functions.get(after.checked_sub(1)?)?;
            range.code.contains(address).then_some(range.name)
        });
        // What the replacement has called is the patch's too, but says less.
        let elsewhere = || addresses.iter().any(|&address| self.text.contains(address));
        function.or_else(|| elsewhere().then_some(usize::MAX))
    }

    /// The name of the function that a blocked task sleeps in.
    pub fn name(&self, blocker: Blocker) -> Option<&Name> {
        match blocker {
            Blocker::Sleeping(index) => Some(self.names.get(index).unwrap_or(&self.elsewhere)),
            _ => None,
        }
    }
}

/// What the patches below one do, by function.
struct Below<'a, P: Platform> {
    /// Sorted by function, and from the bottom up for each.
    funcs: Vec<(usize, usize, &'a Patch<P>, &'a Func<P>)>,
}

impl<'a, P: Platform> Below<'a, P> {
    fn new(patches: &'a Patches<P>, patch: P::Patch) -> Result<Self> {
        let mut funcs = Vec::new();
        let below = patches
            .patches
            .iter()
            .take_while(|other| other.handle != patch);
        for (order, patch) in below.enumerate() {
            for func in patch.objects.iter().flat_map(|object| object.funcs.iter()) {
                if func.patched {
                    funcs.push((func.old.start, order, patch, func))?;
                }
            }
        }
        order::sort_by_key(&mut funcs, |(function, order, ..)| (*function, *order));
        Ok(Self { funcs })
    }

    /// What calls of the same function go to without the patch above.
    fn top(&self, func: &Func<P>) -> Option<(&'a Patch<P>, &'a Func<P>)> {
        let end = self
            .funcs
            .partition_point(|(function, ..)| *function <= func.old.start);
        let (function, _, patch, below) = self.funcs.get(end.checked_sub(1)?)?;
        (*function == func.old.start).then_some((*patch, *below))
    }
}

/// Looks for the parts that the compiler split off from functions: symbols of a function's name
/// and `.cold`.
///
/// There can be several functions of one name, and then a part counts for all of them: a task
/// that waits in vain for once is better than one that is missed.
struct SplitOff {
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

impl SplitOff {
    const fn new() -> Self {
        Self {
            wanted: Vec::new(),
            replacements: Vec::new(),
        }
    }

    /// Of a function of the kernel or of a module.
    fn of_original<P: Platform>(
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
    fn of_replacement<P: Platform>(
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
    fn find<P: Platform>(
        mut self,
        platform: &P,
        add: &mut dyn FnMut(TextRange, usize) -> Result,
    ) -> Result {
        let mut result = Ok(());
        let mut found = |start, name| {
            let size = platform.size(start).unwrap_or(0);
            if result.is_ok() {
                result = add(TextRange { start, size }, name);
            }
        };
        self.find_of_replacements(platform, &mut found)?;
        // One walk for each module, in which each symbol is looked up.
        order::sort(&mut self.wanted, |a, b| a.key() < b.key());
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
                            found(start, wanted.name);
                        }
                    }
                    ControlFlow::Continue(())
                }),
                // Here the kernel has an index.
                None => {
                    for wanted in in_module {
                        if let Some(cold) = Text::cold(wanted.symbol.as_c_str()) {
                            platform.in_vmlinux(cold.as_c_str(), &mut |start| {
                                found(start, wanted.name);
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

impl SplitOff {
    /// Most modules have no such parts, so those are looked for first, and the functions they
    /// belong to after that.
    fn find_of_replacements<P: Platform>(
        &mut self,
        platform: &P,
        found: &mut dyn FnMut(usize, usize),
    ) -> Result {
        order::sort(&mut self.replacements, |a, b| a.key() < b.key());
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
                        found(*part, replacement.name);
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
