// SPDX-License-Identifier: GPL-2.0-only

//! The symbols of vmlinux or of a module, in the order in which the kernel searches them.

use crate::Error;
use crate::elf::{self, Sections};
use crate::file;
use crate::kernel::image::Image;
use crate::kernel::index::Index;
use crate::limits::{
    Limit, MODULES_MAX, NAME_MAX, OBJECT_MAX, SAME_NAME_MAX, SYMBOLS_MAX, TEXT_MAX,
};
use object::LittleEndian as LE;
use object::elf as constants;
use std::collections::HashMap;
use std::ops::Range;
use std::path::Path;
use std::rc::Rc;

/// The name of the kernel itself as an object.
pub const VMLINUX: &str = "vmlinux";

/// A symbol.
#[derive(Clone, Copy)]
pub(crate) struct Symbol {
    /// Its address; in a module's file, its offset in the section.
    pub(crate) address: u64,
    /// The start of the next symbol, or the end of the section.
    pub(crate) end: u64,
    /// The offset and length of its name.
    name: u32,
    length: u16,
    /// Its section in a module's file, in which `address` is an offset; 0 in vmlinux.
    pub(crate) section: u16,
    /// Its size; 0 if unknown.
    size: u64,
    /// Its position in the file.
    order: u32,
    /// Whether it is code.
    pub(crate) code: bool,
    /// Whether it is read-only data. `None` if unknown.
    pub(crate) read_only: Option<bool>,
    /// Whether it is the template of a per-CPU variable.
    pub(crate) per_cpu: bool,
    /// Whether it is freed after the boot, or after the module's init.
    pub(crate) init: bool,
}

impl Symbol {
    /// Its size. `None` if its file does not have it.
    pub(crate) fn size(&self) -> Option<u64> {
        Some(self.size).filter(|size| *size != 0)
    }

    /// Its maximal size, up to the next symbol.
    pub(crate) fn room(&self) -> Option<u64> {
        let known = self.end != self.address && self.end != u64::MAX;
        known.then(|| self.end.saturating_sub(self.address))
    }
}

/// The symbols of an object.
pub(crate) struct SymbolList {
    /// The text that holds their names.
    names: Rc<Vec<u8>>,
    all: Vec<Symbol>,
    index: Index,
}

impl SymbolList {
    fn new(path: &Path, names: Rc<Vec<u8>>, all: Vec<Symbol>) -> Result<Self, Error> {
        let index = Index::new((0..).zip(all.iter().map(|symbol| name(&names, symbol))));
        if index.repeats(SAME_NAME_MAX) {
            return Err(too_many(path, SAME_NAME_MAX, "symbols of one name"));
        }
        Ok(Self { names, all, index })
    }

    /// The symbols of that name, in the kernel's order.
    pub(crate) fn named(&self, wanted: &str) -> impl Iterator<Item = &Symbol> {
        let found = self.index.find(wanted.as_bytes());
        let wanted = wanted.as_bytes().to_vec();
        found
            .filter_map(|index| self.all.get(index as usize))
            .filter(move |symbol| self.name(symbol) == wanted)
    }

    /// All symbols.
    pub(crate) fn all(&self) -> &[Symbol] {
        &self.all
    }

    /// A symbol's name in the file.
    pub(crate) fn name(&self, symbol: &Symbol) -> &[u8] {
        name(&self.names, symbol)
    }

    /// The address of the first symbol of that name.
    pub(crate) fn address(&self, name: &str) -> Option<u64> {
        self.named(name).next().map(|symbol| symbol.address)
    }

    /// The symbols of a vmlinux, as its `/proc/kallsyms` has them. `None` when it was stripped of
    /// its functions.
    pub(crate) fn of_vmlinux(image: &Image) -> Result<Option<Self>, Error> {
        let (names, mut all) = of_file(image, is_in_kallsyms)?;
        if !all.iter().any(|symbol| symbol.code) {
            return Ok(None);
        }
        for symbol in &mut all {
            symbol.section = 0;
        }
        Self::by_address(image.path(), names, all).map(Some)
    }

    /// The symbols of vmlinux in a copy of `/proc/kallsyms`, and those of its modules by name.
    pub(crate) fn of_kallsyms(path: &Path) -> Result<HashMap<String, Self>, Error> {
        let text = Rc::new(file::read(path, TEXT_MAX)?);
        let mut objects: HashMap<&str, Vec<Symbol>> = HashMap::new();
        let mut hidden = true;
        for (number, line) in (1..).zip(lines(&text)) {
            if number > SYMBOLS_MAX {
                return Err(too_many(path, SYMBOLS_MAX, "symbols"));
            }
            let (object, symbol) = parse(&text, line).ok_or_else(|| Error::Kallsyms {
                path: path.to_owned(),
                line: number,
            })?;
            hidden &= symbol.address == 0;
            objects.entry(object).or_default().push(symbol);
            if objects.len() > MODULES_MAX {
                return Err(too_many(path, MODULES_MAX, "modules"));
            }
        }
        if hidden {
            return Err(Error::KallsymsHidden {
                path: path.to_owned(),
            });
        }
        let objects = objects.into_iter().map(|(object, all)| {
            let names = Rc::clone(&text);
            let symbols = match object {
                VMLINUX => Self::by_address(path, names, all)?,
                _ => Self::new(path, names, all)?,
            };
            Ok((object.to_owned(), symbols))
        });
        objects.collect()
    }

    /// Sorts by address, the order in which the kernel searches vmlinux, and sets the end of each symbol and
    /// the properties of its area.
    fn by_address(path: &Path, names: Rc<Vec<u8>>, mut all: Vec<Symbol>) -> Result<Self, Error> {
        all.sort_unstable_by_key(|symbol| (symbol.address, symbol.order));
        let mut next = u64::MAX;
        let mut end = u64::MAX;
        for symbol in all.iter_mut().rev() {
            if symbol.address < next {
                end = next;
                next = symbol.address;
            }
            symbol.end = end;
        }
        let mut symbols = Self::new(path, names, all)?;
        let areas = Areas::of(&symbols);
        for symbol in &mut symbols.all {
            areas.apply(symbol);
        }
        Ok(symbols)
    }

    /// The symbols of a module's file, in file order, in which the kernel searches them.
    pub(crate) fn of_module(image: &Image) -> Result<Self, Error> {
        let (names, all) = of_file(image, |_| true)?;
        Self::new(image.path(), names, all)
    }
}

/// The areas of vmlinux, by the symbols at their bounds. The type letters in `/proc/kallsyms` do not distinguish
/// them: linking can give init data the letter of code.
struct Areas {
    text: Option<Range<u64>>,
    read_only: Option<Range<u64>>,
    per_cpu: Option<Range<u64>>,
    /// The area that is freed after the boot.
    init: Option<Range<u64>>,
}

impl Areas {
    fn of(symbols: &SymbolList) -> Self {
        let between = |start, end| {
            Some(symbols.address(start)?..symbols.address(end)?).filter(|all| !all.is_empty())
        };
        Self {
            text: between("_stext", "_etext"),
            read_only: between("__start_rodata", "__end_rodata"),
            per_cpu: between("__per_cpu_start", "__per_cpu_end"),
            init: between("__init_begin", "__init_end")
                .or_else(|| between("_sinittext", "_einittext")),
        }
    }

    fn apply(&self, symbol: &mut Symbol) {
        let is_in = |area: &Range<u64>| area.contains(&symbol.address);
        symbol.per_cpu = self.per_cpu.as_ref().is_some_and(is_in);
        // The templates are freed too, but not the variables.
        symbol.init = self.init.as_ref().is_some_and(is_in) && !symbol.per_cpu;
        if let Some(text) = &self.text {
            symbol.code &= is_in(text) || symbol.init;
        }
        symbol.read_only = self.read_only.as_ref().map(is_in);
    }
}

fn name<'a>(names: &'a [u8], symbol: &Symbol) -> &'a [u8] {
    let start = symbol.name as usize;
    names
        .get(start..start + usize::from(symbol.length))
        .unwrap_or_default()
}

/// The error of a file that is above a limit.
pub(crate) fn too_many(path: &Path, count: usize, what: &'static str) -> Error {
    Error::TooLarge {
        path: path.to_owned(),
        what: "it",
        limit: Limit::Count(count as u64, what),
    }
}

/// The properties of a section's symbols.
#[derive(Clone, Copy, Default)]
struct Holds {
    code: bool,
    read_only: Option<bool>,
    per_cpu: bool,
    init: bool,
}

/// The symbols of an ELF file whose names are `kept`, in file order, and the string table. Excludes
/// sections, files and undefined symbols.
fn of_file(
    image: &Image,
    kept: impl Fn(&[u8]) -> bool,
) -> Result<(Rc<Vec<u8>>, Vec<Symbol>), Error> {
    let table = image.symbols()?;
    let symbols = table.view();
    if symbols.all.len() > SYMBOLS_MAX {
        return Err(too_many(image.path(), SYMBOLS_MAX, "symbols"));
    }
    let sections = holds(image.sections());
    // With KASAN the compiler adds redzones to variables, which are part of their size, and calls this
    // function.
    let padded = symbols
        .all
        .iter()
        .any(|symbol| symbols.name(symbol) == b"__asan_register_globals");
    let mut all = Vec::new();
    for (order, symbol) in (0..).zip(symbols.all) {
        let Some(section) = elf::Symbols::section_of(symbol) else {
            continue;
        };
        let kind = symbol.st_type();
        let text = symbols.name(symbol);
        let is_one = kind != constants::STT_SECTION && kind != constants::STT_FILE;
        if !is_one || text.is_empty() || text.len() > NAME_MAX || !kept(text) {
            continue;
        }
        let holds = sections.get(section).copied().unwrap_or_default();
        let code = holds.code;
        let (address, size) = (symbol.st_value.get(LE), symbol.st_size.get(LE));
        all.push(Symbol {
            address,
            end: address.saturating_add(size),
            name: symbol.st_name.get(LE),
            // CAST: no longer than `NAME_MAX`, and section numbers have 16 bits.
            length: text.len() as u16,
            section: section as u16,
            size: if padded && !code { 0 } else { size },
            order,
            code,
            read_only: holds.read_only,
            per_cpu: holds.per_cpu,
            init: holds.init,
        });
    }
    Ok((Rc::new(table.into_names()), all))
}

fn holds(sections: Sections<'_>) -> Vec<Holds> {
    let headers = sections.headers.iter().enumerate();
    headers
        .map(|(number, header)| {
            let (name, flags) = (sections.name(number), header.sh_flags.get(LE));
            let code = elf::is_code(header);
            let frozen = name.starts_with(b".data..ro_after_init");
            Holds {
                code,
                read_only: Some(!code && (frozen || !flags.contains(constants::SHF_WRITE))),
                per_cpu: name.starts_with(b".data..percpu"),
                init: name.starts_with(b".init."),
            }
        })
        .collect()
}

/// Whether the kernel build keeps a symbol in kallsyms. It drops those that only tools need.
fn is_in_kallsyms(name: &[u8]) -> bool {
    const PREFIXES: &[&[u8]] = &[
        b"$",
        b".L",
        b"__UNIQUE_ID_modinfo_",
        b"__kcfi_typeid_",
        b"__crc_",
        b"__kstrtab_",
        b"__kstrtabns_",
        b"__mod_device_table__",
    ];
    !PREFIXES.iter().any(|prefix| name.starts_with(prefix))
}

/// The lines of a text without their ends, each with its offset.
pub(crate) fn lines(text: &[u8]) -> impl Iterator<Item = (u32, &str)> {
    let mut at = 0;
    text.split_inclusive(|&byte| byte == b'\n')
        .map(move |line| {
            // CAST: texts are shorter than `TEXT_MAX`.
            let start = at as u32;
            at += line.len();
            let line = line.strip_suffix(b"\n").unwrap_or(line);
            (start, std::str::from_utf8(line).unwrap_or_default())
        })
}

/// Parses a line of `/proc/kallsyms`: the object and the symbol.
fn parse<'a>(text: &[u8], (start, line): (u32, &'a str)) -> Option<(&'a str, Symbol)> {
    let mut words = line.split_ascii_whitespace();
    let address = u64::from_str_radix(words.next()?, 16).ok()?;
    let kind = words.next()?;
    let name = words.next().filter(|name| name.len() <= NAME_MAX)?;
    let object = match words.next() {
        Some(object) => object.strip_prefix('[')?.strip_suffix(']')?,
        None => VMLINUX,
    };
    if object.len() > OBJECT_MAX {
        return None;
    }
    // CAST: an offset in a text shorter than `TEXT_MAX`.
    let place = (name.as_ptr() as usize - line.as_ptr() as usize) as u32;
    debug_assert!(text.len() >= (start + place) as usize + name.len());
    let symbol = Symbol {
        address,
        end: address,
        name: start + place,
        length: name.len() as u16,
        section: 0,
        size: 0,
        order: start,
        code: matches!(kind, "t" | "T" | "w" | "W" | "i"),
        read_only: None,
        per_cpu: false,
        init: false,
    };
    Some((object, symbol))
}
