// SPDX-License-Identifier: GPL-2.0-only

//! Trials: an installed patch is on trial from before it is loaded until the machine counts as healthy. A patch that was
//! on trial when the machine went down is held out at the next boot.
//!
//! There are two kinds of marks in `/var/lib/klpctl`. Both are files of which only the names count, so damaged
//! contents do not matter:
//!
//! - `trial/BOOT:RELEASE/NAME`: a patch on trial, since that boot of that kernel. It is on the disk before the
//!   patch is loaded. An orderly shutdown removes it.
//! - `RELEASE/held/NAME`: a patch that is held out until the user decides otherwise. It contains the reason as text.
//!
//! The trial of an earlier boot is first converted to marks of the second kind, and then removed atomically. After a
//! power cut in between, this is repeated with the same result.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Result;
use klp_elf::livepatch::is_module_name;

use crate::durable;
use crate::kernel::Kernel;
use crate::store::{Store, entries, is_release};

/// The folder with the trials of all boots, in the folder of the store.
pub const TRIALS: &str = "trial";

/// The folder with the marks of held-out patches, in the folder of a release.
pub const HELD: &str = "held";

/// The name of an ended trial until it is removed.
const ENDED: &str = ".partial-trial";

/// The trial of a boot.
#[derive(Clone, Debug, Eq, PartialEq)]
struct Trial {
    /// The folder of its marks.
    path: PathBuf,
    /// The boot in which the patches were loaded.
    boot_id: String,
    /// The kernel release of that boot.
    release: String,
    /// The names of the patches.
    patches: Vec<String>,
}

impl Trial {
    /// Reads a folder `BOOT:RELEASE`, with a file for each patch.
    ///
    /// # Errors
    ///
    /// The folder cannot be read.
    fn at(path: PathBuf) -> Result<Option<Self>> {
        let name = path.file_name().and_then(|name| name.to_str());
        let Some((boot_id, release)) = name.and_then(|name| name.split_once(':')) else {
            return Ok(None);
        };
        if !is_release(release) || !path.is_dir() {
            return Ok(None);
        }
        Ok(Some(Self {
            boot_id: boot_id.to_owned(),
            release: release.to_owned(),
            patches: names(&path)?,
            path,
        }))
    }

    fn is_of(&self, boot_id: &str) -> bool {
        self.boot_id == boot_id
    }
}

/// The held-out patches, with the reasons.
pub type Held = BTreeMap<String, String>;

/// The marks in a store. The boot ID is read only if a patch is on trial: there may be no procfs while an image is
/// built.
#[derive(Debug)]
pub struct Trials<'a> {
    store: &'a Store,
    kernel: &'a Kernel,
}

impl<'a> Trials<'a> {
    pub fn new(store: &'a Store, kernel: &'a Kernel) -> Self {
        Self { store, kernel }
    }

    fn dir(&self) -> PathBuf {
        self.store.dir().join(TRIALS)
    }

    fn held_dir(&self, release: &str) -> PathBuf {
        self.store.release_dir(release).join(HELD)
    }

    /// The path of the mark of a patch on trial in this boot.
    fn mark(&self, name: &str) -> Result<PathBuf> {
        let (boot_id, release) = (self.kernel.boot_id()?, self.kernel.release()?);
        Ok(self.dir().join(format!("{boot_id}:{release}")).join(name))
    }

    fn of_this_boot(&self) -> Result<Vec<Trial>> {
        self.read(|trial, this| trial.is_of(this))
    }

    fn of_other_boots(&self) -> Result<Vec<Trial>> {
        self.read(|trial, this| !trial.is_of(this))
    }

    /// The trials for which `matches` returns true, given the boot ID. Other entries of the folder are ignored.
    fn read(&self, matches: impl Fn(&Trial, &str) -> bool) -> Result<Vec<Trial>> {
        let mut found = Vec::new();
        for path in entries(&self.dir())? {
            found.extend(Trial::at(path)?);
        }
        if found.is_empty() {
            return Ok(found);
        }
        let this = self.kernel.boot_id()?;
        found.retain(|it| matches(it, &this));
        Ok(found)
    }

    /// Holds out the patches that were on trial when the machine went down. Returns their names.
    ///
    /// # Errors
    ///
    /// The marks cannot be read or written.
    pub fn settle(&self) -> Result<Vec<String>> {
        let mut settled = Vec::new();
        self.remove_ended()?;
        for trial in self.of_other_boots()? {
            for (name, why) in self.held(&trial.release)? {
                let path = self.held_dir(&trial.release).join(name);
                if !path.exists() {
                    durable::write(&path, why.as_bytes())?;
                }
            }
            self.remove(&trial)?;
            settled.extend(trial.patches);
        }
        Ok(settled)
    }

    /// Removes a trial atomically.
    fn remove(&self, trial: &Trial) -> Result<()> {
        self.remove_ended()?;
        durable::rename(&trial.path, &self.store.dir().join(ENDED))?;
        self.remove_ended()?;
        // Fails if the folder is not empty, which is fine.
        let _ = fs::remove_dir(self.dir());
        Ok(())
    }

    /// Removes what a power cut left of an ended trial.
    fn remove_ended(&self) -> Result<()> {
        durable::remove_partial(self.store.dir())
    }

    /// Puts a patch on trial before it is loaded.
    ///
    /// # Errors
    ///
    /// The mark cannot be written; the patch must not be loaded then.
    pub fn begin(&self, name: &str) -> Result<()> {
        self.settle()?;
        durable::write(&self.mark(name)?, b"")
    }

    /// Takes a patch off trial that was not loaded, or was unloaded.
    ///
    /// # Errors
    ///
    /// The mark cannot be removed.
    pub fn withdraw(&self, name: &str) -> Result<()> {
        for mut trial in self.of_this_boot()? {
            trial.patches.retain(|it| it != name);
            match trial.patches.is_empty() {
                true => self.remove(&trial)?,
                false => durable::remove(&trial.path.join(name)).map(drop)?,
            }
        }
        Ok(())
    }

    /// Ends the trials of this boot: the machine is healthy, or shuts down. Returns the patches that were on trial.
    ///
    /// # Errors
    ///
    /// The marks cannot be removed.
    pub fn end(&self) -> Result<Vec<String>> {
        let mut ended = Vec::new();
        for trial in self.of_this_boot()? {
            self.remove(&trial)?;
            ended.extend(trial.patches);
        }
        Ok(ended)
    }

    /// The patches that are on trial in this boot.
    ///
    /// # Errors
    ///
    /// The marks cannot be read.
    pub fn on_trial(&self) -> Result<Vec<String>> {
        let trials = self.of_this_boot()?.into_iter();
        Ok(trials.flat_map(|it| it.patches).collect())
    }

    /// The held-out patches of a release, including those that were on trial when the machine went down and are
    /// not [settled](Self::settle) yet.
    ///
    /// # Errors
    ///
    /// The marks cannot be read.
    pub fn held(&self, release: &str) -> Result<Held> {
        let dir = self.held_dir(release);
        let mut held = Held::new();
        for trial in self.of_other_boots()? {
            for name in trial.patches.iter().filter(|_| trial.release == release) {
                held.insert(name.clone(), why(trial.patches.len() - 1));
            }
        }
        for name in names(&dir)? {
            let why = read_why(&dir.join(&name));
            held.insert(name, why);
        }
        Ok(held)
    }

    /// Allows a held-out patch to be loaded again. Returns whether it was held out.
    ///
    /// # Errors
    ///
    /// The mark cannot be removed.
    pub fn release(&self, release: &str, name: &str) -> Result<bool> {
        self.settle()?;
        let dir = self.held_dir(release);
        let was_held = durable::remove(&dir.join(name))?;
        if was_held {
            // These fail if the folders are not empty, which is fine.
            let _ = fs::remove_dir(&dir);
            let _ = fs::remove_dir(self.store.release_dir(release));
        }
        Ok(was_held)
    }
}

/// The names of the patches in a folder of marks, sorted. Other entries are ignored.
fn names(dir: &Path) -> Result<Vec<String>> {
    let paths = entries(dir)?.into_iter();
    let names = paths.filter_map(|path| path.file_name()?.to_str().map(str::to_owned));
    let mut names: Vec<_> = names.filter(|name| is_module_name(name)).collect();
    names.sort();
    Ok(names)
}

/// The reason in a mark. The mark holds the patch out whatever its content.
fn read_why(path: &Path) -> String {
    let bytes = fs::read(path).unwrap_or_default();
    let text = String::from_utf8_lossy(&bytes);
    let is_text = |c: char| !c.is_control() && c != char::REPLACEMENT_CHARACTER;
    match text.trim() {
        text if !text.is_empty() && text.chars().all(is_text) => text.to_owned(),
        _ => "the machine went down after it was loaded".to_owned(),
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

        /// The marks in the boot with this ID.
        fn boot(&self, id: &str) -> Trials<'_> {
            let proc = self.dir.path().join("proc/sys/kernel");
            fs::create_dir_all(proc.join("random")).expect("a folder");
            fs::write(proc.join("osrelease"), "6.12.1\n").expect("a file");
            fs::write(proc.join("random/boot_id"), format!("{id}\n")).expect("a file");
            Trials::new(&self.store, &self.kernel)
        }
    }

    /// Damages the contents of all files, but not their names.
    fn damage(dir: &Path) {
        for entry in fs::read_dir(dir).expect("a folder").flatten() {
            match entry.path() {
                path if path.is_dir() => damage(&path),
                path => fs::write(path, b"\0\0{\xff").expect("a file"),
            }
        }
    }

    #[test]
    fn damaged_contents_do_not_change_what_is_held_out() {
        let machine = Machine::new();
        machine.boot("1").begin("a").expect("written");
        damage(machine.store.dir());
        let second = machine.boot("2");
        let held = second.held("6.12.1").expect("readable");
        assert_eq!(held.keys().collect::<Vec<_>>(), ["a"]);
        assert_eq!(second.settle().expect("written"), ["a"]);
        damage(machine.store.dir());
        let third = machine.boot("3");
        let held = third.held("6.12.1").expect("readable");
        assert!(held["a"].starts_with("the machine went down"), "{held:?}");
        assert!(third.release("6.12.1", "a").expect("written"));
    }

    #[test]
    fn patches_on_trial_are_held_out() {
        let machine = Machine::new();
        let first = machine.boot("1");
        assert_eq!(first.settle().expect("nothing"), Vec::<String>::new());
        first.begin("a").expect("written");
        first.begin("b").expect("written");
        first.begin("a").expect("written");
        assert_eq!(first.on_trial().expect("readable"), ["a", "b"]);
        assert_eq!(first.settle().expect("this boot's"), Vec::<String>::new());

        let second = machine.boot("2");
        assert_eq!(second.on_trial().expect("readable"), Vec::<String>::new());
        assert_eq!(second.held("6.12.1").expect("readable").len(), 2);
        assert_eq!(second.settle().expect("written"), ["a", "b"]);
        assert!(second.held("6.12.1").expect("readable")["a"].contains("another patch"));
        assert!(second.held("6.12.2").expect("readable").is_empty());

        // It stays out, in all boots, until the user decides otherwise.
        let third = machine.boot("3");
        assert_eq!(third.settle().expect("nothing new"), Vec::<String>::new());
        assert!(third.release("6.12.1", "a").expect("written"));
        assert!(!third.release("6.12.1", "a").expect("nothing to do"));
        assert_eq!(third.held("6.12.1").expect("readable").len(), 1);
        assert!(third.release("6.12.1", "b").expect("written"));
        assert!(third.held("6.12.1").expect("readable").is_empty());
    }

    #[test]
    fn the_boot_id_is_needed_only_for_trials() {
        let machine = Machine::new();
        let image = Trials::new(&machine.store, &machine.kernel);
        assert!(!image.release("6.12.1", "a").expect("nothing to do"));
        image.begin("a").expect_err("there is no boot ID");
    }

    #[test]
    fn patches_of_a_healthy_machine_are_not_held_out() {
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
    fn withdrawn_patches_are_not_held_out() {
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
    fn ending_trials_keeps_those_of_other_boots() {
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
