// SPDX-License-Identifier: GPL-2.0-only

//! The record of klp-core's files in a kernel tree, with digests, and the tree's files that they replace.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail, ensure};
use sha2::{Digest as _, Sha256};

use crate::kernel::core_files::CoreFiles;

/// The file with the record, in the format of `sha256sum -c`.
pub(super) const RECORD: &str = "klp_installed";

/// The two files of the tree that are replaced, with their digests in all supported series. Other
/// versions are refused, because their changes would be lost.
pub(super) const REPLACED: Replaced<'static> = [
    (
        "Kconfig",
        "56af47f18c84edb1ba472db90bea801804e33fcd7aa3dc0ef3f27cb6eff944cc",
    ),
    (
        "Makefile",
        "31dadc90d58a8de8cc31c4cf7f32992dab468a5a6721a09e3dff1437cb4d8941",
    ),
];

/// Replaced files, with the required digests.
pub(super) type Replaced<'a> = [(&'static str, &'a str); 2];

/// Returns the name of the backup of a replaced file.
pub(super) fn backup_name(name: &str) -> String {
    format!("{name}.klp-orig")
}

/// Whether this is the backup of a replaced file.
pub(super) fn is_backup(path: &Path) -> bool {
    REPLACED
        .iter()
        .any(|(name, _)| path == Path::new(&backup_name(name)))
}

/// The record of a folder: digests by path.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(super) struct Record(pub(super) BTreeMap<PathBuf, String>);

impl Record {
    /// Reads the record of a folder, if there is one. Fails if installed files were changed, because the
    /// changes would be lost.
    pub(super) fn of_intact(folder: &Path) -> Result<Option<Self>> {
        let path = folder.join(RECORD);
        let text = match fs::read_to_string(&path) {
            Err(err) if err.kind() == io::ErrorKind::NotFound => return Ok(None),
            text => text.with_context(|| format!("cannot read {}", path.display()))?,
        };
        let record =
            Self::parse(&text).with_context(|| format!("{} is damaged", path.display()))?;
        record.check(folder)?;
        Ok(Some(record))
    }

    fn parse(text: &str) -> Result<Self> {
        let mut record = BTreeMap::new();
        for line in text.lines() {
            let (digest, path) = line.split_once("  ").context("a line without a path")?;
            let path = Path::new(path);
            let is_inner = path
                .components()
                .all(|part| matches!(part, std::path::Component::Normal(_)));
            ensure!(is_inner, "{} is outside of the folder", path.display());
            record.insert(path.to_owned(), digest.to_owned());
        }
        for (name, _) in REPLACED {
            for name in [name.to_owned(), backup_name(name)] {
                ensure!(
                    record.contains_key(Path::new(&name)),
                    "it does not list {name}"
                );
            }
        }
        Ok(Self(record))
    }

    pub(super) fn text(&self) -> String {
        self.0
            .iter()
            .map(|(path, digest)| format!("{digest}  {}\n", path.display()))
            .collect()
    }

    /// Checks that files are unchanged. They may be missing, except for backups.
    fn check(&self, folder: &Path) -> Result<()> {
        let mut changed = Vec::new();
        for (path, digest) in &self.0 {
            match digest_of(&folder.join(path))? {
                Some(found) if found != *digest => changed.push(path.display().to_string()),
                None if is_backup(path) => {
                    bail!(
                        "{} is missing: it is the backup of the kernel's own file, restore it from the \
                         kernel's source",
                        folder.join(path).display()
                    )
                }
                _ => {}
            }
        }
        ensure!(
            changed.is_empty(),
            "these files of klp-core in {} were changed, and the changes would be lost: {}. Save a \
             copy, delete these files, and run this again",
            folder.display(),
            changed.join(", ")
        );
        Ok(())
    }

    /// Whether exactly these files are installed.
    pub(super) fn is_current(&self, folder: &Path, files: &CoreFiles) -> bool {
        let ours = self.0.len() - REPLACED.len();
        ours == files.iter().count()
            && files.iter().all(|(path, content)| {
                self.0
                    .get(path)
                    .is_some_and(|old| *old == digest(content) && folder.join(path).is_file())
            })
    }
}

pub(super) fn digest(content: &[u8]) -> String {
    Sha256::digest(content)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

pub(super) fn digest_of(path: &Path) -> Result<Option<String>> {
    match fs::read(path) {
        Ok(content) => Ok(Some(digest(&content))),
        Err(err) if err.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(err) => Err(err).with_context(|| format!("cannot read {}", path.display())),
    }
}
