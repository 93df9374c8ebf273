// SPDX-License-Identifier: GPL-2.0-only

//! Reads the file of a patch.

use std::path::Path;

use klp_elf::livepatch::SERIES;
use klp_elf::sign::is_signed;
use klp_elf::{Module, Name, read_module};
use serde::{Deserialize, Serialize};

use crate::outcome::{Failure, Outcome, Status};

/// A live patch in a file.
#[derive(Debug)]
pub struct PatchFile {
    /// Its modinfo.
    pub info: Info,
    /// The unpacked module, which is checked, installed and loaded. The file is read once, since it may change.
    pub module: Vec<u8>,
}

/// The modinfo of a patch.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub struct Info {
    /// The name of its module.
    pub name: String,
    /// The common part of its versions' names, if each module has its version in its name.
    pub series: Option<String>,
    /// Its version.
    pub version: Option<String>,
    /// Its description.
    pub description: Option<String>,
    /// The CVEs that it fixes.
    pub fixes: Vec<String>,
    /// Where there is more about it.
    pub url: Option<String>,
    /// The kernel that it was built for: the release, and the options that decide what modules fit.
    pub vermagic: Option<String>,
    /// It replaces all others. Only patches of klp have that in their modinfo.
    #[serde(default)]
    pub cumulative: bool,
    /// The modules that have to be loaded first.
    pub depends: Vec<String>,
    /// It has a signature, by any key.
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
    /// [`Status::Refused`] when it is no live patch; [`Status::Failed`] when it cannot be read.
    pub fn open(path: &Path) -> Outcome<Self> {
        let module =
            read_module(path).map_err(|error| Failure::new(Status::Failed, error.to_string()))?;
        let info = info(path, &module)?;
        Ok(Self { info, module })
    }

    /// The same of a copy that klpctl keeps under this name.
    ///
    /// # Errors
    ///
    /// Also when it is another patch, with the status `other`.
    pub fn open_as(path: &Path, name: &str, other: Status) -> Outcome<Self> {
        let file = Self::open(path)?;
        if file.info.name != name {
            let (path, is) = (path.display(), &file.info.name);
            let why = format!("{path} should be {name}, and is {is}");
            return Err(Failure::new(other, why));
        }
        Ok(file)
    }
}

fn info(path: &Path, data: &[u8]) -> Outcome<Info> {
    let refused = |why: String| {
        let path = klp_elf::Shown::path(path);
        Failure::new(Status::Refused, format!("{path} {why}"))
    };
    let module = Module::parse(data).map_err(|error| refused(format!("is no module: {error}")))?;
    let modinfo = module
        .modinfo()
        .map_err(|error| refused(format!("is damaged: {error}")))?;
    let first = |key: &str| {
        let value = modinfo.value(key).map(Name::escaped);
        value.filter(|value| !value.is_empty())
    };
    if !modinfo.is_livepatch() {
        return Err(refused(
            "is a module, but no live patch: `modinfo` shows no line `livepatch: Y`".to_owned(),
        ));
    }
    let name = first("name").ok_or_else(|| refused("does not tell its name".to_owned()))?;
    if !is_module_name(&name) {
        return Err(refused(format!(
            "calls itself `{name}`, which is no name of a module"
        )));
    }
    // Each once: Prometheus takes no file with a metric twice.
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

/// Is this a name that the kernel gives to a module? It becomes part of paths.
pub fn is_module_name(name: &str) -> bool {
    let is_word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
    !name.is_empty() && name.len() < 56 && name.bytes().all(is_word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_become_paths() {
        assert!(is_module_name("klp_fix_1"));
        for wrong in ["", "..", "a/b", "a b", &"x".repeat(56)] {
            assert!(!is_module_name(wrong), "{wrong}");
        }
    }

    #[test]
    fn repeated_entries_count_once() {
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
    fn modules_without_a_patch_are_refused() {
        let dir = tempfile::tempdir().expect("a folder");
        let path = dir.path().join("text.ko");
        std::fs::write(&path, "no module").expect("a file");
        let failure = PatchFile::open(&path).expect_err("no module");
        assert_eq!(failure.status, Status::Refused);
        let failure = PatchFile::open(&dir.path().join("missing.ko")).expect_err("nothing");
        assert_eq!(failure.status, Status::Failed);
    }
}
