// SPDX-License-Identifier: GPL-2.0-only

//! The list of klp-core's files in a kernel tree, with digests, and the files of the tree that they replace.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail, ensure};
use sha2::{Digest as _, Sha256};

use crate::kernel::core_files::CoreFiles;

/// The list of installed files, in the format of `sha256sum -c`.
pub(super) const RECORD: &str = "klp_installed";

/// The two files of the tree that are replaced, with their digests in all supported series. Others would
/// contain rules that would be lost.
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

/// The name under which a replaced file is kept.
pub(super) fn kept_name(name: &str) -> String {
    format!("{name}.klp-orig")
}

/// Whether this is a kept file.
pub(super) fn is_kept(path: &Path) -> bool {
    REPLACED
        .iter()
        .any(|(name, _)| path == Path::new(&kept_name(name)))
}

/// The installed files of a folder: digests by path.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(super) struct Record(pub(super) BTreeMap<PathBuf, String>);

impl Record {
    /// The record in a folder, if there is one. Fails if installed files were changed, because the changes would be
    /// lost.
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
            ensure!(is_inner, "{} leads out of the folder", path.display());
            record.insert(path.to_owned(), digest.to_owned());
        }
        for (name, _) in REPLACED {
            for name in [name.to_owned(), kept_name(name)] {
                ensure!(
                    record.contains_key(Path::new(&name)),
                    "it does not name {name}"
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

    /// Files may be missing, except for kept ones.
    fn check(&self, folder: &Path) -> Result<()> {
        let mut changed = Vec::new();
        for (path, digest) in &self.0 {
            match digest_of(&folder.join(path))? {
                Some(found) if found != *digest => changed.push(path.display().to_string()),
                None if is_kept(path) => {
                    bail!(
                        "{} is missing: it is the tree's own file, take it from the kernel's \
                         sources again",
                        folder.join(path).display()
                    )
                }
                _ => {}
            }
        }
        ensure!(
            changed.is_empty(),
            "somebody changed klp-core's files in {}, and this would lose the changes: {}. Keep a \
             copy, delete these files there, and run this again",
            folder.display(),
            changed.join(", ")
        );
        Ok(())
    }

    /// Whether these files, and no others, are all there.
    pub(super) fn is_whole(&self, folder: &Path, files: &CoreFiles) -> bool {
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
