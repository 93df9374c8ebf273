// SPDX-License-Identifier: GPL-2.0-only

//! A kernel module as a file: modinfo, symbols, functions, livepatch tables.

use crate::Error;
use object::read::elf::ElfFile64;
use object::{
    Architecture, Object as _, ObjectKind, ObjectSection as _, ObjectSymbol as _, RelocationTarget,
    SectionIndex, SymbolKind,
};
use std::collections::BTreeMap;
use std::fmt;

/// The licences under which a module gets the symbols that the kernel exports to its own only,
/// `klp_enable_patch` among them (`include/linux/license.h`).
pub const GPL_COMPATIBLE: &[&str] = &[
    "GPL",
    "GPL v2",
    "GPL and additional rights",
    "Dual BSD/GPL",
    "Dual MIT/GPL",
    "Dual MPL/GPL",
];

/// A kernel module, read from a `.ko` file.
pub struct Module<'data> {
    file: ElfFile64<'data>,
}

/// A function of a module.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Function {
    /// The symbol's name as it stands in the file.
    pub symbol: String,
    /// Its section.
    pub(crate) section: SectionIndex,
    /// Its offset in the section.
    pub(crate) start: u64,
    /// Its size in bytes, as the livepatch core will see it.
    pub size: u64,
}

/// Shows the name as its author wrote it: Rust symbols demangled, without the crate's hash.
impl fmt::Display for Function {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&demangled(&self.symbol))
    }
}

/// One entry of a livepatch table.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Replacement {
    /// The kernel's function.
    pub old_name: String,
    /// What takes its place.
    pub new_func: Function,
}

/// Where a relocated field points to: a place in a section, or a symbol of elsewhere.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Place {
    /// A place in this module.
    Inside(SectionIndex, u64),
    /// A symbol that the module does not define.
    Outside(String),
}

impl<'data> Module<'data> {
    /// Reads a module.
    ///
    /// # Errors
    ///
    /// When `data` is no ELF file, or one that is not a module for x86-64.
    pub fn parse(data: &'data [u8]) -> Result<Self, Error> {
        let file = ElfFile64::parse(data)?;
        if file.kind() != ObjectKind::Relocatable || file.architecture() != Architecture::X86_64 {
            return Err(Error::NotAModule {
                found: format!("{:?} for {:?}", file.kind(), file.architecture()),
            });
        }
        Ok(Self { file })
    }

    /// The entries of `.modinfo`, in the order of the file.
    ///
    /// # Errors
    ///
    /// When the section cannot be read.
    pub fn modinfo(&self) -> Result<Vec<(String, String)>, Error> {
        let Some(section) = self.file.section_by_name(".modinfo") else {
            return Ok(Vec::new());
        };
        Ok(section
            .data()?
            .split(|&byte| byte == 0)
            .filter_map(|entry| std::str::from_utf8(entry).ok()?.split_once('='))
            .map(|(key, value)| (key.to_owned(), value.to_owned()))
            .collect())
    }

    /// The symbols that the kernel, or another module, has to provide; Rust symbols demangled.
    pub fn undefined(&self) -> Vec<String> {
        self.file
            .symbols()
            .filter(|symbol| symbol.is_undefined())
            .filter_map(|symbol| symbol.name().ok())
            .filter(|name| !name.is_empty())
            .map(demangled)
            .collect()
    }

    /// All functions that have a size.
    pub fn functions(&self) -> Vec<Function> {
        self.file
            .symbols()
            .filter(|symbol| symbol.kind() == SymbolKind::Text && symbol.size() > 0)
            .filter_map(|symbol| {
                Some(Function {
                    symbol: symbol.name().ok()?.to_owned(),
                    section: symbol.section_index()?,
                    start: symbol.address(),
                    size: symbol.size(),
                })
            })
            .collect()
    }

    /// The functions that this patch replaces, from the tables that `#[livepatch]` made.
    ///
    /// # Errors
    ///
    /// When an entry does not name a function to replace, or a function of this module.
    pub fn replacements(&self) -> Result<Vec<Replacement>, Error> {
        let functions = self.functions();
        let mut found = Vec::new();
        for table in self.file.symbols() {
            let name = demangled(table.name()?);
            if !name.contains("::__livepatch::FUNCS") {
                continue;
            }
            let Some(section) = table.section_index() else {
                continue;
            };
            let fields = self.fields(section, table.address(), table.size())?;
            found.extend(entries(&fields).map(|(offset, old_name, new_func)| {
                let missing = |what| Error::Table {
                    table: name.clone(),
                    offset,
                    what,
                };
                Ok(Replacement {
                    old_name: self
                        .string(old_name)
                        .ok_or_else(|| missing("the function to replace"))?,
                    new_func: new_func
                        .and_then(|place| function_at(&functions, place))
                        .ok_or_else(|| missing("a function of this module"))?,
                })
            }));
        }
        found.into_iter().collect()
    }

    /// The relocated fields in a part of a section, by offset.
    pub(crate) fn fields(
        &self,
        section: SectionIndex,
        start: u64,
        size: u64,
    ) -> Result<BTreeMap<u64, Place>, Error> {
        let mut fields = BTreeMap::new();
        for (offset, relocation) in self.file.section_by_index(section)?.relocations() {
            if !(start..start.saturating_add(size)).contains(&offset) {
                continue;
            }
            if let RelocationTarget::Symbol(index) = relocation.target() {
                let symbol = self.file.symbol_by_index(index)?;
                let place = match symbol.section_index() {
                    Some(section) => Place::Inside(
                        section,
                        symbol.address().wrapping_add_signed(relocation.addend()),
                    ),
                    None => Place::Outside(symbol.name()?.to_owned()),
                };
                fields.insert(offset, place);
            }
        }
        Ok(fields)
    }

    /// The bytes of a section.
    pub(crate) fn section_data(&self, section: SectionIndex) -> Result<&'data [u8], Error> {
        Ok(self.file.section_by_index(section)?.data()?)
    }

    /// The C string at `place`.
    fn string(&self, place: &Place) -> Option<String> {
        let Place::Inside(section, offset) = place else {
            return None;
        };
        let data = self.section_data(*section).ok()?;
        let rest = data.get(usize::try_from(*offset).ok()?..)?;
        let end = rest.iter().position(|&byte| byte == 0)?;
        Some(std::str::from_utf8(&rest[..end]).ok()?.to_owned())
    }
}

/// The offsets of `old_name` and `new_func` in `struct klp_func` (`include/linux/livepatch.h`).
const NEW_FUNC: u64 = 8;

/// The entries of a table of `struct klp_func`: offset, `old_name`, `new_func`.
///
/// How large an entry is depends on the kernel's configuration. But its only pointers are those
/// two, its first fields, and the last entry has none.
fn entries(fields: &BTreeMap<u64, Place>) -> impl Iterator<Item = (u64, &Place, Option<&Place>)> {
    let is_second = |offset: u64| {
        offset
            .checked_sub(NEW_FUNC)
            .is_some_and(|first| fields.contains_key(&first))
    };
    fields
        .iter()
        .filter(move |(offset, _)| !is_second(**offset))
        .map(|(offset, old_name)| (*offset, old_name, fields.get(&(offset + NEW_FUNC))))
}

/// The function that begins at `place`.
fn function_at(functions: &[Function], place: &Place) -> Option<Function> {
    functions
        .iter()
        .find(|function| *place == Place::Inside(function.section, function.start))
        .cloned()
}

/// A symbol as its author wrote it.
pub(crate) fn demangled(symbol: &str) -> String {
    format!("{:#}", rustc_demangle::demangle(symbol))
}
