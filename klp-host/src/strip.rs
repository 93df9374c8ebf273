// SPDX-License-Identifier: GPL-2.0-only

//! Moves the debug information of a patch's module into a separate file.
//!
//! The module is then small and does not depend on the build folder: only debug information contains
//! the paths of sources and of the output folder. The linker's build id is a hash that includes debug
//! information, so it is recomputed without that.
//!
//! Modules are stripped before their livepatch symbols are linked ([`crate::link`]), because ELF tools do not
//! support symbols with the section index SHN_LIVEPATCH.

use std::ops::Range;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use klp_elf::livepatch::SHN_LIVEPATCH;
use klp_elf::{Module, Shown, read_module};
use object::build::Id as _;
use object::build::elf::Builder;
use object::elf::{self, FileHeader64, SectionHeader64, SectionType, SymbolSection};
use object::read::elf::{ElfFile64, FileHeader as _, SectionHeader as _};
use object::{Endianness, Object as _, ObjectSection as _, SectionIndex};
use sha2::{Digest as _, Sha256};

use crate::host::files::write_atomic;
use crate::replace;

/// The section type of LLVM's list of address-significant symbols.
const SHT_LLVM_ADDRSIG: SectionType = SectionType(0x6fff_4c03);

/// The types of sections that only linkers use: address significance, section groups, and code properties.
const LINKER_SECTIONS: [SectionType; 3] = [
    SHT_LLVM_ADDRSIG,
    elf::SHT_GROUP,
    elf::SHT_AARCH64_ATTRIBUTES,
];

/// The offset of `sh_type` in a section header.
const SH_TYPE: usize = 4;

/// The extension of the file with the debug information.
pub const EXTENSION: &str = "debug";

/// The section of the build id.
const BUILD_ID: &str = ".note.gnu.build-id";

/// The offset of the build id in its note: after the note header and the name `GNU`.
const ID_OFFSET: u64 = 16;

/// Returns the path of the file with a module's debug information.
pub fn debug_file(module: &Path) -> PathBuf {
    let mut path = module.as_os_str().to_owned();
    path.push(".");
    path.push(EXTENSION);
    path.into()
}

/// Strips a live patch in place, and writes the unstripped module to [`debug_file`]. Other modules, and those without
/// debug information, are not changed.
///
/// # Errors
///
/// The file is not a valid module, or a file cannot be written. The module is then unchanged.
pub fn in_place(module: &Path) -> Result<()> {
    let cannot = || format!("cannot strip {}", Shown::path(module));
    let data = read_module(module).with_context(cannot)?;
    let modinfo = Module::parse(&data).and_then(|module| module.modinfo());
    if !modinfo.with_context(cannot)?.is_livepatch() {
        return Ok(());
    }
    let Some(stripped) = stripped(&data).with_context(cannot)? else {
        return Ok(());
    };
    // The debug file is first: the next run skips a stripped module, and would not write it.
    write_atomic(&debug_file(module), &stripped.with_debug_information)?;
    replace::contents(module, &stripped.module)
}

/// The result of stripping a module.
struct Stripped {
    module: Vec<u8>,
    /// The unstripped module, with the same build id.
    with_debug_information: Vec<u8>,
}

/// Strips a module. Returns `None` if it has no debug information, or if its livepatch symbols are linked: make did
/// not rebuild it.
fn stripped(data: &[u8]) -> Result<Option<Stripped>> {
    let file = ElfFile64::<Endianness>::parse(data)?;
    let mut names = file
        .sections()
        .filter_map(|section| section.name_bytes().ok());
    let is_linked = file.symbols().any(|symbol| {
        symbol.elf_symbol().st_shndx.get(Endianness::Little) == SymbolSection(SHN_LIVEPATCH)
    });
    if is_linked || !names.any(is_debug_information) {
        return Ok(None);
    }
    let mut module = without_debug_information(data)?;
    let mut with_debug_information = data.to_vec();
    if let (Some(new), Some(old)) = (build_id(&module)?, build_id(data)?) {
        module[new.clone()].fill(0);
        let id = Sha256::digest(&module);
        let length = new.len().min(id.len());
        for (file, place) in [(&mut module, new), (&mut with_debug_information, old)] {
            file[place][..length].copy_from_slice(&id[..length]);
        }
    }
    Ok(Some(Stripped {
        module,
        with_debug_information,
    }))
}

fn without_debug_information(data: &[u8]) -> Result<Vec<u8>> {
    let mut data = data.to_vec();
    let linker_sections = retype_linker_sections(&mut data)?;
    let mut builder = Builder::read(data.as_slice())?;
    for section in &mut builder.sections {
        // The builder does not count the null section.
        let is_for_linkers = linker_sections.contains(&(section.id().index() + 1));
        section.delete = is_debug_information(&section.name) || is_for_linkers;
        section.sh_flags.0 &= !elf::SHF_GROUP.0;
    }
    for symbol in &mut builder.symbols {
        // Names of source files.
        symbol.delete |= symbol.st_type() == elf::STT_FILE;
    }
    builder.delete_orphans();
    let mut written = Vec::new();
    builder.write(&mut written)?;
    Ok(written)
}

/// Changes the type of [`LINKER_SECTIONS`] to data, which [`Builder`] can remove: it does not support their
/// types. They refer to symbols and sections by their old indices. Returns the sections' indices.
fn retype_linker_sections(data: &mut [u8]) -> Result<Vec<usize>> {
    let header = FileHeader64::<Endianness>::parse(&*data)?;
    let endian = header.endian()?;
    let start = usize::try_from(header.e_shoff(endian))?;
    let sections = header.sections(endian, &*data)?;
    let of_type = |(index, section): (SectionIndex, &SectionHeader64<Endianness>)| {
        LINKER_SECTIONS
            .contains(&section.sh_type(endian))
            .then_some(index.0)
    };
    let found: Vec<usize> = sections.enumerate().filter_map(of_type).collect();
    for index in &found {
        let at = start + index * size_of::<SectionHeader64<Endianness>>() + SH_TYPE;
        let place = data
            .get_mut(at..at + 4)
            .context("its section headers are damaged")?;
        place.copy_from_slice(&elf::SHT_PROGBITS.0.to_le_bytes());
    }
    Ok(found)
}

fn is_debug_information(section: &[u8]) -> bool {
    let section = section.strip_prefix(b".rela").unwrap_or(section);
    section.starts_with(b".debug_")
}

/// Returns the range of the build id, if there is one.
fn build_id(data: &[u8]) -> Result<Option<Range<usize>>> {
    let file = ElfFile64::<Endianness>::parse(data)?;
    let note = file.section_by_name(BUILD_ID);
    let Some((start, length)) = note.and_then(|note| note.file_range()) else {
        return Ok(None);
    };
    let range = usize::try_from(start + ID_OFFSET)?..usize::try_from(start + length)?;
    Ok(Some(range).filter(|range| !range.is_empty() && range.end <= data.len()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use object::ObjectSymbol as _;
    use object::{Architecture, BinaryFormat, SectionKind, write};
    use std::fs;

    /// Returns a module with a function, a build id, this debug information and this modinfo.
    fn patch(debug: Option<&str>, modinfo: &str) -> Vec<u8> {
        let mut file =
            write::Object::new(BinaryFormat::Elf, Architecture::X86_64, Endianness::Little);
        let mut add = |name: &str, kind, data: &[u8]| {
            let section = file.add_section(Vec::new(), name.as_bytes().to_vec(), kind);
            file.append_section_data(section, data, 8);
            section
        };
        let text = add(".text", SectionKind::Text, &[0xc3; 16]);
        add(".modinfo", SectionKind::ReadOnlyData, modinfo.as_bytes());
        let mut note = b"\x04\0\0\0\x14\0\0\0\x03\0\0\0GNU\0".to_vec();
        note.extend([0xaa; 20]);
        add(BUILD_ID, SectionKind::Note, &note);
        add(ADDRSIG, SectionKind::Other, &[1]);
        let debug = debug.map(|debug| add(".debug_str", SectionKind::Debug, debug.as_bytes()));
        file.add_file_symbol(b"/somewhere/fix.rs".to_vec());
        for (name, section) in [("function", Some(text)), ("debug", debug)] {
            let Some(section) = section else { continue };
            file.add_symbol(write::Symbol {
                name: name.into(),
                value: 0,
                size: 16,
                kind: object::SymbolKind::Text,
                scope: object::SymbolScope::Compilation,
                weak: false,
                section: write::SymbolSection::Section(section),
                flags: object::SymbolFlags::None,
            });
        }
        let mut data = file.write().unwrap();
        retype_addrsig(&mut data, SHT_LLVM_ADDRSIG);
        data
    }

    const ADDRSIG: &str = ".llvm_addrsig";

    /// Sets the section type, which the crate cannot write.
    fn retype_addrsig(data: &mut [u8], to: SectionType) {
        let header = FileHeader64::<Endianness>::parse(&*data).unwrap();
        let start = usize::try_from(header.e_shoff(Endianness::Little)).unwrap();
        let sections = header.sections(Endianness::Little, &*data).unwrap();
        let (index, _) = sections
            .section_by_name(Endianness::Little, ADDRSIG.as_bytes())
            .unwrap();
        let at = start + index.0 * size_of::<SectionHeader64<Endianness>>() + SH_TYPE;
        data[at..at + 4].copy_from_slice(&to.0.to_le_bytes());
    }

    const LIVEPATCH: &str = "livepatch=Y\0name=fix\0";

    fn symbols(data: &[u8]) -> Vec<String> {
        let file = ElfFile64::<Endianness>::parse(data).unwrap();
        let names = file
            .symbols()
            .map(|symbol| symbol.name().unwrap().to_owned());
        names.filter(|name| !name.is_empty()).collect()
    }

    fn id(data: &[u8]) -> &[u8] {
        &data[build_id(data).unwrap().unwrap()]
    }

    #[test]
    fn stripped_modules_do_not_depend_on_debug_information() {
        let [one, other] = ["/here", "/somewhere/else"]
            .map(|path| stripped(&patch(Some(path), LIVEPATCH)).unwrap().unwrap());
        assert_eq!(one.module, other.module);
        assert_ne!(one.with_debug_information, other.with_debug_information);
        assert_eq!(symbols(&one.module), ["function"]);
        let file = ElfFile64::<Endianness>::parse(one.module.as_slice()).unwrap();
        assert!(file.section_by_name(".llvm_addrsig").is_none());
        assert_eq!(id(&one.module), id(&one.with_debug_information));
        assert_ne!(id(&one.module), [0xaa; 20]);
        assert_eq!(symbols(&one.with_debug_information).len(), 3);
        assert!(stripped(&one.module).unwrap().is_none());
    }

    #[test]
    fn section_groups_are_stripped() {
        let mut file =
            write::Object::new(BinaryFormat::Elf, Architecture::X86_64, Endianness::Little);
        let mut add = |name: &[u8], kind| file.add_section(Vec::new(), name.to_vec(), kind);
        let text = add(b".text.unlikely", SectionKind::Text);
        let debug = add(b".debug_macro", SectionKind::Debug);
        file.append_section_data(text, &[0xc3; 16], 8);
        file.append_section_data(debug, b"macro", 1);
        for (name, section) in [("function", text), ("macros", debug)] {
            let symbol = file.add_symbol(write::Symbol {
                name: name.into(),
                value: 0,
                size: 0,
                kind: object::SymbolKind::Text,
                scope: object::SymbolScope::Linkage,
                weak: true,
                section: write::SymbolSection::Section(section),
                flags: object::SymbolFlags::None,
            });
            file.add_comdat(write::Comdat {
                kind: object::ComdatKind::Any,
                symbol,
                sections: vec![section],
            });
        }
        let stripped = stripped(&file.write().unwrap()).unwrap().unwrap();
        assert_eq!(symbols(&stripped.module), ["function"]);
        let file = ElfFile64::<Endianness>::parse(stripped.module.as_slice()).unwrap();
        assert_eq!(file.comdats().count(), 0);
        let text = file.section_by_name(".text.unlikely").unwrap();
        assert_eq!(text.data().unwrap(), [0xc3; 16]);
        assert_eq!(
            text.elf_section_header().sh_flags(Endianness::Little) & elf::SHF_GROUP,
            elf::SectionFlags(0)
        );
    }

    #[test]
    fn code_properties_of_arm64_are_stripped() {
        let mut data = patch(Some("/here"), LIVEPATCH);
        // e_machine
        data[18..20].copy_from_slice(&elf::EM_AARCH64.0.to_le_bytes());
        retype_addrsig(&mut data, elf::SHT_AARCH64_ATTRIBUTES);
        let stripped = stripped(&data).unwrap().unwrap();
        let file = ElfFile64::<Endianness>::parse(stripped.module.as_slice()).unwrap();
        assert!(file.section_by_name(ADDRSIG).is_none());
    }

    #[test]
    fn different_contents_have_different_build_ids() {
        let [one, other] = ["livepatch=Y\0", "livepatch=Y\0a=b\0"]
            .map(|modinfo| stripped(&patch(Some(""), modinfo)).unwrap().unwrap());
        assert_ne!(id(&one.module), id(&other.module));
    }

    #[test]
    fn the_unstripped_module_is_saved() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("fix.ko");
        let whole = patch(Some("/here"), LIVEPATCH);
        fs::write(&path, &whole).unwrap();
        in_place(&path).unwrap();
        let debug = fs::read(dir.path().join("fix.ko.debug")).unwrap();
        assert_eq!(debug.len(), whole.len());
        let module = fs::read(&path).unwrap();
        assert!(module.len() < whole.len());
        // A second run changes nothing.
        in_place(&path).unwrap();
        assert_eq!(fs::read(&path).unwrap(), module);
        assert_eq!(fs::read(debug_file(&path)).unwrap(), debug);
    }

    /// make may not rebuild the module of an earlier build, which is stripped and linked.
    #[test]
    fn linked_modules_are_not_stripped() {
        let mut data = patch(Some("/here"), LIVEPATCH);
        let file = ElfFile64::<Endianness>::parse(data.as_slice()).unwrap();
        let table = file.section_by_name(".symtab").unwrap();
        let (start, length) = table.file_range().unwrap();
        let end = usize::try_from(start + length).unwrap();
        let last = end - size_of::<elf::Sym64<Endianness>>();
        data[last + 6..last + 8].copy_from_slice(&SHN_LIVEPATCH.to_le_bytes());
        assert!(stripped(&data).unwrap().is_none());
    }

    #[test]
    fn other_modules_are_not_stripped() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("target.ko");
        let whole = patch(Some("/here"), "name=target\0");
        fs::write(&path, &whole).unwrap();
        in_place(&path).unwrap();
        assert_eq!(fs::read(&path).unwrap(), whole);
        fs::write(&path, "text").unwrap();
        assert!(format!("{:#}", in_place(&path).unwrap_err()).contains("cannot strip"));
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    }
}
