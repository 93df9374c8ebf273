// SPDX-License-Identifier: GPL-2.0-only

//! Keeps the output of virtual machines in which all tests passed, so that a later run of all tests in this checkout need
//! not boot a machine again whose kernel, files and arguments are the same.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::{Context as _, Result};
use klp_host::cache::Key;
use klp_host::host::files::{ignore_not_found, write_atomic};
use klp_host::host::progress::say;

use crate::checkout;

/// What is done with the outputs of machines. Unset for commands other than `cargo xtask test`.
static MODE: OnceLock<Mode> = OnceLock::new();

/// The number of machines that were not booted.
static REUSED: AtomicUsize = AtomicUsize::new(0);

/// What is done with the outputs of machines.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Mode {
    /// They are kept for later runs.
    Keep,
    /// They are also taken from earlier runs.
    Reuse,
}

/// Sets what is done with outputs, once for the process.
pub fn set_mode(mode: Mode) {
    MODE.get_or_init(|| mode);
}

/// Says at the end of the tests that some machines were not booted.
pub fn say_reused() {
    match REUSED.load(Ordering::Relaxed) {
        0 => {}
        count => say(&format!(
            "machines that were not booted, because all tests passed in them before with the same kernel, files and \
             programs: {count}; `cargo xtask test --again` boots them"
        )),
    }
}

/// The file for the output of a machine.
#[derive(Debug)]
pub struct Record {
    file: PathBuf,
    mode: Mode,
}

impl Record {
    /// The record of a machine with these inputs. `None` if outputs are not kept.
    pub fn of(inputs: impl FnOnce() -> Result<Option<Key>>) -> Result<Option<Self>> {
        let Some(&mode) = MODE.get() else {
            return Ok(None);
        };
        let Some(inputs) = inputs()? else {
            return Ok(None);
        };
        // The program judges the output.
        let key = inputs.with("xtask", program_hash()?);
        let folder = checkout::top().join("target/passed-guests");
        Ok(Some(Self::at(&folder, &key, mode)))
    }

    fn at(folder: &Path, key: &Key, mode: Mode) -> Self {
        let file = folder.join(key.short());
        Self { file, mode }
    }

    /// The output of an earlier machine in which all tests passed, if outputs are reused. Otherwise that output is
    /// removed: the machine has to be booted now, and may fail.
    ///
    /// # Errors
    ///
    /// The output cannot be removed.
    pub fn earlier(&self) -> Result<Option<String>> {
        if self.mode == Mode::Reuse
            && let Ok(text) = fs::read_to_string(&self.file)
        {
            REUSED.fetch_add(1, Ordering::Relaxed);
            return Ok(Some(text));
        }
        ignore_not_found(fs::remove_file(&self.file), &self.file)?;
        Ok(None)
    }

    /// Keeps the output of a machine in which all tests passed.
    pub fn keep(&self, output: &str) -> Result<()> {
        let folder = self.file.parent().context("a record has a folder")?;
        fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
        write_atomic(&self.file, output)
    }
}

/// The hash of this program.
fn program_hash() -> Result<&'static str> {
    static HASH: OnceLock<String> = OnceLock::new();
    if let Some(hash) = HASH.get() {
        return Ok(hash);
    }
    // Also if the file was replaced since.
    let content = fs::read("/proc/self/exe").context("cannot read this program")?;
    Ok(HASH.get_or_init(|| Key::new().with("xtask", content).short()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_kept_outputs_of_the_same_inputs_are_reused() {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join("passed");
        let record = |inputs: &str, mode| Record::at(&folder, &Key::new().with("i", inputs), mode);
        let earlier = |inputs: &str, mode| record(inputs, mode).earlier().unwrap();
        assert_eq!(earlier("a", Mode::Reuse), None);
        record("a", Mode::Keep).keep("ok - x\n").unwrap();
        assert_eq!(earlier("b", Mode::Reuse), None);
        let kept = Some("ok - x\n".to_owned());
        assert_eq!(earlier("a", Mode::Reuse), kept);
        assert_eq!(earlier("a", Mode::Reuse), kept);
    }

    #[test]
    fn a_machine_that_is_booted_again_is_forgotten_until_it_passes() {
        let dir = tempfile::tempdir().unwrap();
        let record = |mode| Record::at(dir.path(), &Key::new(), mode);
        record(Mode::Keep).keep("ok - x\n").unwrap();
        assert_eq!(record(Mode::Keep).earlier().unwrap(), None);
        assert_eq!(record(Mode::Reuse).earlier().unwrap(), None);
    }
}
