// SPDX-License-Identifier: GPL-2.0-only

//! The installed patches, in `/var/lib/klpctl`: a folder for each kernel release, with a file `NUMBER-NAME.ko` for
//! each patch. The numbers are the order in which they are loaded at boot. There is no index besides the file names,
//! so no power cut can leave one that does not match the files.

use std::collections::BTreeMap;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use klp_elf::livepatch::is_module_name;

use crate::durable;
use crate::outcome::{Failure, Outcome, Status};
use crate::patch_file::PatchFile;

/// The folder with the installed patches of all releases.
#[derive(Clone, Debug)]
pub struct Store {
    dir: PathBuf,
}

/// An installed patch.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Installed {
    /// The module name.
    pub name: String,
    pub path: PathBuf,
    /// Its position in the load order.
    number: u32,
}

impl Store {
    pub fn at(dir: &Path) -> Self {
        Self {
            dir: dir.to_owned(),
        }
    }

    /// The folder, which also contains the marks of patches on trial.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// The folder of a release.
    pub fn release_dir(&self, release: &str) -> PathBuf {
        self.dir.join(release)
    }

    /// The patches installed for a kernel release, in load order.
    ///
    /// # Errors
    ///
    /// The folder cannot be read.
    pub fn installed(&self, release: &str) -> Result<Vec<Installed>> {
        let mut found: Vec<_> = entries(&self.release_dir(release))?
            .into_iter()
            .filter_map(Installed::at)
            .collect();
        found.sort_by(|a, b| (a.number, &a.name).cmp(&(b.number, &b.name)));
        Ok(found)
    }

    /// The installed patch of that name.
    ///
    /// # Errors
    ///
    /// The folder cannot be read.
    pub fn find(&self, release: &str, name: &str) -> Result<Option<Installed>> {
        let installed = self.installed(release)?;
        Ok(installed.into_iter().find(|it| it.name == name))
    }

    /// The installed patches of all releases, each in load order.
    ///
    /// # Errors
    ///
    /// A folder cannot be read.
    pub fn all(&self) -> Result<BTreeMap<String, Vec<Installed>>> {
        let mut all = BTreeMap::new();
        for path in entries(&self.dir)? {
            let name = path.file_name().and_then(|name| name.to_str());
            let Some(release) = name.filter(|name| is_release(name) && path.is_dir()) else {
                continue;
            };
            let installed = self.installed(release)?;
            if !installed.is_empty() {
                all.insert(release.to_owned(), installed);
            }
        }
        Ok(all)
    }

    /// Installs a patch for the kernel that it was built for, after the others. One of the same name is
    /// replaced in its position. Returns the release.
    ///
    /// # Errors
    ///
    /// The patch does not name its kernel, or the file cannot be written.
    pub fn install(&self, file: &PatchFile) -> Outcome<String> {
        let name = &file.info.name;
        let release = release_of(file)?;
        durable::remove_partial(&self.release_dir(&release))?;
        let installed = self.installed(&release)?;
        let path = match installed.iter().find(|it| it.name == *name) {
            Some(old) => old.path.clone(),
            None => self.last_path(&release, &installed, name)?,
        };
        durable::write(&path, &file.module)?;
        Ok(release)
    }

    /// Moves an installed patch to the end of the load order.
    ///
    /// # Errors
    ///
    /// It cannot be moved.
    pub fn move_last(&self, release: &str, name: &str) -> Result<()> {
        let installed = self.installed(release)?;
        match installed.iter().position(|it| it.name == name) {
            Some(place) if place + 1 < installed.len() => {
                let path = self.last_path(release, &installed, name)?;
                durable::rename(&installed[place].path, &path)
            }
            _ => Ok(()),
        }
    }

    /// The path of a patch at the end of the load order.
    fn last_path(&self, release: &str, installed: &[Installed], name: &str) -> Result<PathBuf> {
        let last = installed.last().map_or(0, |last| last.number);
        let number = last
            .checked_add(1)
            .context("too many patches are installed")?;
        let file = format!("{number:04}-{name}.ko");
        Ok(self.release_dir(release).join(file))
    }

    /// Uninstalls a patch. Returns whether it was installed.
    ///
    /// # Errors
    ///
    /// It cannot be removed.
    pub fn uninstall(&self, release: &str, name: &str) -> Result<bool> {
        let Some(installed) = self.find(release, name)? else {
            return Ok(false);
        };
        durable::remove(&installed.path)?;
        let dir = self.release_dir(release);
        durable::remove_partial(&dir)?;
        if self.installed(release)?.is_empty() {
            // Fails if the folder is not empty, which is fine.
            let _ = fs::remove_dir(&dir);
        }
        Ok(true)
    }
}

impl Installed {
    /// Parses a path that ends with `NUMBER-NAME.ko`.
    fn at(path: PathBuf) -> Option<Self> {
        let stem = path.file_name()?.to_str()?.strip_suffix(".ko")?;
        let (number, name) = stem.split_once('-')?;
        Some(Self {
            number: number.parse().ok()?,
            name: Some(name).filter(|name| is_module_name(name))?.to_owned(),
            path,
        })
    }

    /// Reads the patch.
    ///
    /// # Errors
    ///
    /// It cannot be read, is damaged, or is not the patch of its file name.
    pub fn open(&self) -> Outcome<PatchFile> {
        PatchFile::open_as(&self.path, &self.name, Status::Refused)
    }
}

/// The release that a patch was built for.
///
/// # Errors
///
/// Its modinfo has none, or an invalid one.
pub fn release_of(file: &PatchFile) -> Outcome<String> {
    let name = &file.info.name;
    let refused = |why: String| Failure::new(Status::Refused, why);
    let release = file.info.release().ok_or_else(|| {
        refused(format!(
            "{name} does not name the kernel that it was built for: its modinfo has no `vermagic`"
        ))
    })?;
    match is_release(release) {
        true => Ok(release.to_owned()),
        false => Err(refused(format!(
            "{name} was built for kernel `{}`, which is not a valid release",
            release.escape_default()
        ))),
    }
}

/// Whether this is a valid kernel release. It becomes part of paths.
pub fn is_release(release: &str) -> bool {
    let is_word = |byte: u8| byte.is_ascii_alphanumeric() || b"._+~-".contains(&byte);
    // __NEW_UTS_LEN
    (1..=64).contains(&release.len())
        && release.bytes().all(is_word)
        && release.starts_with(|first: char| first.is_ascii_digit())
}

/// The entries of a folder; none if it does not exist.
///
/// # Errors
///
/// It cannot be read.
pub fn entries(dir: &Path) -> Result<Vec<PathBuf>> {
    let listing = || format!("cannot list {}", dir.display());
    let entries = match fs::read_dir(dir) {
        Ok(entries) => entries,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error).with_context(listing),
    };
    let paths = entries.map(|entry| entry.map(|entry| entry.path()));
    paths.collect::<std::io::Result<_>>().with_context(listing)
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::patch_file::Info;

    pub(crate) fn file(name: &str, release: &str, content: &[u8]) -> PatchFile {
        PatchFile {
            info: Info {
                name: name.to_owned(),
                vermagic: Some(format!("{release} SMP mod_unload ")),
                ..Info::default()
            },
            module: content.to_vec(),
        }
    }

    /// A module with additional modinfo.
    pub(crate) fn module(name: &str, release: &str, more: &str) -> PatchFile {
        use object::{Architecture, BinaryFormat, Endianness, SectionKind, write};
        let mut module =
            write::Object::new(BinaryFormat::Elf, Architecture::X86_64, Endianness::Little);
        let kind = SectionKind::ReadOnlyData;
        let section = module.add_section(Vec::new(), b".modinfo".to_vec(), kind);
        let modinfo = format!("livepatch=Y\0name={name}\0vermagic={release} SMP\0{more}");
        module.append_section_data(section, modinfo.as_bytes(), 1);
        let dir = tempfile::tempdir().expect("a folder");
        let path = dir.path().join("patch.ko");
        fs::write(&path, module.write().expect("a module")).expect("a file");
        PatchFile::open(&path).expect("a patch")
    }

    fn names(installed: &[Installed]) -> Vec<&str> {
        installed.iter().map(|it| it.name.as_str()).collect()
    }

    #[test]
    fn patches_are_stored_by_release_and_in_order() {
        let dir = tempfile::tempdir().expect("a folder");
        let store = Store::at(&dir.path().join("klpctl"));
        assert_eq!(store.all().expect("none").len(), 0);
        for name in ["z_first", "a_second", "m_third"] {
            let release = store.install(&file(name, "6.12.1", b"1")).expect("written");
            assert_eq!(release, "6.12.1");
        }
        store
            .install(&file("other", "6.12.2", b""))
            .expect("written");
        let installed = store.installed("6.12.1").expect("readable");
        assert_eq!(names(&installed), ["z_first", "a_second", "m_third"]);
        assert_eq!(
            names(&store.installed("6.12.2").expect("readable")),
            ["other"]
        );
        assert_eq!(store.all().expect("readable").len(), 2);

        store
            .install(&file("a_second", "6.12.1", b"newer"))
            .expect("written");
        let installed = store.installed("6.12.1").expect("readable");
        assert_eq!(
            names(&installed),
            ["z_first", "a_second", "m_third"],
            "a newer build keeps the position"
        );
        assert_eq!(fs::read(&installed[1].path).expect("there"), b"newer");

        for _ in 0..2 {
            store.move_last("6.12.1", "a_second").expect("moved");
            let installed = store.installed("6.12.1").expect("readable");
            assert_eq!(names(&installed), ["z_first", "m_third", "a_second"]);
            assert!(installed[2].path.ends_with("0004-a_second.ko"));
        }

        assert!(store.uninstall("6.12.1", "a_second").expect("removed"));
        assert!(
            !store
                .uninstall("6.12.1", "a_second")
                .expect("nothing to do")
        );
        store
            .install(&file("late", "6.12.1", b""))
            .expect("written");
        let installed = store.installed("6.12.1").expect("readable");
        assert_eq!(names(&installed), ["z_first", "m_third", "late"]);
        assert!(store.uninstall("6.12.2", "other").expect("removed"));
        assert!(!store.release_dir("6.12.2").exists());
    }

    #[test]
    fn other_files_are_not_patches() {
        let dir = tempfile::tempdir().expect("a folder");
        let store = Store::at(dir.path());
        let release = store.release_dir("6.12.1");
        fs::create_dir(&release).expect("a folder");
        for name in [
            ".partial-0001-fix.ko",
            "0002-fix.ko.tmp",
            "x-fix.ko",
            "held",
        ] {
            fs::write(release.join(name), "").expect("a file");
        }
        assert_eq!(store.installed("6.12.1").expect("readable"), []);
        store.install(&file("fix", "6.12.1", b"")).expect("written");
        assert!(!release.join(".partial-0001-fix.ko").exists());
        assert_eq!(
            names(&store.installed("6.12.1").expect("readable")),
            ["fix"]
        );
    }

    #[test]
    fn a_damaged_file_is_refused() {
        let dir = tempfile::tempdir().expect("a folder");
        let store = Store::at(dir.path());
        store
            .install(&file("fix", "6.12.1", b"no module"))
            .expect("written");
        let installed = store
            .find("6.12.1", "fix")
            .expect("readable")
            .expect("there");
        assert_eq!(
            installed.open().expect_err("damaged").status,
            Status::Refused
        );
    }

    #[test]
    fn releases_are_validated() {
        for valid in ["6.12.48+deb13-amd64", "7.2.0-rc1+", "5.14.0-427.el9.x86_64"] {
            assert!(is_release(valid), "{valid}");
        }
        for invalid in ["", ".", "..", "6.1/..", "a b", "-x", &"6".repeat(65)] {
            assert!(!is_release(invalid), "{invalid}");
        }
        let mut nowhere = file("fix", "..", b"");
        assert_eq!(
            release_of(&nowhere).expect_err("no release").status,
            Status::Refused
        );
        nowhere.info.vermagic = None;
        assert_eq!(
            release_of(&nowhere).expect_err("no vermagic").status,
            Status::Refused
        );
    }
}
