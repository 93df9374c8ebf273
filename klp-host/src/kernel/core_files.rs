// SPDX-License-Identifier: GPL-2.0-only

//! Reads the files of klp-core for a kernel tree's `kernel/livepatch/`.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use walkdir::WalkDir;

use crate::cache::Key;

/// The folder for the Rust part.
pub const RUST_FOLDER: &str = "klp_core";

/// The folder for architecture-specific C code.
pub const ARCH_FOLDER: &str = "arch";

/// Files and folders for host tests only.
const TEST_ONLY: [&str; 2] = ["tests", "simulated"];

/// The core's files: contents by path below `kernel/livepatch/`. They are read once, so that
/// the hashed files are the installed ones.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct CoreFiles(BTreeMap<PathBuf, Vec<u8>>);

impl CoreFiles {
    /// Reads the files of this klp-core folder.
    pub fn read(crate_dir: &Path) -> Result<Self> {
        let mut files = BTreeMap::new();
        let kernel = crate_dir.join("kernel");
        for (path, content) in read_folder(&kernel, is_kernel_file)? {
            files.insert(path, content);
        }
        for (path, content) in read_folder(&crate_dir.join("src"), is_core_source)? {
            files.insert(Path::new(RUST_FOLDER).join(path), content);
        }
        for needed in ["Makefile", "Kconfig"] {
            if !files.contains_key(Path::new(needed)) {
                bail!("there is no {needed} of klp-core in {}", kernel.display());
            }
        }
        Ok(Self(files))
    }

    /// Iterates over the files, sorted by path.
    pub fn iter(&self) -> impl Iterator<Item = (&Path, &[u8])> {
        self.0
            .iter()
            .map(|(path, content)| (path.as_path(), content.as_slice()))
    }

    /// Adds the files to the key of a kernel.
    pub fn key(&self, key: Key) -> Key {
        self.iter().fold(key, |key, (path, content)| {
            key.with("core file", path.as_os_str().as_encoded_bytes())
                .with("content", content)
        })
    }
}

/// Reads the files of a folder that `chosen` accepts, by their path in it.
fn read_folder(dir: &Path, chosen: fn(&Path) -> bool) -> Result<Vec<(PathBuf, Vec<u8>)>> {
    let mut files = Vec::new();
    for entry in WalkDir::new(dir) {
        let entry = entry.with_context(|| format!("cannot list {}", dir.display()))?;
        let path = entry.path();
        let inner = path.strip_prefix(dir).unwrap_or(path);
        if entry.file_type().is_file() && chosen(inner) {
            let content =
                fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
            files.push((inner.to_owned(), content));
        }
    }
    Ok(files)
}

/// Whether it is one of klp-core's kernel files; backups of editors are not.
fn is_kernel_file(path: &Path) -> bool {
    let name = path.to_string_lossy();
    let is_ours = name.starts_with("klp_") && !name.contains('/')
        || path.parent() == Some(ARCH_FOLDER.as_ref());
    let extension = path.extension().map(|text| text.to_string_lossy());
    let is_source = extension.is_none_or(|text| ["c", "h"].contains(&&*text));
    name == "Makefile" || name == "Kconfig" || (is_ours && is_source && !name.ends_with('~'))
}

fn is_core_source(path: &Path) -> bool {
    let is_test = path
        .with_extension("")
        .iter()
        .any(|part| TEST_ONLY.iter().any(|name| part == *name));
    let is_hidden = path
        .file_name()
        .is_some_and(|name| name.as_encoded_bytes().starts_with(b"."));
    !is_test && !is_hidden && path.extension().is_some_and(|text| text == "rs")
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A small klp-core.
    pub(crate) fn fake_crate(dir: &Path) {
        fs::create_dir_all(dir.join("kernel/arch")).unwrap();
        fs::create_dir_all(dir.join("src/platform")).unwrap();
        for (path, content) in [
            ("kernel/Makefile", "ours := 1\n"),
            ("kernel/Kconfig", "config OURS\n"),
            ("kernel/klp_glue.c", "int glue;\n"),
            ("kernel/klp_glue.h", "extern int glue;\n"),
            ("kernel/klp_glue.c~", "old\n"),
            ("kernel/.klp_glue.c.swp", "old\n"),
            ("kernel/klp_parameters", "--x\n"),
            ("kernel/arch/arm64.c", "int arch;\n"),
            ("kernel/arch/arm64.c~", "old\n"),
            ("src/lib.rs", "mod platform;\n"),
            ("src/tests.rs", "#[test]\n"),
            ("src/platform/mod.rs", "mod kernel;\n"),
            ("src/platform/simulated.rs", "use std;\n"),
        ] {
            fs::write(dir.join(path), content).unwrap();
        }
    }

    fn key(files: &CoreFiles) -> String {
        files.key(Key::new()).short()
    }

    #[test]
    fn test_files_are_not_installed() {
        let dir = tempfile::tempdir().unwrap();
        fake_crate(dir.path());
        let files = CoreFiles::read(dir.path()).unwrap();
        let paths: Vec<_> = files
            .iter()
            .map(|(path, _)| path.to_str().unwrap())
            .collect();
        assert_eq!(
            paths,
            [
                "Kconfig",
                "Makefile",
                "arch/arm64.c",
                "klp_core/lib.rs",
                "klp_core/platform/mod.rs",
                "klp_glue.c",
                "klp_glue.h",
                "klp_parameters",
            ]
        );
    }

    #[test]
    fn the_key_depends_on_the_installed_files() {
        let dir = tempfile::tempdir().unwrap();
        fake_crate(dir.path());
        let before = CoreFiles::read(dir.path()).unwrap();
        fs::write(dir.path().join("src/tests.rs"), "// other tests\n").unwrap();
        assert_eq!(
            key(&CoreFiles::read(dir.path()).unwrap()),
            key(&before),
            "tests are not installed"
        );
        fs::write(dir.path().join("src/lib.rs"), "mod other;\n").unwrap();
        let changed = CoreFiles::read(dir.path()).unwrap();
        assert_ne!(key(&changed), key(&before));
        fs::rename(
            dir.path().join("kernel/klp_parameters"),
            dir.path().join("kernel/klp_params"),
        )
        .unwrap();
        assert_ne!(
            key(&CoreFiles::read(dir.path()).unwrap()),
            key(&changed),
            "names count too"
        );
    }

    #[test]
    fn a_folder_that_is_no_klp_core_is_named() {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir_all(dir.path().join("kernel")).unwrap();
        fs::create_dir_all(dir.path().join("src")).unwrap();
        let err = CoreFiles::read(dir.path()).unwrap_err().to_string();
        assert!(err.contains("no Makefile of klp-core"), "{err}");
    }

    #[test]
    fn this_checkout_has_a_core() {
        let files =
            CoreFiles::read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../klp-core")).unwrap();
        let has = |wanted: &str| files.iter().any(|(path, _)| path == Path::new(wanted));
        assert!(has("klp_core/lib.rs") && has("klp_glue.h"));
        assert!(!has("klp_core/platform/simulated.rs"));
    }
}
