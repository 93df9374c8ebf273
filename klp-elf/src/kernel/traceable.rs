// SPDX-License-Identifier: GPL-2.0-only

//! Which functions the kernel can trace, and where. Only those can be replaced.

use crate::Error;
use crate::kernel::image::Image;
use crate::kernel::symbols::{Symbol, Symbols};
use object::{Object as _, ObjectSection as _, ObjectSymbol as _, RelocationTarget};
use std::collections::{BTreeSet, HashMap};
use std::path::Path;

/// The section that lists a module's places for tracing. On x86-64 the compiler's own
/// `__patchable_function_entries` lists what can be padded, and that is every function.
const LIST: &str = "__mcount_loc";

/// The length of the call, or of the nop in its place, that ftrace changes.
const CALL: u64 = 5;

/// The places where an object's functions can be traced.
pub(crate) struct Places {
    /// Sections of a module's file, or `None` for addresses, and the place in it.
    places: BTreeSet<(Option<usize>, u64)>,
    /// How far the symbols' addresses are from those of the places.
    shift: u64,
}

impl Places {
    /// Those of a vmlinux whose symbols are `symbols`. `None` when it does not list them.
    pub(crate) fn of_vmlinux(image: &Image, symbols: &Symbols) -> Result<Option<Self>, Error> {
        if image.is_btf() {
            return Ok(None);
        }
        let file = image.elf()?;
        let own = |name: &str| file.symbol_by_name(name).map(|symbol| symbol.address());
        let (Some(start), Some(stop)) = (own("__start_mcount_loc"), own("__stop_mcount_loc"))
        else {
            return Ok(None);
        };
        // The running kernel's addresses are others than the file's.
        let shift = match (own("_text"), symbols.address("_text")) {
            (Some(file), Some(real)) => real.wrapping_sub(file),
            _ => return Ok(None),
        };
        let Some(list) = file.sections().find_map(|section| {
            let data = section.data_range(start, stop.checked_sub(start)?);
            data.ok().flatten()
        }) else {
            return Ok(None);
        };
        let address = |bytes: &[u8]| bytes.try_into().map(u64::from_le_bytes).unwrap_or_default();
        let places = list.chunks_exact(8).map(|bytes| (None, address(bytes)));
        Ok(Some(Self {
            places: places.filter(|(_, address)| *address != 0).collect(),
            shift,
        }))
    }

    /// Those of a module's file.
    pub(crate) fn of_module(image: &Image) -> Result<Option<Self>, Error> {
        let file = image.elf()?;
        let Some(list) = file.section_by_name(LIST) else {
            return Ok(None);
        };
        let place = |target, addend| {
            let RelocationTarget::Symbol(index) = target else {
                return None;
            };
            let symbol = file.symbol_by_index(index).ok()?;
            let section = symbol.section_index()?.0;
            Some((Some(section), symbol.address().wrapping_add_signed(addend)))
        };
        let places = list
            .relocations()
            .filter_map(|(_, relocation)| place(relocation.target(), relocation.addend()))
            .collect();
        Ok(Some(Self { places, shift: 0 }))
    }

    /// Those of vmlinux in a copy of `available_filter_functions_addrs`. Its addresses go with the
    /// kallsyms of the same boot. `None` when it has none: older kernels have no such file.
    pub(crate) fn of_sites(path: &Path) -> Result<Option<Self>, Error> {
        let text = std::fs::read_to_string(path).map_err(|source| Error::Read {
            path: path.to_owned(),
            source,
        })?;
        let sites = text.lines().filter_map(|line| {
            let mut words = line.split_ascii_whitespace();
            let address = u64::from_str_radix(words.next()?, 16).ok()?;
            // The third word names a module.
            words.nth(1).is_none().then_some((None, address))
        });
        let places: BTreeSet<_> = sites.collect();
        Ok((!places.is_empty()).then_some(Self { places, shift: 0 }))
    }

    /// Is one of the places in the symbol?
    pub(crate) fn contain(&self, symbol: &Symbol) -> bool {
        self.entry(symbol).is_some()
    }

    /// How far the symbol's entry reaches: to the end of its traced call.
    pub(crate) fn entry(&self, symbol: &Symbol) -> Option<u64> {
        let place = |address: u64| (symbol.section, address.wrapping_sub(self.shift));
        let (start, end) = (place(symbol.address), place(symbol.end));
        if !symbol.code || start >= end {
            return None;
        }
        let (_, site) = self.places.range(start..end).next()?;
        (site - start.1).checked_add(CALL)
    }
}

/// What `available_filter_functions` lists: for each object and name, how often.
pub(crate) struct List(HashMap<String, HashMap<String, usize>>);

impl List {
    /// Reads a copy of the file.
    pub(crate) fn open(path: &Path) -> Result<Self, Error> {
        let text = std::fs::read_to_string(path).map_err(|source| Error::Read {
            path: path.to_owned(),
            source,
        })?;
        let mut objects: HashMap<String, HashMap<String, usize>> = HashMap::new();
        for line in text.lines() {
            let mut words = line.split_ascii_whitespace();
            let Some(name) = words.next() else {
                continue;
            };
            let object = words
                .next()
                .and_then(|object| object.strip_prefix('[')?.strip_suffix(']'))
                .unwrap_or("vmlinux");
            let names = objects.entry(object.to_owned()).or_default();
            *names.entry(name.to_owned()).or_default() += 1;
        }
        Ok(Self(objects))
    }

    /// Is each of the `count` functions of that name listed? `None` when only some are, because
    /// the list does not say which; also when it knows nothing of the object.
    pub(crate) fn all(&self, object: &str, name: &str, count: usize) -> Option<bool> {
        match self.0.get(object)?.get(name) {
            None => Some(false),
            Some(listed) if *listed >= count => Some(true),
            Some(_) => None,
        }
    }
}
