// SPDX-License-Identifier: GPL-2.0-only

//! Puts a cumulative patch's version into the name of its module: the kernel loads a newer one beside it then, which
//! replaces it at once. Under the same name it would have to be unloaded first.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use klp_elf::livepatch::rename;
use klp_elf::{Module, sign};
use klp_host::replace;

/// Writes a copy of a module under such a name, beside it. `None` for one that is not cumulative, or has no version: it
/// is loaded on top of others, whatever its name is.
///
/// # Errors
///
/// When the module is damaged, no module can have that name, or the copy cannot be written.
pub fn in_name(module: &Path) -> Result<Option<PathBuf>> {
    let cannot = || {
        format!(
            "cannot put the version into the name of {}",
            module.display()
        )
    };
    let data = fs::read(module).with_context(cannot)?;
    // It may have been signed by the build before.
    let data = sign::split(&data).with_context(cannot)?.module;
    let modinfo = Module::parse(data)?.modinfo()?;
    let value = |key| modinfo.value(key).map(ToString::to_string);
    let (Some(name), Some(version)) = (value("name"), value("version")) else {
        return Ok(None);
    };
    if !modinfo.is_livepatch() || !modinfo.is_cumulative() {
        return Ok(None);
    }
    let name = format!("{name}_{}", word(&version));
    let renamed = rename(data, &name).with_context(cannot)?;
    let path = module.with_file_name(format!("{name}.ko"));
    replace::contents(&path, &renamed)?;
    Ok(Some(path))
}

/// In the characters that names of modules have.
fn word(version: &str) -> String {
    version.replace(|c: char| !c.is_ascii_alphanumeric(), "_")
}

#[cfg(test)]
mod tests {
    use super::*;
    use object::{Architecture, BinaryFormat, Endianness, SectionKind, write};

    fn in_name_of(modinfo: &str) -> Option<(String, String)> {
        let dir = tempfile::tempdir().unwrap();
        let mut file =
            write::Object::new(BinaryFormat::Elf, Architecture::X86_64, Endianness::Little);
        let mut this = vec![0; 128];
        this[24..31].copy_from_slice(b"fix_foo");
        for (name, data) in [
            (".modinfo", modinfo.as_bytes()),
            (".gnu.linkonce.this_module", &this),
        ] {
            let section = file.add_section(Vec::new(), name.into(), SectionKind::Data);
            file.append_section_data(section, data, 8);
        }
        let module = dir.path().join("fix-foo.ko");
        let data = file.write().unwrap();
        fs::write(&module, &data).unwrap();
        let path = in_name(&module).unwrap()?;
        assert_eq!(fs::read(&module).unwrap(), data, "make's own stays");
        let copy = fs::read(&path).unwrap();
        let modinfo = Module::parse(&copy).unwrap().modinfo().unwrap();
        let name = modinfo.value("name").unwrap().to_string();
        Some((path.file_name()?.to_string_lossy().into_owned(), name))
    }

    #[test]
    fn versions_of_cumulative_patches_are_in_their_names() {
        let patch = "livepatch=Y\0name=fix_foo\0";
        assert_eq!(in_name_of(&format!("{patch}version=1.2\0")), None);
        assert_eq!(in_name_of(&format!("{patch}klp_replace=Y\0")), None);
        let named = in_name_of(&format!("{patch}klp_replace=Y\0version=1.2~rc1\0"));
        let name = "fix_foo_1_2_rc1";
        assert_eq!(named, Some((format!("{name}.ko"), name.to_owned())));
    }
}
