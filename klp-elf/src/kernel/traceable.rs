// SPDX-License-Identifier: GPL-2.0-only

//! Finds the patch sites of the functions that ftrace can trace. Only those can be replaced.

use crate::Error;
use crate::arch::Machine;
use crate::elf::{self, Relocation};
use crate::file;
use crate::kernel::image::Image;
use crate::kernel::index::Index;
use crate::kernel::symbols::{Symbol, SymbolList, VMLINUX, lines, too_many};
use crate::limits::{Limit, MODULES_MAX, SYMBOLS_MAX, TABLE_MAX, TEXT_MAX};
use object::LittleEndian as LE;
use object::elf as constants;
use std::collections::HashSet;
use std::path::Path;

/// The patch sites of an object's functions.
pub(crate) struct Places {
    machine: Machine,
    /// The section of a module's file and the offset in it, or 0 and an address; sorted.
    places: Vec<(u16, u64)>,
    /// The distance from the addresses of the sites to those of the symbols (KASLR).
    shift: u64,
}

impl Places {
    /// The patch sites of a vmlinux with these symbols. `None` if it does not list them.
    pub(crate) fn of_vmlinux(image: &Image, symbols: &SymbolList) -> Result<Option<Self>, Error> {
        let names = ["__start_mcount_loc", "__stop_mcount_loc", "_text"];
        let [Some(start), Some(stop), Some(text)] = addresses(image, names)? else {
            return Ok(None);
        };
        // The running kernel's addresses differ from those of the file.
        let Some(shift) = symbols.address("_text").map(|real| real.wrapping_sub(text)) else {
            return Ok(None);
        };
        let Some(size) = stop.checked_sub(start) else {
            return Ok(None);
        };
        let Some(list) = image.pointers(start, size)? else {
            return Ok(None);
        };
        // The kernel's build zeroes those of functions that the linker dropped.
        let listed = list.into_iter().filter(|address| *address != 0);
        let places = listed.map(|address| (0, address));
        let places = sites(image, places.collect())?;
        Ok(Some(Self::new(image.machine(), places, shift)))
    }

    /// The patch sites of a module's file.
    pub(crate) fn of_module(image: &Image) -> Result<Option<Self>, Error> {
        let sections = image.sections();
        let name = image.machine().traced_places();
        if sections.find(name).is_none() {
            return Ok(None);
        }
        // An object file can have a list for each function, which the linker merges.
        let is_list = |section: usize| sections.name(section) == name;
        let mut data = Vec::new();
        for (number, header) in sections.headers.iter().enumerate() {
            let is_rela = header.sh_type.get(LE) == constants::SHT_RELA;
            if is_rela && is_list(header.sh_info.get(LE) as usize) {
                data.extend(image.data(number)?);
            }
            if data.len() as u64 > TABLE_MAX {
                return Err(Error::TooLarge {
                    path: image.path().to_owned(),
                    what: "its lists of traced places",
                    limit: Limit::Bytes(TABLE_MAX),
                });
            }
        }
        let table = image.symbols()?;
        let all = table.view().all;
        let place = |relocation: &Relocation| {
            let symbol = all.get(relocation.r_sym(LE, false) as usize)?;
            let section = elf::Symbols::section_of(symbol)?;
            let place = symbol.st_value.get(LE);
            let place = place.wrapping_add_signed(relocation.r_addend.get(LE));
            // CAST: section numbers have 16 bits.
            Some((section as u16, place))
        };
        let places = elf::table(&data).iter().filter_map(place);
        let places = sites(image, places.collect())?;
        Ok(Some(Self::new(image.machine(), places, 0)))
    }

    /// The patch sites of vmlinux in a copy of `available_filter_functions_addrs`, with the addresses of the
    /// boot that kallsyms is from. `None` if it has none: older kernels lack the file.
    pub(crate) fn of_sites(path: &Path, machine: Machine) -> Result<Option<Self>, Error> {
        let text = file::read(path, TEXT_MAX)?;
        let mut places = Vec::new();
        for (number, (_, line)) in (1..).zip(lines(&text)) {
            if number > SYMBOLS_MAX {
                return Err(too_many(path, SYMBOLS_MAX, "lines"));
            }
            let mut words = line.split_ascii_whitespace();
            let address = words
                .next()
                .and_then(|word| u64::from_str_radix(word, 16).ok());
            // The third word names a module.
            if words.nth(1).is_none() {
                places.extend(address.map(|address| (0, address)));
            }
        }
        Ok((!places.is_empty()).then(|| Self::new(machine, places, 0)))
    }

    fn new(machine: Machine, mut places: Vec<(u16, u64)>, shift: u64) -> Self {
        places.sort_unstable();
        Self {
            machine,
            places,
            shift,
        }
    }

    /// Whether the symbol has a patch site.
    pub(crate) fn contain(&self, symbol: &Symbol) -> bool {
        self.entry(symbol).is_some()
    }

    /// The length of the symbol's entry, up to the end of the patch site.
    pub(crate) fn entry(&self, symbol: &Symbol) -> Option<u64> {
        let place = |address: u64| (symbol.section, address.wrapping_sub(self.shift));
        let (start, end) = (place(symbol.address), place(symbol.end));
        let next = self.places.partition_point(|place| *place < start);
        let (_, site) = self
            .places
            .get(next)
            .filter(|place| symbol.code && **place < end)?;
        (site - start.1).checked_add(self.machine.traced_call())
    }
}

/// The patch sites for the addresses that a file lists.
fn sites(image: &Image, listed: Vec<(u16, u64)>) -> Result<Vec<(u16, u64)>, Error> {
    let Some(site) = image.machine().site() else {
        return Ok(listed);
    };
    let code = Code::read(image)?;
    let places = listed.into_iter().filter_map(|(section, place)| {
        let is_function = |place| code.has_function(section, place);
        let instruction = |place| code.instruction(section, place);
        Some((section, site(place, &is_function, &instruction)?))
    });
    Ok(places.collect())
}

/// The code of a file, and the starts of its functions.
struct Code {
    /// The section of a module's file and the offset in it, or 0 and an address; sorted.
    functions: Vec<(u16, u64)>,
    /// The sections with code: index, start, and bytes.
    sections: Vec<(u16, u64, Vec<u8>)>,
}

impl Code {
    fn read(image: &Image) -> Result<Self, Error> {
        let mut sections = Vec::new();
        // Symbols of vmlinux have addresses; in a module's file, all sections begin at 0.
        let mut has_addresses = false;
        for (number, header) in (0_u16..).zip(image.sections().headers) {
            if elf::is_code(header) {
                let start = header.sh_addr.get(LE);
                has_addresses |= start != 0;
                sections.push((number, start, image.data(number.into())?));
            }
        }
        if has_addresses {
            sections.iter_mut().for_each(|section| section.0 = 0);
        }
        let table = image.symbols()?;
        let functions = table.view().all.iter().filter_map(|symbol| {
            let section = elf::Symbols::section_of(symbol)?;
            // CAST: section numbers have 16 bits.
            let section = if has_addresses { 0 } else { section as u16 };
            let is_function = symbol.st_type() == constants::STT_FUNC;
            is_function.then(|| (section, symbol.st_value.get(LE)))
        });
        let mut functions: Vec<_> = functions.collect();
        functions.sort_unstable();
        Ok(Self {
            functions,
            sections,
        })
    }

    fn has_function(&self, section: u16, place: u64) -> bool {
        self.functions.binary_search(&(section, place)).is_ok()
    }

    fn instruction(&self, section: u16, place: u64) -> Option<u32> {
        let mut of_section = self.sections.iter().filter(|(it, ..)| *it == section);
        of_section.find_map(|(_, start, code)| {
            let offset = usize::try_from(place.checked_sub(*start)?).ok()?;
            let bytes = code.get(offset..)?.first_chunk()?;
            Some(u32::from_le_bytes(*bytes))
        })
    }
}

/// The addresses of these symbols of a file.
fn addresses<const N: usize>(image: &Image, names: [&str; N]) -> Result<[Option<u64>; N], Error> {
    let table = image.symbols()?;
    let symbols = table.view();
    let mut found = [None; N];
    for symbol in symbols.all {
        let name = symbols.name(symbol);
        let wanted = names.iter().position(|wanted| wanted.as_bytes() == name);
        if let Some(address) = wanted.and_then(|number| found.get_mut(number)) {
            address.get_or_insert(symbol.st_value.get(LE));
        }
    }
    Ok(found)
}

/// The functions in a copy of `available_filter_functions`.
pub(crate) struct List {
    text: Vec<u8>,
    /// The offsets of lines, by function name.
    lines: Index,
    objects: HashSet<String>,
}

impl List {
    /// Reads a copy of the file.
    pub(crate) fn open(path: &Path) -> Result<Self, Error> {
        let text = file::read(path, TEXT_MAX)?;
        let mut objects = HashSet::new();
        for (number, (_, line)) in (1..).zip(lines(&text)) {
            if number > SYMBOLS_MAX {
                return Err(too_many(path, SYMBOLS_MAX, "lines"));
            }
            if let Some((_, object)) = parse(line).filter(|(_, it)| !objects.contains(*it)) {
                objects.insert(object.to_owned());
            }
            if objects.len() > MODULES_MAX {
                return Err(too_many(path, MODULES_MAX, "modules"));
            }
        }
        let names = lines(&text).filter_map(|(start, line)| {
            let (name, _) = parse(line)?;
            Some((start, name.as_bytes()))
        });
        let lines = Index::new(names);
        Ok(Self {
            lines,
            text,
            objects,
        })
    }

    /// Whether all `count` functions of that name are listed. `None` if only some are, because the list does
    /// not distinguish them, or if it lacks the object.
    pub(crate) fn all(&self, object: &str, name: &str, count: usize) -> Option<bool> {
        if !self.objects.contains(object) {
            return None;
        }
        let found = self.lines.find(name.as_bytes());
        let found = found.filter(|start| self.line(*start) == Some((name, object)));
        match found.take(count.max(1)).count() {
            0 => Some(false),
            listed if listed >= count => Some(true),
            _ => None,
        }
    }

    fn line(&self, start: u32) -> Option<(&str, &str)> {
        let (_, line) = lines(self.text.get(start as usize..)?).next()?;
        parse(line)
    }
}

/// Parses a line: the function and its object.
fn parse(line: &str) -> Option<(&str, &str)> {
    let mut words = line.split_ascii_whitespace();
    let name = words.next()?;
    let object = words.next();
    let object = object.and_then(|object| object.strip_prefix('[')?.strip_suffix(']'));
    Some((name, object.unwrap_or(VMLINUX)))
}
