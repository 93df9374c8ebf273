// SPDX-License-Identifier: GPL-2.0-only

//! Trials: an installed patch is on trial from before it is loaded until the machine counts as healthy. A patch that was
//! on trial when the machine went down is held out at the next boot.
//!
//! Two kinds of marks are in `/var/lib/klpctl`. They are files, and only their names count, so damaged contents do
//! not matter:
//!
//! - `trial/BOOT:RELEASE/NAME`: a patch on trial, since that boot of that kernel. It is on the disk before the
//!   patch is loaded. An orderly shutdown removes it.
//! - `RELEASE/held/NAME`: a patch that is held out until the user decides otherwise. It contains the reason, for people.
//!
//! A trial of another boot first becomes marks of the second kind, and is then removed at once: after a power cut in
//! between that is repeated, with the same result.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Result;

use crate::durable;
use crate::kernel::Kernel;
use crate::patch_file::is_module_name;
use crate::store::{Store, entries, is_release};

/// The folder with the trials of all boots, in that of the store.
pub const TRIALS: &str = "trial";

/// The folder with the patches of a release that are held out, in the folder of that release.
pub const HELD: &str = "held";

/// A trial that has ended, until it is removed.
const ENDED: &str = ".partial-trial";

/// The trial of a boot.
#[derive(Clone, Debug, Eq, PartialEq)]
struct Trial {
    /// Its folder.
    path: PathBuf,
    /// The boot in which the patches were loaded.
    boot_id: String,
    /// The kernel that runs in it.
    release: String,
    /// The patches, by name.
    patches: Vec<String>,
}

impl Trial {
    /// `BOOT:RELEASE`, with a file for each patch.
    ///
    /// # Errors
    ///
    /// When the folder cannot be read.
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

/// The patches that are held out, with the reason.
pub type Held = BTreeMap<String, String>;

/// The marks in a store. The boot id matters only if a patch is on trial: while an image is built there may be
/// no procfs.
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

    /// The mark of a patch on trial in this boot.
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

    /// The trials that match. Other entries of the folder are ignored.
    fn read(&self, is_wanted: impl Fn(&Trial, &str) -> bool) -> Result<Vec<Trial>> {
        let mut found = Vec::new();
        for path in entries(&self.dir())? {
            found.extend(Trial::at(path)?);
        }
        if found.is_empty() {
            return Ok(found);
        }
        let this = self.kernel.boot_id()?;
        found.retain(|it| is_wanted(it, &this));
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

    /// Removes a trial, all of it at once.
    fn remove(&self, trial: &Trial) -> Result<()> {
        self.remove_ended()?;
        durable::rename(&trial.path, &self.store.dir().join(ENDED))?;
        self.remove_ended()?;
        // It stays where there is something else in it.
        let _ = fs::remove_dir(self.dir());
        Ok(())
    }

    /// Removes leftovers of a trial that has ended, after a power cut.
    fn remove_ended(&self) -> Result<()> {
        durable::remove_partial(self.store.dir())
    }

    /// Puts a patch on trial: it is about to be loaded.
    ///
    /// # Errors
    ///
    /// When it cannot be written; the patch must not be loaded then.
    pub fn begin(&self, name: &str) -> Result<()> {
        self.settle()?;
        durable::write(&self.mark(name)?, b"")
    }

    /// Takes a patch off trial: it was not loaded, or was unloaded again.
    ///
    /// # Errors
    ///
    /// When the mark cannot be removed.
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

    /// Ends all trials of this boot: the machine is healthy, or shuts down. Returns the patches that were on trial.
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
    /// When the marks cannot be read.
    pub fn on_trial(&self) -> Result<Vec<String>> {
        let trials = self.of_this_boot()?.into_iter();
        Ok(trials.flat_map(|it| it.patches).collect())
    }

    /// The held-out patches of a release, including those on trial when the machine went down that are
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

    /// Lets a patch that was held out be loaded again. Says whether it was.
    ///
    /// # Errors
    ///
    /// When the mark cannot be removed.
    pub fn release(&self, release: &str, name: &str) -> Result<bool> {
        self.settle()?;
        let dir = self.held_dir(release);
        let was_held = durable::remove(&dir.join(name))?;
        if was_held {
            // They stay where there is something else in them.
            let _ = fs::remove_dir(&dir);
            let _ = fs::remove_dir(self.store.release_dir(release));
        }
        Ok(was_held)
    }
}

/// The names of patches in a folder of marks, sorted. Other entries are ignored.
fn names(dir: &Path) -> Result<Vec<String>> {
    let paths = entries(dir)?.into_iter();
    let names = paths.filter_map(|path| path.file_name()?.to_str().map(str::to_owned));
    let mut names: Vec<_> = names.filter(|name| is_module_name(name)).collect();
    names.sort();
    Ok(names)
}

/// The reason that a mark contains. It holds the patch out whatever that is.
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

        /// The marks in a boot of this id.
        fn boot(&self, id: &str) -> Trials<'_> {
            let proc = self.dir.path().join("proc/sys/kernel");
            fs::create_dir_all(proc.join("random")).expect("a folder");
            fs::write(proc.join("osrelease"), "6.12.1\n").expect("a file");
            fs::write(proc.join("random/boot_id"), format!("{id}\n")).expect("a file");
            Trials::new(&self.store, &self.kernel)
        }
    }

    /// Whatever becomes of the contents of files, their names are there.
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
