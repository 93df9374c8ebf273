// SPDX-License-Identifier: GPL-2.0-only

//! The symbols of vmlinux or of a module, in the order in which the kernel searches them.

use crate::Error;
use crate::kernel::image::Image;
use object::read::elf::{ElfFile64, ElfSymbol64};
use object::{
    Object as _, ObjectSection as _, ObjectSymbol as _, SectionFlags, SectionIndex, SymbolKind, elf,
};
use std::collections::{HashMap, HashSet};
use std::path::Path;
use std::rc::Rc;

/// A symbol.
pub(crate) struct Symbol {
    pub(crate) name: Rc<str>,
    /// Its address; in a module's file, its offset in the section.
    pub(crate) address: u64,
    /// Where the next symbol begins, or the section ends.
    pub(crate) end: u64,
    /// How large it is, where its file says that.
    pub(crate) size: Option<u64>,
    /// Its section in a module's file, where addresses count from.
    pub(crate) section: Option<usize>,
    /// Is it code?
    pub(crate) code: bool,
    /// Is it gone after the boot, or after the module's start?
    pub(crate) init: bool,
    /// The next one of its name.
    next: Option<usize>,
}

impl Symbol {
    /// The size that the file says is not the object's, if it is data and `padded`.
    fn forget_padded_size(&mut self, padded: bool) {
        if padded && !self.code {
            self.size = None;
        }
    }
}

/// The symbols of an object.
pub(crate) struct Symbols {
    all: Vec<Symbol>,
    /// The first one of each name.
    first: HashMap<Rc<str>, usize>,
}

impl Symbols {
    fn new(mut all: Vec<Symbol>) -> Self {
        let mut first = HashMap::with_capacity(all.len());
        for (index, symbol) in all.iter_mut().enumerate().rev() {
            symbol.next = first.insert(Rc::clone(&symbol.name), index);
        }
        Self { all, first }
    }

    /// The symbols of that name, in the kernel's order.
    pub(crate) fn named(&self, name: &str) -> impl Iterator<Item = &Symbol> {
        let first = self.first.get(name).and_then(|&index| self.all.get(index));
        std::iter::successors(first, |symbol| self.all.get(symbol.next?))
    }

    /// All symbols.
    pub(crate) fn all(&self) -> &[Symbol] {
        &self.all
    }

    /// The address of the first symbol of that name.
    pub(crate) fn address(&self, name: &str) -> Option<u64> {
        self.named(name).next().map(|symbol| symbol.address)
    }

    /// The symbols of a vmlinux, as its `/proc/kallsyms` has them. `None` when it was stripped of
    /// its functions.
    pub(crate) fn of_vmlinux(image: &Image) -> Result<Option<Self>, Error> {
        let file = image.elf()?;
        let code = code_sections(&file);
        let mut all: Vec<Symbol> = file
            .symbols()
            .filter(is_kept)
            .filter_map(|symbol| Self::symbol(&symbol, &code))
            .filter(|symbol| is_in_kallsyms(&symbol.name))
            .collect();
        if !all.iter().any(|symbol| symbol.code) {
            return Ok(None);
        }
        let padded = pads_data(&file);
        for symbol in &mut all {
            symbol.section = None;
            symbol.forget_padded_size(padded);
        }
        Ok(Some(Self::by_address(all)))
    }

    fn symbol(symbol: &ElfSymbol64<'_, '_>, code: &HashSet<SectionIndex>) -> Option<Symbol> {
        let section = symbol.section_index()?;
        Some(Symbol {
            name: symbol.name().ok().filter(|name| !name.is_empty())?.into(),
            address: symbol.address(),
            end: symbol.address().saturating_add(symbol.size()),
            size: Some(symbol.size()).filter(|size| *size != 0),
            section: Some(section.0),
            code: code.contains(&section),
            init: false,
            next: None,
        })
    }

    /// The symbols of vmlinux in a copy of `/proc/kallsyms`, and those of its modules by name.
    pub(crate) fn of_kallsyms(path: &Path) -> Result<HashMap<String, Self>, Error> {
        let text = std::fs::read_to_string(path).map_err(|source| Error::Read {
            path: path.to_owned(),
            source,
        })?;
        let mut objects: HashMap<&str, Vec<Symbol>> = HashMap::new();
        for (number, line) in (1..).zip(text.lines()) {
            let (object, symbol) = parse(line).ok_or_else(|| Error::Kallsyms {
                path: path.to_owned(),
                line: number,
            })?;
            objects.entry(object).or_default().push(symbol);
        }
        if objects.values().flatten().all(|symbol| symbol.address == 0) {
            return Err(Error::KallsymsHidden {
                path: path.to_owned(),
            });
        }
        let symbols = |(object, all): (&str, Vec<Symbol>)| {
            let symbols = match object {
                "vmlinux" => Self::by_address(all),
                _ => Self::new(all),
            };
            (object.to_owned(), symbols)
        };
        Ok(objects.into_iter().map(symbols).collect())
    }

    /// Sorts by address, as vmlinux' symbols are searched, and finds out where each ends and which
    /// are gone after the boot.
    fn by_address(mut all: Vec<Symbol>) -> Self {
        all.sort_by_key(|symbol| symbol.address);
        let mut next = u64::MAX;
        let mut end = u64::MAX;
        for symbol in all.iter_mut().rev() {
            if symbol.address < next {
                end = next;
                next = symbol.address;
            }
            symbol.end = end;
        }
        let mut symbols = Self::new(all);
        if let Some(init) = symbols.init() {
            for symbol in &mut symbols.all {
                symbol.init = init.contains(&symbol.address);
            }
        }
        symbols
    }

    /// What is freed after the boot.
    fn init(&self) -> Option<std::ops::Range<u64>> {
        let between = |start, end| Some(self.address(start)?..self.address(end)?);
        between("__init_begin", "__init_end").or_else(|| between("_sinittext", "_einittext"))
    }

    /// The symbols of a module's file, in its own order, in which the kernel searches them.
    pub(crate) fn of_module(image: &Image) -> Result<Self, Error> {
        let file = image.elf()?;
        let code = code_sections(&file);
        let init: HashSet<usize> = file
            .sections()
            .filter(|section| section.name().is_ok_and(|name| name.starts_with(".init.")))
            .map(|section| section.index().0)
            .collect();
        let mut all: Vec<Symbol> = file
            .symbols()
            .filter(is_kept)
            .filter_map(|symbol| Self::symbol(&symbol, &code))
            .collect();
        let padded = pads_data(&file);
        for symbol in &mut all {
            symbol.init = symbol
                .section
                .is_some_and(|section| init.contains(&section));
            symbol.forget_padded_size(padded);
        }
        Ok(Self::new(all))
    }
}

/// Sections, files and what others define are no symbols of the kernel.
fn is_kept(symbol: &ElfSymbol64<'_, '_>) -> bool {
    !symbol.is_undefined() && !matches!(symbol.kind(), SymbolKind::Section | SymbolKind::File)
}

/// Are there guard bytes behind objects, which count as theirs? The compiler puts them there for
/// KASAN, and calls a function of this name about them.
fn pads_data(file: &ElfFile64<'_>) -> bool {
    file.symbols()
        .any(|symbol| symbol.name_bytes() == Ok(b"__asan_register_globals"))
}

/// The sections that hold code.
fn code_sections(file: &ElfFile64<'_>) -> HashSet<SectionIndex> {
    let is_code = |flags| match flags {
        SectionFlags::Elf { sh_flags, .. } => sh_flags.contains(elf::SHF_EXECINSTR),
        _ => false,
    };
    file.sections()
        .filter(|section| is_code(section.flags()))
        .map(|section| section.index())
        .collect()
}

/// Does the kernel build keep a symbol for kallsyms? It drops what only tools need.
fn is_in_kallsyms(name: &str) -> bool {
    const PREFIXES: &[&str] = &[
        "$",
        ".L",
        "__kcfi_typeid_",
        "__crc_",
        "__kstrtab_",
        "__kstrtabns_",
        "__mod_device_table__",
    ];
    !PREFIXES.iter().any(|prefix| name.starts_with(prefix))
        && !name.starts_with("__UNIQUE_ID_modinfo_")
}

/// A line of `/proc/kallsyms`: the object, and the symbol.
fn parse(line: &str) -> Option<(&str, Symbol)> {
    let mut words = line.split_ascii_whitespace();
    let address = u64::from_str_radix(words.next()?, 16).ok()?;
    let kind = words.next()?;
    let name = words.next()?;
    let object = match words.next() {
        Some(object) => object.strip_prefix('[')?.strip_suffix(']')?,
        None => "vmlinux",
    };
    let symbol = Symbol {
        name: name.into(),
        address,
        end: address,
        size: None,
        section: None,
        code: matches!(kind, "t" | "T" | "w" | "W" | "i"),
        init: false,
        next: None,
    };
    Some((object, symbol))
}
