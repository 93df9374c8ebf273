// SPDX-License-Identifier: GPL-2.0-only

//! Records that last until the next boot, in `/run/klpctl`: the file and modinfo of each patch that klpctl loaded,
//! and the last step, which `rollback` undoes. The kernel keeps none of this.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Result;
use serde::{Deserialize, Serialize};

use crate::durable;
use crate::patch_file::{Info, PatchFile};

/// The last `load` or `replace`.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub struct Step {
    /// The loaded patch.
    pub loaded: String,
    /// The patches that it replaced, from the bottom of the stack.
    pub replaced: Vec<String>,
}

/// The folder of the records.
#[derive(Clone, Debug)]
pub struct Records {
    dir: PathBuf,
}

impl Records {
    pub fn at(dir: &Path) -> Self {
        Self {
            dir: dir.to_owned(),
        }
    }

    /// The folder, which also contains the lock.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    fn info_path(&self, name: &str) -> PathBuf {
        self.dir.join("patches").join(format!("{name}.json"))
    }

    /// The path of the copy of a loaded patch.
    pub fn module_path(&self, name: &str) -> PathBuf {
        self.dir.join("patches").join(format!("{name}.ko"))
    }

    /// The modinfo of a patch that klpctl loaded.
    ///
    /// # Errors
    ///
    /// The record cannot be read.
    pub fn info(&self, name: &str) -> Result<Option<Info>> {
        durable::read_json(&self.info_path(name))
    }

    /// The names of recorded patches, sorted.
    pub fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(self.dir.join("patches"))
            .into_iter()
            .flatten()
            .flatten();
        let name = |path: PathBuf| {
            Some(
                path.file_name()?
                    .to_str()?
                    .strip_suffix(".json")?
                    .to_owned(),
            )
        };
        let mut names: Vec<_> = entries.filter_map(|entry| name(entry.path())).collect();
        names.sort();
        names
    }

    /// The last step.
    ///
    /// # Errors
    ///
    /// The record cannot be read.
    pub fn step(&self) -> Result<Option<Step>> {
        durable::read_json(&self.dir.join("step.json"))
    }

    /// Records a patch that is about to be loaded.
    ///
    /// # Errors
    ///
    /// The record cannot be written.
    pub fn keep(&self, file: &PatchFile) -> Result<()> {
        let name = &file.info.name;
        durable::write(&self.module_path(name), &file.module)?;
        durable::write_json(&self.info_path(name), &file.info)
    }

    /// Records the last step, and removes the records of patches that are neither part of it nor in `loaded`.
    ///
    /// # Errors
    ///
    /// The records cannot be written or removed.
    pub fn set_step(&self, step: Option<&Step>, loaded: &[String]) -> Result<()> {
        let path = self.dir.join("step.json");
        match step {
            Some(step) => durable::write_json(&path, step)?,
            None => durable::remove(&path).map(drop)?,
        }
        let needed = |name: &str| {
            let in_step =
                |step: &Step| step.loaded == name || step.replaced.iter().any(|it| it == name);
            loaded.iter().any(|it| it == name) || step.is_some_and(in_step)
        };
        for entry in fs::read_dir(self.dir.join("patches"))
            .into_iter()
            .flatten()
            .flatten()
        {
            let path = entry.path();
            let name = path
                .file_stem()
                .and_then(|name| name.to_str())
                .unwrap_or_default();
            if !needed(name) {
                durable::remove(&path)?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(name: &str) -> PatchFile {
        PatchFile {
            info: Info {
                name: name.to_owned(),
                ..Info::default()
            },
            module: name.as_bytes().to_vec(),
        }
    }

    #[test]
    fn needed_records_are_kept() {
        let dir = tempfile::tempdir().expect("a folder");
        let records = Records::at(&dir.path().join("klpctl"));
        assert_eq!(records.step().expect("readable"), None);
        for name in ["a", "b", "c"] {
            records.keep(&file(name)).expect("written");
        }
        let step = Step {
            loaded: "b".to_owned(),
            replaced: vec!["a".to_owned()],
        };
        records
            .set_step(Some(&step), &["b".to_owned()])
            .expect("written");
        assert_eq!(records.step().expect("readable"), Some(step));
        assert_eq!(fs::read(records.module_path("a")).expect("kept"), b"a");
        assert_eq!(records.info("c").expect("readable"), None);
        assert_eq!(records.names(), ["a", "b"]);
        records.set_step(None, &["b".to_owned()]).expect("written");
        assert_eq!(records.info("a").expect("readable"), None);
        assert_eq!(
            records.info("b").expect("readable").expect("kept").name,
            "b"
        );
    }

    #[test]
    fn a_damaged_record_is_reported_with_its_path() {
        let dir = tempfile::tempdir().expect("a folder");
        fs::write(dir.path().join("step.json"), "{").expect("a file");
        let error = Records::at(dir.path()).step().expect_err("damaged");
        assert!(format!("{error:#}").contains("step.json is damaged"));
    }
}
