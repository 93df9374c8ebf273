// SPDX-License-Identifier: GPL-2.0-only

//! Reads one compilation unit: its functions, and their inlined copies.

use super::collect::{Collection, Copy, Function, Word};
use super::paths;
use gimli::{
    AttributeSpecification, AttributeValue, DebugInfoOffset, Dwarf, EntriesRaw, Reader, Unit,
    UnitOffset, constants,
};
use std::collections::HashMap;

/// The deepest nesting of inlined functions. Real kernels stay below 64.
const DEEPEST: usize = 256;

/// The longest name; C's are shorter. Many longer ones would take too long to read.
const LONGEST_NAME: usize = 16 << 10;

/// The most references from an entry to the one with the name.
const STEPS: usize = 8;

/// A function's entry in the debug information.
#[derive(Clone, Copy, Debug, Default)]
struct Entry {
    name: Option<Word>,
    /// Index of the file in the unit's list.
    file: Option<u64>,
    line: Option<u64>,
    /// The entry with the attributes that this one lacks.
    origin: Option<Origin>,
    /// The start of its code.
    address: Option<u64>,
    /// Whether it has code.
    has_code: bool,
}

/// The position of another entry.
#[derive(Clone, Copy, Debug)]
enum Origin {
    Here(usize),
    /// In another unit, as with link-time optimisation.
    Elsewhere(usize),
}

/// An inlined function.
#[derive(Clone, Copy, Debug)]
struct Inlined {
    origin: Option<Origin>,
    file: Option<u64>,
    line: Option<u64>,
    /// The enclosing function with code.
    root: usize,
    /// The enclosing inlined function.
    parent: Option<usize>,
}

/// The function that encloses an entry.
#[derive(Clone, Copy, Debug)]
enum Place {
    Function(usize),
    Inlined(usize),
}

/// Reads one unit.
pub(super) struct Walk<'a, R: Reader<Offset = usize>> {
    dwarf: &'a Dwarf<R>,
    unit: &'a Unit<R>,
    collection: &'a mut Collection,
    /// Reads the name of a function in another unit.
    elsewhere: &'a dyn Fn(usize) -> Option<(String, String, u32)>,
    functions: Vec<Entry>,
    by_offset: HashMap<usize, usize>,
    inlined: Vec<Inlined>,
    files: HashMap<u64, Word>,
}

impl<R: Reader<Offset = usize>> Default for Attributes<R> {
    fn default() -> Self {
        Self {
            name: None,
            decl: (None, None),
            call: (None, None),
            origin: None,
            low_pc: None,
            ranges: None,
        }
    }
}

/// The attributes that are read.
struct Attributes<R: Reader<Offset = usize>> {
    name: Option<AttributeValue<R>>,
    decl: (Option<u64>, Option<u64>),
    call: (Option<u64>, Option<u64>),
    origin: Option<Origin>,
    low_pc: Option<AttributeValue<R>>,
    ranges: Option<AttributeValue<R>>,
}

impl<'a, R: Reader<Offset = usize>> Walk<'a, R> {
    pub(super) fn new(
        dwarf: &'a Dwarf<R>,
        unit: &'a Unit<R>,
        collection: &'a mut Collection,
        elsewhere: &'a dyn Fn(usize) -> Option<(String, String, u32)>,
    ) -> Self {
        Self {
            dwarf,
            unit,
            collection,
            elsewhere,
            functions: Vec::new(),
            by_offset: HashMap::new(),
            inlined: Vec::new(),
            files: HashMap::new(),
        }
    }

    /// Reads the unit into the collection.
    pub(super) fn run(mut self) -> Result<(), String> {
        self.learn_paths();
        self.entries().map_err(|error| match error {
            Failed::Dwarf(error) => error.to_string(),
            Failed::Limit(text) => text.to_owned(),
        })?;
        self.note().map_err(str::to_owned)
    }

    fn entries(&mut self) -> Result<(), Failed> {
        let mut entries = self.unit.entries_raw(None)?;
        let mut around: Vec<(isize, Place)> = Vec::new();
        while !entries.is_empty() {
            let offset = entries.next_offset();
            let depth = entries.next_depth();
            let Some(abbreviation) = entries.read_abbreviation()? else {
                continue;
            };
            let tag = abbreviation.tag();
            if tag != constants::DW_TAG_subprogram && tag != constants::DW_TAG_inlined_subroutine {
                entries.skip_attributes(abbreviation.attributes())?;
                continue;
            }
            let attributes = self.attributes(&mut entries, abbreviation.attributes())?;
            while around.last().is_some_and(|(outer, _)| *outer >= depth) {
                around.pop();
            }
            let place = match tag {
                constants::DW_TAG_subprogram => Some(self.function(offset, attributes)?),
                _ => self.inlined(around.last().map(|(_, place)| *place), &attributes),
            };
            if let Some(place) = place {
                around.push((depth, place));
            }
            if around.len() > DEEPEST {
                return Err(Failed::Limit("functions are nested too deep in it"));
            }
        }
        Ok(())
    }

    fn attributes(
        &self,
        entries: &mut EntriesRaw<'_, R>,
        specifications: &[AttributeSpecification],
    ) -> Result<Attributes<R>, Failed> {
        let mut found = Attributes::default();
        for specification in specifications {
            let attribute = entries.read_attribute(*specification)?;
            let value = attribute.value();
            match specification.name() {
                constants::DW_AT_name => found.name = Some(value),
                constants::DW_AT_decl_file => found.decl.0 = number(&value),
                constants::DW_AT_decl_line => found.decl.1 = number(&value),
                constants::DW_AT_call_file => found.call.0 = number(&value),
                constants::DW_AT_call_line => found.call.1 = number(&value),
                constants::DW_AT_abstract_origin | constants::DW_AT_specification => {
                    found.origin = self.origin(&value);
                }
                constants::DW_AT_low_pc => found.low_pc = Some(value),
                constants::DW_AT_ranges => found.ranges = Some(value),
                _ => {}
            }
        }
        Ok(found)
    }

    fn origin(&self, value: &AttributeValue<R>) -> Option<Origin> {
        match value {
            AttributeValue::UnitRef(UnitOffset(offset)) => Some(Origin::Here(*offset)),
            AttributeValue::DebugInfoRef(offset) => {
                match offset.to_unit_offset(&self.unit.header) {
                    Some(UnitOffset(offset)) => Some(Origin::Here(offset)),
                    None => {
                        let DebugInfoOffset(offset) = *offset;
                        Some(Origin::Elsewhere(offset))
                    }
                }
            }
            _ => None,
        }
    }

    fn function(&mut self, offset: UnitOffset, attributes: Attributes<R>) -> Result<Place, Failed> {
        let has_code = attributes.low_pc.is_some() || attributes.ranges.is_some();
        let address = match has_code {
            true => self.address(&attributes)?,
            false => None,
        };
        let name = match attributes.name {
            Some(value) => {
                let text = self.dwarf.attr_string(self.unit, value)?;
                if text.len() > LONGEST_NAME {
                    return Err(Failed::Limit("the name of a function is too long"));
                }
                Some(self.collection.word(&text.to_string_lossy()?))
            }
            None => None,
        };
        let (file, line) = attributes.decl;
        self.by_offset.insert(offset.0, self.functions.len());
        self.functions.push(Entry {
            name,
            file,
            line,
            origin: attributes.origin,
            address,
            has_code,
        });
        Ok(Place::Function(self.functions.len() - 1))
    }

    /// The start of a function: `low_pc`, or the first of its ranges.
    fn address(&self, attributes: &Attributes<R>) -> Result<Option<u64>, Failed> {
        if let Some(value) = &attributes.low_pc {
            return Ok(self.dwarf.attr_address(self.unit, value.clone())?);
        }
        let Some(value) = &attributes.ranges else {
            return Ok(None);
        };
        let Some(mut ranges) = self.dwarf.attr_ranges(self.unit, value.clone())? else {
            return Ok(None);
        };
        Ok(ranges.next()?.map(|range| range.begin))
    }

    fn inlined(&mut self, around: Option<Place>, attributes: &Attributes<R>) -> Option<Place> {
        let (root, parent) = match around? {
            Place::Function(root) => (root, None),
            Place::Inlined(parent) => (self.inlined.get(parent)?.root, Some(parent)),
        };
        let (file, line) = attributes.call;
        self.inlined.push(Inlined {
            origin: attributes.origin,
            file,
            line,
            root,
            parent,
        });
        Some(Place::Inlined(self.inlined.len() - 1))
    }

    fn note(&mut self) -> Result<(), &'static str> {
        for entry in self.functions.clone() {
            // Code that the linker discarded has address 0, or the last one.
            let Some(address) = entry.address.filter(|_| entry.has_code) else {
                continue;
            };
            if let Some(function) = self.define(&entry) {
                self.collection.entry(function, address)?;
            }
        }
        let defined: Vec<Option<Function>> = (0..self.inlined.len())
            .map(|index| self.define_origin(self.inlined[index].origin))
            .collect();
        for index in 0..self.inlined.len() {
            self.note_copy(index, &defined)?;
        }
        Ok(())
    }

    fn note_copy(
        &mut self,
        index: usize,
        defined: &[Option<Function>],
    ) -> Result<(), &'static str> {
        let this = self.inlined[index];
        let Some(root) = self.functions.get(this.root).copied() else {
            return Ok(());
        };
        // Copies in an abstract instance are also in the concrete ones.
        if !root.has_code {
            return Ok(());
        }
        let (Some(function), Some(into)) = (defined[index], self.define(&root)) else {
            return Ok(());
        };
        let mut through = Vec::new();
        let mut parent = this.parent;
        while let Some(outer) = parent {
            through.extend(defined[outer].map(|function| function.name));
            parent = self.inlined[outer].parent;
        }
        through.reverse();
        let file = self.file(this.file);
        let line = this.line.and_then(|line| u32::try_from(line).ok());
        self.collection.copy(Copy {
            function,
            into,
            site: (file, line.unwrap_or(0)),
            through,
        })
    }

    fn define_origin(&mut self, origin: Option<Origin>) -> Option<Function> {
        match origin? {
            Origin::Here(offset) => {
                let index = *self.by_offset.get(&offset)?;
                let entry = *self.functions.get(index)?;
                self.define(&entry)
            }
            Origin::Elsewhere(offset) => self.define_elsewhere(offset),
        }
    }

    fn define_elsewhere(&mut self, offset: usize) -> Option<Function> {
        let (name, file, line) = (self.elsewhere)(offset)?;
        Some(Function {
            name: self.collection.word(&name),
            file: self.collection.word(&file),
            line,
        })
    }

    /// The function's definition in the source, from its entry and those that it refers to.
    fn define(&mut self, entry: &Entry) -> Option<Function> {
        let mut all = *entry;
        for _ in 0..STEPS {
            let complete = all.name.is_some() && all.line.is_some();
            let origin = match all.origin {
                Some(origin) if !complete => origin,
                _ => break,
            };
            let Origin::Here(offset) = origin else {
                let Origin::Elsewhere(offset) = origin else {
                    break;
                };
                return self.define_elsewhere(offset);
            };
            let next = *self.functions.get(*self.by_offset.get(&offset)?)?;
            all.name = all.name.or(next.name);
            all.file = all.file.or(next.file);
            all.line = all.line.or(next.line);
            all.origin = next.origin;
        }
        let line = all.line.and_then(|line| u32::try_from(line).ok());
        Some(Function {
            name: all.name?,
            file: self.file(all.file),
            line: line.unwrap_or(0),
        })
    }

    /// The path of a file of the unit's file table; that of the unit itself if there is none.
    fn file(&mut self, index: Option<u64>) -> Word {
        let index = index.unwrap_or(u64::MAX);
        if let Some(word) = self.files.get(&index) {
            return *word;
        }
        let path = path(self.dwarf, self.unit, index).or_else(|| own_path(self.unit));
        let word = self.collection.word(&path.unwrap_or_default());
        self.files.insert(index, word);
        word
    }

    /// Finds the source tree, if it is not known yet.
    fn learn_paths(&mut self) {
        if let Some(folder) = &self.unit.comp_dir {
            if let Ok(folder) = folder.to_string_lossy() {
                self.collection.tree.learn_build_folder(&folder);
            }
        }
        let Some(program) = &self.unit.line_program else {
            return;
        };
        let count = program.header().file_names().len() as u64;
        for index in 0..=count {
            if is_landmark(self.dwarf, self.unit, index) {
                if let Some(path) = path(self.dwarf, self.unit, index) {
                    self.collection.tree.learn(&path);
                }
            }
        }
    }
}

/// The name, file and line of a function of another unit.
pub(super) fn function_at<R: Reader<Offset = usize>>(
    dwarf: &Dwarf<R>,
    unit: &Unit<R>,
    offset: UnitOffset,
) -> Option<(String, String, u32)> {
    let entry = unit.entry(offset).ok()?;
    let name = entry.attr_value(constants::DW_AT_name)?;
    let name = dwarf.attr_string(unit, name).ok()?;
    let index = entry.attr_value(constants::DW_AT_decl_file);
    let line = entry.attr_value(constants::DW_AT_decl_line);
    let file = index.as_ref().and_then(number);
    let file = file.and_then(|index| path(dwarf, unit, index));
    let line = line
        .as_ref()
        .and_then(number)
        .and_then(|line| line.try_into().ok());
    Some((
        name.to_string_lossy().ok()?.into_owned(),
        file.or_else(|| own_path(unit)).unwrap_or_default(),
        line.unwrap_or(0),
    ))
}

fn number<R: Reader<Offset = usize>>(value: &AttributeValue<R>) -> Option<u64> {
    match value {
        AttributeValue::FileIndex(index) => Some(*index),
        value => value.udata_value(),
    }
}

/// Whether the path of that file shows where the source tree is.
fn is_landmark<R: Reader<Offset = usize>>(dwarf: &Dwarf<R>, unit: &Unit<R>, index: u64) -> bool {
    let name = || {
        let header = unit.line_program.as_ref()?.header();
        let name = dwarf
            .attr_string(unit, header.file(index)?.path_name())
            .ok()?;
        Some(name.to_string_lossy().ok()?.ends_with("types.h"))
    };
    name().unwrap_or(false)
}

/// The path of a file of the unit's file table.
fn path<R: Reader<Offset = usize>>(dwarf: &Dwarf<R>, unit: &Unit<R>, index: u64) -> Option<String> {
    let header = unit.line_program.as_ref()?.header();
    let file = header.file(index)?;
    let text = |value| {
        Some(
            dwarf
                .attr_string(unit, value)
                .ok()?
                .to_string_lossy()
                .ok()?
                .into_owned(),
        )
    };
    let name = text(file.path_name())?;
    let folder = file.directory(header).and_then(text).unwrap_or_default();
    let base = unit
        .comp_dir
        .as_ref()
        .and_then(|base| base.to_string_lossy().ok());
    Some(paths::join(&[
        base.as_deref().unwrap_or(""),
        &folder,
        &name,
    ]))
}

/// The path of the compiled file.
fn own_path<R: Reader<Offset = usize>>(unit: &Unit<R>) -> Option<String> {
    let name = unit.name.as_ref()?.to_string_lossy().ok()?.into_owned();
    let base = unit
        .comp_dir
        .as_ref()
        .and_then(|base| base.to_string_lossy().ok());
    Some(paths::join(&[base.as_deref().unwrap_or(""), &name]))
}

/// Why a unit cannot be read.
enum Failed {
    Dwarf(gimli::Error),
    Limit(&'static str),
}

impl From<gimli::Error> for Failed {
    fn from(error: gimli::Error) -> Self {
        Self::Dwarf(error)
    }
}
