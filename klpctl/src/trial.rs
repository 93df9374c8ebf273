// SPDX-License-Identifier: GPL-2.0-only

//! Never the same crash twice: an installed patch is on trial from the moment before it is loaded until the machine
//! is called healthy. A patch that was on trial when the machine went down is held out at the next boot.
//!
//! Two kinds of files in `/var/lib/klpctl`:
//!
//! - `trial.json`: the patches on trial, and the boot in which they are. It is on the disk before the first of them
//!   is loaded. An orderly shutdown removes it.
//! - `RELEASE/held.json`: the patches of a release that are held out, until somebody says otherwise.
//!
//! A trial that is found in another boot becomes `held.json` first, and then it is removed: a power cut in between
//! makes that happen twice, which is the same as once.

use std::collections::BTreeMap;
use std::path::PathBuf;

use anyhow::Result;
use serde::{Deserialize, Serialize};

use crate::durable;
use crate::kernel::Kernel;
use crate::store::{Store, is_release};

/// The patches on trial.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
struct Trial {
    /// The boot in which they were loaded.
    boot_id: String,
    /// The kernel that runs in it.
    release: String,
    /// Their names, in the order in which they were loaded.
    patches: Vec<String>,
}

/// The patches that are held out, with the reason.
pub type Held = BTreeMap<String, String>;

/// The marks in a store, as the running kernel sees them. Which boot this is matters only where something is on
/// trial: in an image that is being made there may be no procfs to tell.
#[derive(Debug)]
pub struct Trials<'a> {
    store: &'a Store,
    kernel: &'a Kernel,
}

impl<'a> Trials<'a> {
    pub fn new(store: &'a Store, kernel: &'a Kernel) -> Self {
        Self { store, kernel }
    }

    fn trial_path(&self) -> PathBuf {
        self.store.dir().join("trial.json")
    }

    fn held_path(&self, release: &str) -> PathBuf {
        self.store.release_dir(release).join("held.json")
    }

    fn of_this_boot(&self) -> Result<Option<Trial>> {
        self.read(|trial, this| trial == this)
    }

    fn of_another_boot(&self) -> Result<Option<Trial>> {
        self.read(|trial, this| trial != this)
    }

    /// The trial, if its boot and this one are so.
    fn read(&self, is_wanted: impl Fn(&str, &str) -> bool) -> Result<Option<Trial>> {
        let Some(trial) = durable::read_json::<Trial>(&self.trial_path())? else {
            return Ok(None);
        };
        let this = self.kernel.boot_id()?;
        Ok(Some(trial).filter(|it| is_wanted(&it.boot_id, &this)))
    }

    /// Holds out what was on trial when the machine went down. Says what that is.
    ///
    /// # Errors
    ///
    /// When it cannot be read or written.
    pub fn settle(&self) -> Result<Vec<String>> {
        let Some(trial) = self.of_another_boot()? else {
            return Ok(Vec::new());
        };
        // It becomes part of a path.
        if is_release(&trial.release) {
            let held = self.held(&trial.release)?;
            durable::write_json(&self.held_path(&trial.release), &held)?;
        }
        durable::remove(&self.trial_path())?;
        Ok(trial.patches)
    }

    /// Puts a patch on trial: it is about to be loaded.
    ///
    /// # Errors
    ///
    /// When it cannot be written; the patch must not be loaded then.
    pub fn begin(&self, name: &str) -> Result<()> {
        self.settle()?;
        let mut trial = match self.of_this_boot()? {
            Some(trial) => trial,
            None => Trial {
                boot_id: self.kernel.boot_id()?,
                release: self.kernel.release()?,
                patches: Vec::new(),
            },
        };
        trial.patches.retain(|it| it != name);
        trial.patches.push(name.to_owned());
        durable::write_json(&self.trial_path(), &trial)
    }

    /// Takes a patch off trial: it was not loaded, or was unloaded again.
    ///
    /// # Errors
    ///
    /// When it cannot be written.
    pub fn withdraw(&self, name: &str) -> Result<()> {
        let Some(mut trial) = self.of_this_boot()? else {
            return Ok(());
        };
        trial.patches.retain(|it| it != name);
        match trial.patches.is_empty() {
            true => durable::remove(&self.trial_path()).map(drop),
            false => durable::write_json(&self.trial_path(), &trial),
        }
    }

    /// Ends all trials of this boot: the machine is healthy, or goes down in order. Says which patches were on trial.
    ///
    /// # Errors
    ///
    /// When the mark cannot be removed.
    pub fn end(&self) -> Result<Vec<String>> {
        let patches = self.on_trial()?;
        if !patches.is_empty() {
            durable::remove(&self.trial_path())?;
        }
        Ok(patches)
    }

    /// The patches that are on trial in this boot.
    ///
    /// # Errors
    ///
    /// When the mark cannot be read.
    pub fn on_trial(&self) -> Result<Vec<String>> {
        let trial = self.of_this_boot()?;
        Ok(trial.map(|it| it.patches).unwrap_or_default())
    }

    /// The patches of a release that are held out. It counts, too, what was on trial when the machine went down and
    /// was not [settled](Self::settle) yet.
    ///
    /// # Errors
    ///
    /// When the marks cannot be read.
    pub fn held(&self, release: &str) -> Result<Held> {
        let mut held: Held = durable::read_json(&self.held_path(release))?.unwrap_or_default();
        let trial = self.of_another_boot()?;
        if let Some(trial) = trial.filter(|it| it.release == release) {
            for name in &trial.patches {
                held.insert(name.clone(), why(trial.patches.len() - 1));
            }
        }
        Ok(held)
    }

    /// Lets a patch that was held out be loaded again. Says whether it was.
    ///
    /// # Errors
    ///
    /// When it cannot be written.
    pub fn release(&self, release: &str, name: &str) -> Result<bool> {
        self.settle()?;
        let mut held = self.held(release)?;
        if held.remove(name).is_none() {
            return Ok(false);
        }
        match held.is_empty() {
            true => durable::remove(&self.held_path(release)).map(drop)?,
            false => durable::write_json(&self.held_path(release), &held)?,
        }
        Ok(true)
    }
}

fn why(others: usize) -> String {
    let with = match others {
        0 => String::new(),
        1 => " together with another patch".to_owned(),
        _ => format!(" together with {others} other patches"),
    };
    format!("the machine went down after it was loaded{with}, before it was called healthy")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    struct Machine {
        dir: tempfile::TempDir,
        store: Store,
        kernel: Kernel,
    }

    impl Machine {
        fn new() -> Self {
            let dir = tempfile::tempdir().expect("a folder");
            let store = Store::at(&dir.path().join("var"));
            let kernel = Kernel::at(dir.path());
            Self { dir, store, kernel }
        }

        /// The marks in a boot of this id.
        fn boot(&self, id: &str) -> Trials<'_> {
            let proc = self.dir.path().join("proc/sys/kernel");
            fs::create_dir_all(proc.join("random")).expect("a folder");
            fs::write(proc.join("osrelease"), "6.12.1\n").expect("a file");
            fs::write(proc.join("random/boot_id"), format!("{id}\n")).expect("a file");
            Trials::new(&self.store, &self.kernel)
        }
    }

    #[test]
    fn what_was_on_trial_is_held_out() {
        let machine = Machine::new();
        let first = machine.boot("1");
        assert_eq!(first.settle().expect("nothing"), Vec::<String>::new());
        first.begin("a").expect("written");
        first.begin("b").expect("written");
        first.begin("a").expect("written");
        assert_eq!(first.on_trial().expect("readable"), ["b", "a"]);
        assert_eq!(first.settle().expect("this boot's"), Vec::<String>::new());

        let second = machine.boot("2");
        assert_eq!(second.on_trial().expect("readable"), Vec::<String>::new());
        assert_eq!(second.held("6.12.1").expect("readable").len(), 2);
        assert_eq!(second.settle().expect("written"), ["b", "a"]);
        assert!(second.held("6.12.1").expect("readable")["a"].contains("another patch"));
        assert!(second.held("6.12.2").expect("readable").is_empty());

        // It stays out, in all boots, until somebody says otherwise.
        let third = machine.boot("3");
        assert_eq!(third.settle().expect("nothing new"), Vec::<String>::new());
        assert!(third.release("6.12.1", "a").expect("written"));
        assert!(!third.release("6.12.1", "a").expect("nothing to do"));
        assert_eq!(third.held("6.12.1").expect("readable").len(), 1);
        assert!(third.release("6.12.1", "b").expect("written"));
        assert!(third.held("6.12.1").expect("readable").is_empty());
    }

    #[test]
    fn where_nothing_is_on_trial_no_boot_matters() {
        let machine = Machine::new();
        let image = Trials::new(&machine.store, &machine.kernel);
        assert!(!image.release("6.12.1", "a").expect("nothing to do"));
        image.begin("a").expect_err("procfs does not tell the boot");
    }

    #[test]
    fn a_healthy_machine_holds_nothing_out() {
        let machine = Machine::new();
        let first = machine.boot("1");
        first.begin("a").expect("written");
        assert_eq!(first.end().expect("removed"), ["a"]);
        assert_eq!(
            machine.boot("2").settle().expect("nothing"),
            Vec::<String>::new()
        );
    }

    #[test]
    fn what_was_withdrawn_is_not_blamed() {
        let machine = Machine::new();
        let first = machine.boot("1");
        for name in ["a", "b"] {
            first.begin(name).expect("written");
        }
        first.withdraw("a").expect("written");
        assert_eq!(machine.boot("2").settle().expect("written"), ["b"]);
        let second = machine.boot("2");
        second.begin("c").expect("written");
        second.withdraw("c").expect("removed");
        assert_eq!(
            machine.boot("3").settle().expect("nothing"),
            Vec::<String>::new()
        );
    }

    #[test]
    fn healthy_does_not_excuse_the_boot_before() {
        let machine = Machine::new();
        machine.boot("1").begin("a").expect("written");
        let second = machine.boot("2");
        assert_eq!(
            second.end().expect("none of this boot"),
            Vec::<String>::new()
        );
        assert_eq!(second.held("6.12.1").expect("readable").len(), 1);
        // A new trial settles the old one first.
        second.begin("b").expect("written");
        assert_eq!(second.on_trial().expect("readable"), ["b"]);
        assert_eq!(second.held("6.12.1").expect("readable").len(), 1);
    }
}
