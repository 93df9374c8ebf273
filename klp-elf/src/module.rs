// SPDX-License-Identifier: GPL-2.0-only

//! A kernel module as a file: modinfo, symbols, functions, livepatch tables.

use crate::Error;
use crate::arch::Machine;
use crate::elf::{self, Elf, Relocation, Symbol, Symbols};
use crate::limits::{Limit, MODINFO_MAX, NAME_MAX};
use crate::livepatch::format;
use crate::text::{Limited, Name};
use object::LittleEndian as LE;
use object::elf as constants;
use std::cell::OnceCell;
use std::fmt::{self, Write as _};

/// The licences with which a module may use GPL-only exports, such as
/// `klp_enable_patch` (`include/linux/license.h`).
pub const GPL_COMPATIBLE: &[&str] = &[
    "GPL",
    "GPL v2",
    "GPL and additional rights",
    "Dual BSD/GPL",
    "Dual MIT/GPL",
    "Dual MPL/GPL",
];

/// The end of a signed module: `MODULE_SIG_STRING` of `include/linux/module_signature.h`.
pub const SIGNED: &[u8] = b"~Module signature appended~\n";

/// Whether the file ends with the signature marker.
pub fn is_signed(data: &[u8]) -> bool {
    data.ends_with(SIGNED)
}

/// A kernel module, read from a `.ko` file.
pub struct Module<'data> {
    pub(crate) elf: Elf<'data>,
    pub(crate) machine: Machine,
    fields: OnceCell<Vec<Field>>,
    functions: OnceCell<Vec<u32>>,
}

/// The modinfo of a module: the entries of its `.modinfo`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Modinfo(Vec<(Name, Name)>);

impl Modinfo {
    /// All entries, key and value, in the order of the file.
    pub fn entries(&self) -> &[(Name, Name)] {
        &self.0
    }

    /// The values of a key.
    pub fn values(&self, key: &str) -> impl Iterator<Item = &Name> {
        let all = self.0.iter();
        all.filter(move |(found, _)| *found == *key)
            .map(|(_, value)| value)
    }

    /// The first value of a key.
    pub fn value(&self, key: &str) -> Option<&Name> {
        self.values(key).next()
    }

    /// Whether the kernel treats the module as a live patch, which depends on the key alone: `check_modinfo_livepatch` in
    /// `kernel/module/main.c`.
    pub fn is_livepatch(&self) -> bool {
        self.value("livepatch").is_some()
    }

    /// Whether modinfo declares the patch cumulative, as klp's patches do. The kernel reads that from `struct klp_patch`.
    pub fn is_cumulative(&self) -> bool {
        self.value("klp_replace").is_some()
    }
}

/// A function of a module.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Function {
    /// The symbol's name in the file.
    pub symbol: Name,
    /// Its section.
    pub(crate) section: usize,
    /// Its offset in the section.
    pub(crate) start: u64,
    /// Its size in bytes, which the livepatch core uses.
    pub size: u64,
}

/// Prints the source name: Rust symbols demangled, without the crate's hash.
impl fmt::Display for Function {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        demangled(self.symbol.as_bytes()).fmt(f)
    }
}

/// One entry of a livepatch table.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Replacement {
    /// The replaced function of the kernel.
    pub old_name: Name,
    /// The replacement.
    pub new_func: Function,
}

/// A relocated field of a loaded section.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Field {
    /// Its section. Section numbers have 16 bits.
    pub(crate) section: u16,
    /// The relocation type, with [`LIVEPATCH`] if the livepatch core applies it.
    kind: u16,
    /// The index of the relocation's symbol.
    pub(crate) symbol: u32,
    pub(crate) offset: u64,
    pub(crate) addend: i64,
}

/// A relocation type that does not exist.
const UNKNOWN: u16 = 0x7fff;
/// The livepatch core applies the relocation, and not the module loader.
const LIVEPATCH: u16 = 0x8000;

impl Field {
    fn new(section: u16, livepatch: bool, relocation: &Relocation) -> Self {
        let kind = u16::try_from(relocation.r_type(LE, false).0).unwrap_or(UNKNOWN);
        let by = if livepatch { LIVEPATCH } else { 0 };
        Self {
            section,
            kind: kind.min(UNKNOWN) | by,
            symbol: relocation.r_sym(LE, false),
            offset: relocation.r_offset.get(LE),
            addend: relocation.r_addend.get(LE),
        }
    }

    /// Whether the module loader applies a relocation of that type here.
    #[cfg(feature = "code")]
    pub(crate) fn is(&self, kind: constants::RelocationType) -> bool {
        u32::from(self.kind) == kind.0
    }

    /// Whether the livepatch core applies the relocation.
    #[cfg(feature = "code")]
    pub(crate) fn is_livepatch(&self) -> bool {
        self.kind & LIVEPATCH != 0
    }
}

/// The target of a relocated field: a position in a section, or an undefined symbol.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Place {
    /// A section of this module, and an offset in it.
    Inside(usize, u64),
    /// The index of a symbol that the module does not define.
    Outside(u32),
}

impl<'data> Module<'data> {
    /// Parses a module.
    ///
    /// # Errors
    ///
    /// `data` is not an ELF file, or not a module for a supported machine.
    pub fn parse(data: &'data [u8]) -> Result<Self, Error> {
        let elf = Elf::parse(data)?;
        let (kind, machine) = (elf.header.e_type.get(LE), elf.header.e_machine.get(LE));
        let not_a_module = || Error::NotAModule {
            found: format!("an ELF file of type {} for machine {}", kind.0, machine.0),
            machines: Machine::all_names(),
        };
        Ok(Self {
            machine: elf.module_machine().ok_or_else(not_a_module)?,
            elf,
            fields: OnceCell::new(),
            functions: OnceCell::new(),
        })
    }

    /// The machine of the module.
    pub fn machine(&self) -> Machine {
        self.machine
    }

    /// Its modinfo.
    ///
    /// # Errors
    ///
    /// It is larger than [`MODINFO_MAX`].
    pub fn modinfo(&self) -> Result<Modinfo, Error> {
        let entries = self.raw_modinfo()?;
        let entries = entries.filter_map(|(key, value)| {
            let value = std::str::from_utf8(value).ok()?;
            Some((
                Name::from(std::str::from_utf8(key).ok()?),
                Name::from(value),
            ))
        });
        Ok(Modinfo(entries.collect()))
    }

    /// The build ID note, which the kernel shows for a loaded module in
    /// `/sys/module/NAME/notes/.note.gnu.build-id`.
    pub fn build_id_note(&self) -> Option<&'data [u8]> {
        let note = self.elf.bytes_of(b".note.gnu.build-id");
        (!note.is_empty()).then_some(note)
    }

    /// The raw entries of `.modinfo`.
    pub(crate) fn raw_modinfo(
        &self,
    ) -> Result<impl Iterator<Item = (&'data [u8], &'data [u8])> + use<'data>, Error> {
        let data = self.elf.bytes_of(b".modinfo");
        if data.len() > MODINFO_MAX {
            return Err(Error::Limit {
                what: "its modinfo",
                limit: Limit::Bytes(MODINFO_MAX as u64),
            });
        }
        let entries = data.split(|&byte| byte == 0);
        Ok(entries.filter_map(|entry| {
            let end = entry.iter().position(|&byte| byte == b'=')?;
            Some((&entry[..end], &entry[end + 1..]))
        }))
    }

    /// The undefined symbols; Rust symbols demangled.
    pub fn undefined(&self) -> Vec<Name> {
        let symbols = self.elf.symbols;
        symbols
            .all
            .iter()
            .filter(|symbol| elf::is_undefined(symbol))
            .map(|symbol| symbols.name(symbol))
            .filter(|name| !name.is_empty())
            .map(demangled)
            .collect()
    }

    /// All functions that have a size.
    pub fn functions(&self) -> impl Iterator<Item = Function> {
        let all = self.elf.symbols.all.iter();
        all.filter_map(|symbol| self.function(symbol))
    }

    /// The function of a symbol.
    fn function(&self, symbol: &Symbol) -> Option<Function> {
        let section = function_section(symbol)?;
        Some(Function {
            symbol: Name::new(self.elf.symbols.name(symbol)),
            section,
            start: symbol.st_value.get(LE),
            size: symbol.st_size.get(LE),
        })
    }

    /// The functions that this patch replaces, from the tables that `#[livepatch]` generates.
    ///
    /// # Errors
    ///
    /// When an entry does not name a function to replace, or a function of this module.
    pub fn replacements(&self) -> Result<Vec<Replacement>, Error> {
        let symbols = self.elf.symbols;
        let mut found = Vec::new();
        for table in symbols.all {
            let Some(section) = Symbols::section_of(table) else {
                continue;
            };
            let name = symbols.name(table);
            // Mangling keeps identifiers as they are.
            let marked = |word: &[u8]| name.windows(word.len()).any(|part| part == word);
            if !marked(b"__livepatch") || !marked(b"FUNCS") {
                continue;
            }
            let name = demangled(name);
            if !name.contains("::__livepatch::FUNCS") {
                continue;
            }
            let start = table.st_value.get(LE);
            let fields = self.fields_in(section, start, table.st_size.get(LE));
            for (old_name, new_func) in entries(fields) {
                let missing = |what| Error::Table {
                    table: name.clone(),
                    offset: old_name.offset,
                    what,
                };
                let old = self.place(old_name).and_then(|place| self.string(place));
                let new = new_func.and_then(|field| self.place(field));
                found.push(Replacement {
                    old_name: old
                        .map(Name::new)
                        .ok_or_else(|| missing("the function to replace"))?,
                    new_func: new
                        .and_then(|place| self.function_at(place))
                        .ok_or_else(|| missing("a function of this module"))?,
                });
            }
        }
        Ok(found)
    }

    /// The relocated fields of all sections that are loaded, by section and offset.
    pub(crate) fn fields(&self) -> &[Field] {
        self.fields.get_or_init(|| self.read_fields())
    }

    fn read_fields(&self) -> Vec<Field> {
        let mut fields = Vec::new();
        for (number, header) in self.elf.sections.headers.iter().enumerate() {
            let Some(relocations) = self.elf.relocations(number) else {
                continue;
            };
            let Ok(section) = u16::try_from(header.sh_info.get(LE)) else {
                continue;
            };
            if !self.is_loaded(section.into()) {
                continue;
            }
            let livepatch = format::is_livepatch(header);
            let does = |it: &&Relocation| !self.machine.is_none(it.r_type(LE, false));
            let all = relocations.iter().filter(does);
            fields.reserve(relocations.len());
            fields.extend(all.map(|relocation| Field::new(section, livepatch, relocation)));
        }
        fields.sort_unstable_by_key(|field| (field.section, field.offset, field.symbol));
        fields.dedup_by_key(|field| (field.section, field.offset));
        fields
    }

    /// Whether that section holds code.
    #[cfg(feature = "code")]
    pub(crate) fn is_code(&self, section: usize) -> bool {
        self.elf.sections.get(section).is_some_and(elf::is_code)
    }

    /// Whether that section is loaded (SHF_ALLOC).
    pub(crate) fn is_loaded(&self, section: usize) -> bool {
        self.elf.sections.get(section).is_some_and(elf::is_loaded)
    }

    /// The relocated fields in a part of a section.
    pub(crate) fn fields_in(&self, section: usize, start: u64, size: u64) -> &[Field] {
        let fields = self.fields();
        let end = start.saturating_add(size);
        let first = |offset: u64| {
            fields.partition_point(|field| {
                (usize::from(field.section), field.offset) < (section, offset)
            })
        };
        fields.get(first(start)..first(end)).unwrap_or_default()
    }

    /// The target of a field.
    pub(crate) fn place(&self, field: &Field) -> Option<Place> {
        let symbol = self.elf.symbols.all.get(field.symbol as usize)?;
        Some(match Symbols::section_of(symbol) {
            Some(section) => {
                let place = symbol.st_value.get(LE);
                Place::Inside(section, place.wrapping_add_signed(field.addend))
            }
            None => Place::Outside(field.symbol),
        })
    }

    /// The C string at a place, truncated if it is too long.
    pub(crate) fn string(&self, place: Place) -> Option<&'data [u8]> {
        match place {
            Place::Inside(section, offset) => {
                elf::string(self.elf.bytes(section), offset, NAME_MAX)
            }
            Place::Outside(_) => None,
        }
    }

    /// The symbol indices of the functions, sorted by section and offset.
    fn by_place(&self) -> &[u32] {
        self.functions.get_or_init(|| {
            let all = (0..).zip(self.elf.symbols.all);
            let functions = all.filter(|(_, symbol)| function_section(symbol).is_some());
            let mut numbers: Vec<u32> = functions.map(|(number, _)| number).collect();
            numbers.sort_by_key(|number| self.function_place(*number));
            numbers
        })
    }

    fn function_place(&self, number: u32) -> Option<(usize, u64)> {
        let symbol = self.elf.symbols.all.get(number as usize)?;
        Some((Symbols::section_of(symbol)?, symbol.st_value.get(LE)))
    }

    /// The first function that begins at `place`.
    pub(crate) fn function_at(&self, place: Place) -> Option<Function> {
        let Place::Inside(section, offset) = place else {
            return None;
        };
        let wanted = Some((section, offset));
        let functions = self.by_place();
        let first = functions.partition_point(|number| self.function_place(*number) < wanted);
        let number = *functions.get(first)?;
        let is_it = self.function_place(number) == wanted;
        self.function(self.elf.symbols.all.get(number as usize)?)
            .filter(|_| is_it)
    }

    /// The function that contains `place`, searched among the nearest ones before it.
    #[cfg(feature = "code")]
    pub(crate) fn function_around(&self, place: Place) -> Option<Function> {
        /// Functions do not overlap, and cold parts have their own symbols, so few are enough.
        const NEAR: usize = 8;
        let Place::Inside(section, offset) = place else {
            return None;
        };
        let functions = self.by_place();
        let wanted = Some((section, offset));
        let end = functions.partition_point(|number| self.function_place(*number) <= wanted);
        let near = functions.get(end.saturating_sub(NEAR)..end)?.iter().rev();
        let mut near = near.filter_map(|number| self.elf.symbols.all.get(*number as usize));
        let found = near.find(|symbol| {
            let start = symbol.st_value.get(LE);
            let end = start.saturating_add(symbol.st_size.get(LE));
            Symbols::section_of(symbol) == Some(section) && (start..end).contains(&offset)
        });
        self.function(found?)
    }
}

/// The section of a function with a size; `None` for any other symbol.
fn function_section(symbol: &Symbol) -> Option<usize> {
    let kind = symbol.st_type();
    let is_function = kind == constants::STT_FUNC || kind == constants::STT_GNU_IFUNC;
    let section = Symbols::section_of(symbol)?;
    (is_function && symbol.st_size.get(LE) > 0).then_some(section)
}

/// The offsets of `old_name` and `new_func` in `struct klp_func` (`include/linux/livepatch.h`).
const NEW_FUNC: u64 = 8;

/// The entries of a table of `struct klp_func`: `old_name`, `new_func`.
///
/// The size of an entry depends on the kernel's configuration. But its only pointers are its first two
/// fields, and the last entry has none.
fn entries(fields: &[Field]) -> impl Iterator<Item = (&Field, Option<&Field>)> {
    let at = |offset: u64| {
        let found = fields.binary_search_by_key(&offset, |field| field.offset);
        found.ok().and_then(|index| fields.get(index))
    };
    let is_second = move |offset: u64| offset.checked_sub(NEW_FUNC).and_then(at).is_some();
    fields
        .iter()
        .filter(move |field| !is_second(field.offset))
        .map(move |field| (field, field.offset.checked_add(NEW_FUNC).and_then(at)))
}

/// The source name of a symbol.
pub(crate) fn demangled(symbol: &[u8]) -> Name {
    demangle(symbol).unwrap_or_else(|| Name::new(symbol))
}

/// A few bytes can demangle to very many, so only names within the limit are accepted.
fn demangle(symbol: &[u8]) -> Option<Name> {
    let text = std::str::from_utf8(symbol).ok()?;
    let found = rustc_demangle::try_demangle(text).ok()?;
    let mut limited = Limited::new(NAME_MAX);
    write!(limited, "{found:#}").ok()?;
    Some(Name::from(limited.into_string().as_str()))
}
