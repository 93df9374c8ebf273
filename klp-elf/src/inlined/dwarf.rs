// SPDX-License-Identifier: GPL-2.0-only

//! Reads debug information: the sections of a file, and its compilation units one by one.
//!
//! `object` reads the file here, as it decompresses sections and applies relocations for `gimli`.

use super::Error;
use super::collect::Collection;
use super::index::Found;
use super::unit::{Walk, function_at};
use crate::file;
use crate::limits::VMLINUX_MAX;
use gimli::{
    DebugInfoOffset, Dwarf, EndianSlice, LittleEndian, Reader, Relocate, RelocateReader, SectionId,
    Unit, UnitHeader, UnitType, constants,
};
use object::read::elf::ElfFile64;
use object::{Object as _, ObjectKind, ObjectSection as _, RelocationMap};
use std::borrow::Cow;
use std::collections::HashMap;
use std::convert::Infallible;
use std::path::Path;

/// The largest decompressed section.
const LARGEST: u64 = 6 << 30;

/// The highest possible compression ratio.
const PACKED: u64 = 1100;

/// Reads the debug information of a vmlinux or module, or of a separate debug file.
///
/// # Errors
///
/// When the file cannot be read, or has no debug information.
pub fn read(path: &Path) -> Result<Found, Error> {
    let data = contents(path)?;
    let file = elf(path, &data)?;
    let sections = Sections::load(path, &file)?;
    let dwarf = sections.dwarf();
    let mut collection = Collection::default();
    let units = units(&dwarf).map_err(|reason| damaged(path, reason))?;
    if units.is_empty() {
        return Err(Error::None {
            path: path.to_owned(),
        });
    }
    for header in &units {
        walk(&dwarf, &units, header, &mut collection).map_err(|reason| damaged(path, reason))?;
    }
    let build_id = file.build_id().ok().flatten().unwrap_or_default();
    Ok(collection.found(build_id))
}

/// Whether an ELF file has debug information that [`read`] could read.
///
/// # Errors
///
/// When the file cannot be read.
pub fn has_debug_info(path: &Path) -> Result<bool, Error> {
    let data = contents(path)?;
    let file = elf(path, &data)?;
    let section = file.section_by_name(SectionId::DebugInfo.name());
    Ok(section.is_some_and(|section| section.size() > 0))
}

/// The build ID of an ELF file, in hexadecimal digits: the same for a kernel and its separate debug
/// file.
///
/// # Errors
///
/// When the file cannot be read.
pub fn build_id(path: &Path) -> Result<Option<String>, Error> {
    let data = contents(path)?;
    let id = elf(path, &data)?.build_id().ok().flatten();
    Ok(id.map(super::index::hexadecimal))
}

/// Reads the file. It is not mapped, because truncating a mapped file would end this process.
fn contents(path: &Path) -> Result<Vec<u8>, Error> {
    file::read(path, VMLINUX_MAX).map_err(|error| Error::Read {
        path: path.to_owned(),
        source: std::io::Error::other(error),
    })
}

fn elf<'data>(path: &Path, data: &'data [u8]) -> Result<ElfFile64<'data>, Error> {
    ElfFile64::parse(data).map_err(|error| Error::Elf {
        path: path.to_owned(),
        reason: error.to_string(),
    })
}

fn damaged(path: &Path, reason: impl ToString) -> Error {
    Error::Dwarf {
        path: path.to_owned(),
        reason: reason.to_string(),
    }
}

/// The bytes of the sections, and the relocations to apply.
struct Sections<'data>(HashMap<&'static str, (Cow<'data, [u8]>, RelocationMap)>);

type Slice<'a> = RelocateReader<EndianSlice<'a, LittleEndian>, Relocations<'a>>;

#[derive(Clone, Copy, Debug)]
struct Relocations<'a>(Option<&'a RelocationMap>);

impl Relocate for Relocations<'_> {
    fn relocate_address(&self, offset: usize, value: u64) -> gimli::Result<u64> {
        Ok(match self.0 {
            Some(map) => map.relocate(offset as u64, value),
            None => value,
        })
    }

    fn relocate_offset(&self, offset: usize, value: usize) -> gimli::Result<usize> {
        match self.0 {
            Some(map) => {
                let value = map.relocate(offset as u64, value as u64);
                usize::try_from(value).map_err(|_| gimli::Error::UnsupportedOffset)
            }
            None => Ok(value),
        }
    }
}

impl<'data> Sections<'data> {
    fn load(path: &Path, file: &ElfFile64<'data>) -> Result<Self, Error> {
        let relocatable = file.kind() == ObjectKind::Relocatable;
        let mut all = HashMap::new();
        for section in file.sections() {
            let Ok(name) = section.name() else {
                continue;
            };
            let Some(id) = SECTIONS.iter().find(|id| id.name() == name) else {
                continue;
            };
            let failed = |reason: String| damaged(path, format!("section {name}: {reason}"));
            let data = section
                .compressed_data()
                .map_err(|error| failed(error.to_string()))?;
            let length = data.data.len() as u64;
            if data.uncompressed_size > LARGEST
                || data.uncompressed_size > length.saturating_mul(PACKED)
            {
                return Err(failed(
                    "it is larger than debug information can be".to_owned(),
                ));
            }
            let data = data
                .decompress()
                .map_err(|error| failed(error.to_string()))?;
            let map = match relocatable {
                true => {
                    RelocationMap::new(file, &section).map_err(|error| failed(error.to_string()))?
                }
                false => RelocationMap::default(),
            };
            all.insert(id.name(), (data, map));
        }
        match all.contains_key(SectionId::DebugInfo.name()) {
            true => Ok(Self(all)),
            false => Err(Error::None {
                path: path.to_owned(),
            }),
        }
    }

    fn dwarf(&self) -> Dwarf<Slice<'_>> {
        let section = |id: SectionId| -> Slice<'_> {
            let found = self.0.get(id.name());
            let (data, map) = match found {
                Some((data, map)) => (&**data, Some(map)),
                None => (&[][..], None),
            };
            let slice = EndianSlice::new(data, LittleEndian);
            RelocateReader::new(slice, Relocations(map))
        };
        let Ok(dwarf) = Dwarf::load(|id| Ok::<_, Infallible>(section(id)));
        dwarf
    }
}

/// The sections with information about functions.
const SECTIONS: [SectionId; 10] = [
    SectionId::DebugInfo,
    SectionId::DebugAbbrev,
    SectionId::DebugStr,
    SectionId::DebugLineStr,
    SectionId::DebugStrOffsets,
    SectionId::DebugLine,
    SectionId::DebugAddr,
    SectionId::DebugRanges,
    SectionId::DebugRngLists,
    SectionId::DebugTypes,
];

/// The compilation units.
fn units<'a>(dwarf: &Dwarf<Slice<'a>>) -> Result<Vec<UnitHeader<Slice<'a>>>, String> {
    let mut units = Vec::new();
    let mut headers = dwarf.units();
    while let Some(header) = headers.next().map_err(|error| error.to_string())? {
        match header.type_() {
            UnitType::Compilation | UnitType::Partial => units.push(header),
            UnitType::Skeleton(_) => return Err(SPLIT.to_owned()),
            _ => {}
        }
    }
    Ok(units)
}

const SPLIT: &str =
    "most of it is in other files; build the kernel without CONFIG_DEBUG_INFO_SPLIT";

fn walk<'a>(
    dwarf: &Dwarf<Slice<'a>>,
    all: &[UnitHeader<Slice<'a>>],
    header: &UnitHeader<Slice<'a>>,
    collection: &mut Collection,
) -> Result<(), String> {
    let unit = dwarf
        .unit(header.clone())
        .map_err(|error| error.to_string())?;
    if unit.dwo_id.is_some() || unit.dwo_name().is_ok_and(|name| name.is_some()) {
        return Err(SPLIT.to_owned());
    }
    if !is_c(&unit).map_err(|error| error.to_string())? {
        return Ok(());
    }
    let elsewhere = |offset| in_other_unit(dwarf, all, offset);
    Walk::new(dwarf, &unit, collection, &elsewhere).run()
}

/// Whether the unit is that of a C file. Code in Rust or assembly can neither be replaced nor inlined
/// into C.
fn is_c<R: Reader<Offset = usize>>(unit: &Unit<R>) -> gimli::Result<bool> {
    let mut entries = unit.entries();
    let Some(root) = entries.next_dfs()? else {
        return Ok(false);
    };
    let language = root.attr_value(constants::DW_AT_language);
    Ok(match language {
        Some(gimli::AttributeValue::Language(language)) => matches!(
            language,
            constants::DW_LANG_C
                | constants::DW_LANG_C89
                | constants::DW_LANG_C99
                | constants::DW_LANG_C11
                | constants::DW_LANG_C17
                | DW_LANG_C23
        ),
        // A partial unit, which others refer to, has no language.
        _ => true,
    })
}

/// A function in the unit of this offset: name, file, line.
fn in_other_unit<'a>(
    dwarf: &Dwarf<Slice<'a>>,
    all: &[UnitHeader<Slice<'a>>],
    offset: usize,
) -> Option<(String, String, u32)> {
    let starts_before = |header: &UnitHeader<Slice<'a>>| header.offset().0 <= offset;
    let index = all.partition_point(starts_before).checked_sub(1)?;
    let header = all.get(index)?;
    let place = DebugInfoOffset(offset).to_unit_offset(header)?;
    let unit = dwarf.unit(header.clone()).ok()?;
    function_at(dwarf, &unit, place)
}

/// Missing in gimli.
const DW_LANG_C23: gimli::DwLang = gimli::DwLang(0x3e);
