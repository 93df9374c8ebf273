// SPDX-License-Identifier: GPL-2.0-only

//! Appends a cumulative patch's version to its module name, so that a newer version can be loaded beside it and replace
//! it atomically. With the same name, the older one would have to be unloaded first.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail, ensure};
use klp_elf::livepatch::{Error, SERIES, rename};
use klp_elf::{Module, sign};
use klp_host::replace;

/// Writes a renamed copy of a module beside it, and removes copies of other versions and revisions. Returns the path of
/// the copy; `None` for a module that is not cumulative, or has no version.
///
/// # Errors
///
/// The module is damaged, the name is invalid or that of another patch, or the copy cannot be written.
pub fn append_to_name(module: &Path, revision: u32) -> Result<Option<PathBuf>> {
    let cannot = || {
        format!(
            "cannot append the version to the name of {}",
            module.display()
        )
    };
    let data = fs::read(module).with_context(cannot)?;
    // A previous build may have signed it.
    let data = sign::split(&data).with_context(cannot)?.module;
    let modinfo = Module::parse(data)?.modinfo()?;
    let value = |key| modinfo.value(key).map(ToString::to_string);
    let (Some(name), Some(version)) = (value("name"), value("version")) else {
        return Ok(None);
    };
    if !modinfo.is_livepatch() || !modinfo.is_cumulative() {
        return Ok(None);
    }
    let series = name;
    let name = format!(
        "{series}_{}",
        suffix(&version, revision).with_context(cannot)?
    );
    let renamed = match rename(data, &name) {
        Err(error @ Error::ModuleName { .. }) => {
            Err(error).context("rename the patch's source, or shorten `version`")
        }
        renamed => renamed.map_err(Into::into),
    };
    let renamed = renamed.with_context(cannot)?;
    let path = module.with_file_name(format!("{name}.ko"));
    ensure!(
        !path.exists() || is_version(&path, &series),
        "{} is another patch, but {series} {version} would get the same name: rename one of them, or give this one \
         another `version`; if the file is from an earlier build, remove it",
        path.display()
    );
    replace::contents(&path, &renamed)?;
    remove_others(&path, &series)?;
    Ok(Some(path))
}

/// Removes the copies of other versions beside the one at `path`.
fn remove_others(path: &Path, series: &str) -> Result<()> {
    let dir = path.parent().unwrap_or(Path::new("."));
    let cannot = || format!("cannot list {}", dir.display());
    for entry in fs::read_dir(dir).with_context(cannot)? {
        let other = entry.with_context(cannot)?.path();
        let is_module = other.extension().is_some_and(|it| it == "ko");
        if is_module && other != path && is_version(&other, series) {
            fs::remove_file(&other)
                .with_context(|| format!("cannot remove {}", other.display()))?;
        }
    }
    Ok(())
}

/// Whether the file is a renamed copy of a version of `series`.
fn is_version(path: &Path, series: &str) -> bool {
    let data = fs::read(path).unwrap_or_default();
    let modinfo = Module::parse(&data).and_then(|module| module.modinfo());
    let found = modinfo.as_ref().ok().and_then(|it| it.value(SERIES));
    found.is_some_and(|it| *it == *series)
}

/// Encodes a version and revision in characters that are valid in module names. The encoding is unique: `.` becomes `_`,
/// and other characters except letters and digits become `__` and a letter. So a version must not have empty parts.
fn suffix(version: &str, revision: u32) -> Result<String> {
    let mut suffix = String::new();
    for c in version.chars() {
        match c {
            '.' => suffix.push('_'),
            '~' => suffix.push_str("__t"),
            '+' => suffix.push_str("__p"),
            c if c.is_ascii_alphanumeric() => suffix.push(c),
            _ => bail!(invalid(version)),
        }
    }
    ensure!(!version.split('.').any(str::is_empty), invalid(version));
    if revision > 1 {
        let _ = write!(suffix, "__r{revision}");
    }
    Ok(suffix)
}

fn invalid(version: &str) -> String {
    format!(
        "the version {version:?} cannot be part of a module name: use letters, digits, `+`, `~`, and `.` between \
         others, as in `1.0` or `1.1~rc2`"
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use object::{Architecture, BinaryFormat, Endianness, SectionKind, write};

    fn module_of(name: &str, modinfo: &str) -> Vec<u8> {
        let mut file =
            write::Object::new(BinaryFormat::Elf, Architecture::X86_64, Endianness::Little);
        let mut this = vec![0; 128];
        this[24..24 + name.len()].copy_from_slice(name.as_bytes());
        for (name, data) in [
            (".modinfo", modinfo.as_bytes()),
            (".gnu.linkonce.this_module", &this),
        ] {
            let section = file.add_section(Vec::new(), name.into(), SectionKind::Data);
            file.append_section_data(section, data, 8);
        }
        file.write().unwrap()
    }

    fn renamed(modinfo: &str) -> Option<(String, String)> {
        let dir = tempfile::tempdir().unwrap();
        let module = dir.path().join("fix-foo.ko");
        let data = module_of("fix_foo", modinfo);
        fs::write(&module, &data).unwrap();
        let path = append_to_name(&module, 1).unwrap()?;
        assert_eq!(
            fs::read(&module).unwrap(),
            data,
            "the original is unchanged"
        );
        let copy = fs::read(&path).unwrap();
        let modinfo = Module::parse(&copy).unwrap().modinfo().unwrap();
        let name = modinfo.value("name").unwrap().to_string();
        Some((path.file_name()?.to_string_lossy().into_owned(), name))
    }

    #[test]
    fn versions_and_revisions_have_unique_names() {
        let versions = [
            "1.2", "1~2", "1+2", "12", "1.2~1", "1.2+1", "1.2.1", "1.2~r2", "1.2.r2", "1.t2",
            "1.p2", "1.~2",
        ];
        let mut names = std::collections::BTreeMap::new();
        for version in versions {
            for revision in [1, 2, 12] {
                let name = suffix(version, revision).unwrap();
                let other = names.insert(name.clone(), (version, revision));
                assert_eq!(other, None, "{version} and {revision}: {name}");
            }
        }
        assert_eq!(suffix("1.2", 1).unwrap(), "1_2");
        assert_eq!(suffix("1.2", 2).unwrap(), "1_2__r2");
        for version in ["1_2", "1-2", "1..2", "1.", ".1", "", "1 2", "1.ä"] {
            let error = suffix(version, 1).unwrap_err().to_string();
            assert!(error.contains("`~`"), "{version}: {error}");
        }
    }

    #[test]
    fn other_modules_are_not_overwritten() {
        let dir = tempfile::tempdir().unwrap();
        let mut modules = Vec::new();
        for (name, more) in [
            ("fix", "klp_replace=Y\0version=1.2\0"),
            ("fix_1", "klp_replace=Y\0version=2\0"),
            ("fix_1_2", ""),
        ] {
            let path = dir.path().join(format!("{name}.ko"));
            let modinfo = format!("livepatch=Y\0name={name}\0{more}");
            fs::write(&path, module_of(name, &modinfo)).unwrap();
            modules.push(path);
        }
        for _ in 0..2 {
            let error = format!("{:#}", append_to_name(&modules[0], 1).unwrap_err());
            assert!(error.contains("fix_1_2.ko is another patch"), "{error}");
        }
        fs::remove_file(&modules[2]).unwrap();
        for _ in 0..2 {
            append_to_name(&modules[0], 1).unwrap().unwrap();
        }
        let error = format!("{:#}", append_to_name(&modules[1], 1).unwrap_err());
        assert!(error.contains("fix_1_2.ko is another patch"), "{error}");
    }

    #[test]
    fn only_cumulative_patches_are_renamed() {
        let patch = "livepatch=Y\0name=fix_foo\0";
        assert_eq!(renamed(&format!("{patch}version=1.2\0")), None);
        assert_eq!(renamed(&format!("{patch}klp_replace=Y\0")), None);
        let named = renamed(&format!("{patch}klp_replace=Y\0version=1.2~rc1\0"));
        let name = "fix_foo_1_2__trc1";
        assert_eq!(named, Some((format!("{name}.ko"), name.to_owned())));
    }

    #[test]
    fn copies_of_other_versions_are_removed() {
        let dir = tempfile::tempdir().unwrap();
        let write = |file: &str, name: &str, more: &str| {
            let modinfo = format!("livepatch=Y\0name={name}\0klp_replace=Y\0{more}");
            let path = dir.path().join(file);
            fs::write(&path, module_of(name, &modinfo)).unwrap();
            path
        };
        write("fix_foo_bar.ko", "fix_foo_bar", "version=1\0");
        write(
            "fix_foo_bar_1.ko",
            "fix_foo_bar_1",
            "klp_series=fix_foo_bar\0",
        );
        fs::write(dir.path().join("fix_foo_text.ko"), "no module").unwrap();
        for version in ["1.1", "1.2", "1.2"] {
            let module = write("fix-foo.ko", "fix_foo", &format!("version={version}\0"));
            append_to_name(&module, 1).unwrap().unwrap();
        }
        let names = fs::read_dir(dir.path()).unwrap();
        let mut names: Vec<_> = names.map(|it| it.unwrap().file_name()).collect();
        names.sort();
        let kept = ["fix-foo.ko", "fix_foo_1_2.ko", "fix_foo_bar.ko"];
        assert_eq!(
            names,
            [&kept[..], &["fix_foo_bar_1.ko", "fix_foo_text.ko"]].concat()
        );
    }

    #[test]
    fn too_long_names_are_refused_with_advice() {
        let dir = tempfile::tempdir().unwrap();
        let module = dir.path().join("fix.ko");
        let name = "x".repeat(50);
        let modinfo = format!("livepatch=Y\0name={name}\0klp_replace=Y\0version=1.2.3.4\0");
        fs::write(&module, module_of(&name, &modinfo)).unwrap();
        let error = format!("{:#}", append_to_name(&module, 1).unwrap_err());
        for part in ["1_2_3_4", "shorter than 56", "shorten `version`"] {
            assert!(error.contains(part), "{error}");
        }
    }
}
