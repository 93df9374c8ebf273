// SPDX-License-Identifier: GPL-2.0-only

//! Reads patch files.

use std::path::Path;

use klp_elf::livepatch::{SERIES, is_module_name};
use klp_elf::sign::is_signed;
use klp_elf::{Module, Name, read_module};
use serde::{Deserialize, Serialize};

use crate::outcome::{Failure, Outcome, Status};

/// A live patch in a file.
#[derive(Debug)]
pub struct PatchFile {
    /// Its modinfo.
    pub info: Info,
    /// The decompressed module, which is checked, installed and loaded. The file may change, so it is read only once.
    pub module: Vec<u8>,
}

/// The modinfo of a patch.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub struct Info {
    /// The module name.
    pub name: String,
    /// The common part of the versions' names, if each module has its version in its name.
    pub series: Option<String>,
    pub version: Option<String>,
    pub description: Option<String>,
    /// The CVEs that it fixes.
    pub fixes: Vec<String>,
    /// A page with more information.
    pub url: Option<String>,
    /// The kernel that it was built for: the release, and the options that modules have to share.
    pub vermagic: Option<String>,
    /// It replaces all other patches. Only patches made by klp have this in their modinfo.
    #[serde(default)]
    pub cumulative: bool,
    /// The modules that have to be loaded first.
    pub depends: Vec<String>,
    /// It has a signature, by whatever key.
    pub signed: bool,
}

impl Info {
    /// The kernel release that it was built for.
    pub fn release(&self) -> Option<&str> {
        self.vermagic.as_deref()?.split_whitespace().next()
    }
}

impl PatchFile {
    /// Reads a module from a file, compressed or not.
    ///
    /// # Errors
    ///
    /// [`Status::Refused`] if it is not a live patch; [`Status::Failed`] if it cannot be read.
    pub fn open(path: &Path) -> Outcome<Self> {
        let module =
            read_module(path).map_err(|error| Failure::new(Status::Failed, error.to_string()))?;
        let info = info(path, &module)?;
        Ok(Self { info, module })
    }

    /// Reads klpctl's copy of the patch `name`.
    ///
    /// # Errors
    ///
    /// Those of [`Self::open`]; the status `mismatch` if it is another patch.
    pub fn open_as(path: &Path, name: &str, mismatch: Status) -> Outcome<Self> {
        let file = Self::open(path)?;
        if file.info.name != name {
            let (path, is) = (path.display(), &file.info.name);
            let why = format!("{path} should contain the patch {name}, but contains {is}");
            return Err(Failure::new(mismatch, why));
        }
        Ok(file)
    }
}

fn info(path: &Path, data: &[u8]) -> Outcome<Info> {
    let refused = |why: String| {
        let path = klp_elf::Shown::path(path);
        Failure::new(Status::Refused, format!("{path} {why}"))
    };
    let module =
        Module::parse(data).map_err(|error| refused(format!("is not a module: {error}")))?;
    let modinfo = module
        .modinfo()
        .map_err(|error| refused(format!("is damaged: {error}")))?;
    let first = |key: &str| {
        let value = modinfo.value(key).map(Name::escaped);
        value.filter(|value| !value.is_empty())
    };
    if !modinfo.is_livepatch() {
        return Err(refused(
            "is a module, but not a live patch: its modinfo has no `livepatch: Y`".to_owned(),
        ));
    }
    let name = first("name").ok_or_else(|| refused("has no name in its modinfo".to_owned()))?;
    // It becomes part of paths.
    if !is_module_name(&name) {
        return Err(refused(format!(
            "has the name `{name}`, which is not a valid module name"
        )));
    }
    // Without duplicates: Prometheus rejects a file with duplicate samples.
    let words = |key: &str| -> Vec<String> {
        let mut found: Vec<String> = Vec::new();
        for words in modinfo.values(key).map(Name::escaped) {
            for word in words.split([',', ' ']) {
                if !word.is_empty() && !found.iter().any(|it| it == word) {
                    found.push(word.to_owned());
                }
            }
        }
        found
    };
    Ok(Info {
        series: first(SERIES),
        version: first("version"),
        description: first("description"),
        fixes: words("fixes"),
        url: first("url"),
        vermagic: first("vermagic"),
        depends: words("depends"),
        cumulative: modinfo.is_cumulative(),
        signed: is_signed(data),
        name,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn duplicate_fixes_are_dropped() {
        use object::{Architecture, BinaryFormat, Endianness, SectionKind, write};
        let mut module =
            write::Object::new(BinaryFormat::Elf, Architecture::X86_64, Endianness::Little);
        let kind = SectionKind::ReadOnlyData;
        let section = module.add_section(Vec::new(), b".modinfo".to_vec(), kind);
        let modinfo = b"livepatch=Y\0name=fix\0fixes=CVE-2024-1, CVE-2024-2\0fixes=CVE-2024-1\0";
        module.append_section_data(section, modinfo, 1);
        let info = info(Path::new("fix.ko"), &module.write().expect("a module"));
        let fixes = info.expect("a patch").fixes;
        assert_eq!(fixes, ["CVE-2024-1", "CVE-2024-2"]);
    }

    #[test]
    fn other_files_are_refused() {
        let dir = tempfile::tempdir().expect("a folder");
        let path = dir.path().join("text.ko");
        std::fs::write(&path, "no module").expect("a file");
        let failure = PatchFile::open(&path).expect_err("no module");
        assert_eq!(failure.status, Status::Refused);
        let failure = PatchFile::open(&dir.path().join("missing.ko")).expect_err("nothing");
        assert_eq!(failure.status, Status::Failed);
    }
}
