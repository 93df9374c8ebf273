// SPDX-License-Identifier: GPL-2.0-only

//! Sizes of the livepatch core in the kernel and of patch modules: the allocated sections of their
//! object files.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};
use klp_host::kernel::Kernel;
use object::elf::{SHF_ALLOC, SHF_EXECINSTR};
use object::read::archive::ArchiveFile;
use object::{Object as _, ObjectSection as _, SectionFlags};

use super::figures::Figure;
use crate::files;

/// The size of an object file's allocated sections.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
struct Size {
    text: u64,
    data: u64,
}

impl Size {
    /// The sizes of an object file or module, without alignment.
    fn read(path: &Path) -> Result<Self> {
        let bytes = files::read(path)?;
        let file = object::File::parse(&*bytes)
            .with_context(|| format!("{} is not an object file", path.display()))?;
        let mut size = Self::default();
        for section in file.sections() {
            let SectionFlags::Elf { sh_flags, .. } = section.flags() else {
                continue;
            };
            if !sh_flags.contains(SHF_ALLOC) || is_dropped(section.name()?) {
                continue;
            }
            if sh_flags.contains(SHF_EXECINSTR) {
                size.text += section.size();
            } else {
                size.data += section.size();
            }
        }
        Ok(size)
    }

    fn figures(self, name: &str) -> [Figure; 2] {
        let figure = |part, value: u64| {
            // Exact up to 2^53 bytes.
            Figure::new(format!("{name}-{part}"), "bytes", value as f64)
        };
        [figure("text", self.text), figure("data", self.data)]
    }
}

/// Whether the kernel's linker discards the section.
fn is_dropped(name: &str) -> bool {
    name.starts_with(".discard") || name == ".export_symbol"
}

/// The size of the core in this kernel.
pub(super) fn core(kernel: &Kernel) -> Result<[Figure; 2]> {
    if let Some(module) = &kernel.core_module {
        return Ok(Size::read(module)?.figures("core"));
    }
    let mut all = Size::default();
    for path in members(&kernel.build.dir.join("kernel/livepatch/built-in.a"))? {
        let size = Size::read(&path)?;
        all.text += size.text;
        all.data += size.data;
    }
    Ok(all.figures("core"))
}

/// The size of a module written in this language.
pub(super) fn module(language: &str, path: &Path) -> Result<[Figure; 2]> {
    Ok(Size::read(path)?.figures(&format!("module-{language}")))
}

/// The object files that a thin archive names. The kernel's archives are thin.
fn members(archive: &Path) -> Result<Vec<PathBuf>> {
    let bytes = files::read(archive)?;
    let broken = || format!("{} is not an archive of object files", archive.display());
    let file = ArchiveFile::parse(&*bytes).with_context(broken)?;
    ensure!(
        file.is_thin(),
        "{} is not a thin archive",
        archive.display()
    );
    let dir = archive.parent().unwrap_or(Path::new(""));
    file.members()
        .map(|member| {
            let member = member.with_context(broken)?;
            let name = std::str::from_utf8(member.name()).with_context(broken)?;
            Ok(dir.join(name))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    use object::write;
    use object::{Architecture, BinaryFormat, Endianness, SectionKind};

    #[test]
    fn code_and_data_are_counted_and_debug_information_is_not() {
        let format = BinaryFormat::Elf;
        let mut file = write::Object::new(format, Architecture::X86_64, Endianness::Little);
        for (name, kind, size) in [
            (".text", SectionKind::Text, 100),
            (".text.cold", SectionKind::Text, 10),
            (".rodata", SectionKind::ReadOnlyData, 7),
            (".data", SectionKind::Data, 50),
            (".discard.addressable", SectionKind::Data, 500),
            (".debug_info", SectionKind::Debug, 1000),
        ] {
            let id = file.add_section(Vec::new(), name.into(), kind);
            file.set_section_data(id, vec![0; size], 1);
        }
        let bss = file.add_section(Vec::new(), b".bss".to_vec(), SectionKind::UninitializedData);
        file.append_section_bss(bss, 30, 1);
        let dir = tempfile::tempdir().expect("a folder");
        let path = dir.path().join("core.o");
        fs::write(&path, file.write().expect("an object file")).expect("written");
        let size = Size::read(&path).expect("a size");
        assert_eq!(
            size,
            Size {
                text: 110,
                data: 87
            }
        );
        assert_eq!(size.figures("core")[0].to_string(), "core-text: 110 bytes");
    }

    #[test]
    fn archives_name_their_members() {
        let dir = tempfile::tempdir().expect("a folder");
        let path = dir.path().join("built-in.a");
        let header = |name: &str, size: u32| format!("{name:<48}{size:<10}`\n");
        let names = "core.o/\n";
        let text = format!("!<thin>\n{}{names}{}", header("//", 8), header("/0", 1234));
        fs::write(&path, text).expect("written");
        assert_eq!(
            members(&path).expect("members"),
            [dir.path().join("core.o")]
        );
        fs::write(&path, "!<arch>\n").expect("written");
        assert!(members(&path).is_err());
    }
}
