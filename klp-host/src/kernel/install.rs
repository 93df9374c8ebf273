// SPDX-License-Identifier: GPL-2.0-only

//! Installs klp-core into a kernel source tree, and removes it.
//!
//! Only `kernel/livepatch/` changes. A copy of that folder is changed and exchanged with it atomically.
//! A record of the installed files, in the folder, distinguishes them from other changes.

mod atomic_change;
mod record;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail, ensure};

use super::core_files::{ARCH_FOLDER, CoreFiles, RUST_FOLDER};
use super::source::{SUPPORTED, kernel_version};
use crate::host::files::ignore_not_found;
use atomic_change::change;
use record::{RECORD, REPLACED, Record, Replaced, backup_name, digest, digest_of, is_backup};

/// The folder of the livepatch core in a kernel source tree.
pub const FOLDER: &str = "kernel/livepatch";

/// The result of an installation.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Installed {
    /// The tree did not have klp-core.
    New,
    /// It replaced another version.
    Updated,
    /// The same version was installed already.
    Unchanged,
}

/// Installs the core into a tree, or updates it.
pub fn install(tree: &Path, files: &CoreFiles) -> Result<Installed> {
    install_over(tree, files, REPLACED)
}

fn install_over(tree: &Path, files: &CoreFiles, replaced: Replaced<'_>) -> Result<Installed> {
    let folder = folder_of(tree)?;
    let old = Record::of_intact(&folder)?;
    if old.is_none() {
        check_unmodified(&folder, files, replaced)?;
    }
    if old
        .as_ref()
        .is_some_and(|old| old.is_current(&folder, files))
    {
        return Ok(Installed::Unchanged);
    }
    change(&folder, |copy| add_core(copy, old.as_ref(), files))?;
    Ok(match old {
        Some(_) => Installed::Updated,
        None => Installed::New,
    })
}

/// Removes the core from a tree. Returns whether it was installed.
pub fn remove(tree: &Path) -> Result<bool> {
    let folder = folder_of(tree)?;
    let Some(record) = Record::of_intact(&folder)? else {
        return Ok(false);
    };
    change(&folder, |copy| remove_core(copy, &record))?;
    Ok(true)
}

/// Whether the core is installed in a tree.
pub fn is_installed(tree: &Path) -> bool {
    tree.join(FOLDER).join(RECORD).is_file()
}

/// Returns the folder to change, after checking that klp-core supports the tree.
fn folder_of(tree: &Path) -> Result<PathBuf> {
    ensure!(tree.is_dir(), "there is no folder {}", tree.display());
    let makefile = fs::read_to_string(tree.join("Makefile")).unwrap_or_default();
    let Some(version) = kernel_version(&makefile) else {
        bail!(
            "{} is not a kernel source tree: its Makefile names no kernel version",
            tree.display()
        );
    };
    let is_of = |series: &&str| version.starts_with(&format!("{series}."));
    ensure!(
        SUPPORTED.iter().any(is_of),
        "klp-core supports the kernel series {}, and {} is {version}",
        SUPPORTED.join(" and "),
        tree.display()
    );
    let folder = tree.join(FOLDER);
    ensure!(
        folder.join("core.c").is_file(),
        "{} has no {FOLDER}/core.c: pass a complete kernel source tree",
        tree.display()
    );
    folder
        .canonicalize()
        .with_context(|| format!("cannot resolve {}", folder.display()))
}

/// Refuses a folder in which a file to be replaced was changed, or a file to be added exists.
fn check_unmodified(folder: &Path, files: &CoreFiles, replaced: Replaced<'_>) -> Result<()> {
    for (name, expected) in replaced {
        let path = folder.join(name);
        if digest_of(&path)?.as_deref() != Some(expected) {
            bail!(
                "{} differs from that of Linux {}, and klp-core would replace it: restore the original, \
                 then run this again",
                path.display(),
                SUPPORTED.join(" and ")
            );
        }
    }
    let names = replaced.iter().map(|(name, _)| *name);
    let backups = names.clone().map(|name| PathBuf::from(backup_name(name)));
    let added = files.iter().map(|(path, _)| path.to_owned());
    for path in added
        .filter(|path| names.clone().all(|name| path != name))
        .chain(backups)
    {
        let path = folder.join(path);
        ensure!(
            fs::symlink_metadata(&path).is_err(),
            "{} exists and was not installed by this command: move it away first",
            path.display()
        );
    }
    Ok(())
}

/// Installs the core into a folder that has the tree's own files or an older core.
fn add_core(folder: &Path, old: Option<&Record>, files: &CoreFiles) -> Result<()> {
    if let Some(old) = old {
        remove_core(folder, old)?;
    }
    let mut record = Record::default();
    for (name, _) in REPLACED {
        let backup = backup_name(name);
        rename(&folder.join(name), &folder.join(&backup))?;
        if let Some(digest) = digest_of(&folder.join(&backup))? {
            record.0.insert(backup.into(), digest);
        }
    }
    for (path, content) in files.iter() {
        write_new(&folder.join(path), content)?;
        record.0.insert(path.to_owned(), digest(content));
    }
    write_new(&folder.join(RECORD), record.text().as_bytes())
}

/// Removes the core from a folder, with its in-tree build products.
fn remove_core(folder: &Path, record: &Record) -> Result<()> {
    for path in record.0.keys().map(PathBuf::as_path) {
        if !is_backup(path) {
            remove_file(&folder.join(path))?;
            remove_built(&folder.join(path))?;
        }
    }
    for (name, _) in REPLACED {
        rename(&folder.join(backup_name(name)), &folder.join(name))?;
    }
    remove_file(&folder.join(RECORD))?;
    [RUST_FOLDER, ARCH_FOLDER]
        .into_iter()
        .try_for_each(|name| remove_folder(folder, name))
}

/// Removes the files that an in-tree build makes from a C file.
fn remove_built(path: &Path) -> Result<()> {
    if path.extension().is_none_or(|text| text != "c") {
        return Ok(());
    }
    let object = path.with_extension("o");
    let name = object.file_name().unwrap_or_default().to_string_lossy();
    remove_file(&object.with_file_name(format!(".{name}.cmd")))?;
    remove_file(&object)
}

/// Removes a folder of the core, in which only build products may be left.
fn remove_folder(livepatch: &Path, name: &str) -> Result<()> {
    const BUILT: [&str; 6] = ["o", "cmd", "d", "s", "i", "ll"];
    let folder = &livepatch.join(name);
    if !folder.exists() {
        return Ok(());
    }
    for entry in walkdir::WalkDir::new(folder) {
        let entry = entry.with_context(|| format!("cannot list {}", folder.display()))?;
        let path = entry.path();
        let is_built = path.extension().is_some_and(|text| {
            let text = text.to_string_lossy();
            BUILT.contains(&&*text)
        }) || entry.file_name() == "bindings_generated.rs";
        ensure!(
            entry.file_type().is_dir() || is_built,
            "{}/{name}/{} is not a file of klp-core: move it away first",
            FOLDER,
            path.strip_prefix(folder).unwrap_or(path).display()
        );
    }
    fs::remove_dir_all(folder).with_context(|| format!("cannot remove {}", folder.display()))
}

fn write_new(path: &Path, content: &[u8]) -> Result<()> {
    let parent = path.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(parent).with_context(|| format!("cannot make {}", parent.display()))?;
    fs::File::create_new(path)
        .and_then(|mut file| io::Write::write_all(&mut file, content))
        .with_context(|| format!("cannot write {}", path.display()))
}

fn rename(from: &Path, to: &Path) -> Result<()> {
    fs::rename(from, to)
        .with_context(|| format!("cannot rename {} to {}", from.display(), to.display()))
}

fn remove_file(path: &Path) -> Result<()> {
    ignore_not_found(fs::remove_file(path), path)
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::kernel::core_files::tests::fake_crate;

    const KCONFIG: &str = "config LIVEPATCH\n";
    const MAKEFILE: &str = "obj-y += livepatch.o\n";

    /// Creates a tiny kernel source tree.
    pub(crate) fn fake_tree(tree: &Path) {
        for (path, content) in [
            (
                "Makefile",
                "VERSION = 7\nPATCHLEVEL = 2\nSUBLEVEL = 3\nEXTRAVERSION =\n",
            ),
            ("kernel/sched/core.c", "int sched;\n"),
            ("kernel/livepatch/Kconfig", KCONFIG),
            ("kernel/livepatch/Makefile", MAKEFILE),
            ("kernel/livepatch/core.c", "int core;\n"),
            ("kernel/livepatch/core.h", "extern int core;\n"),
        ] {
            let path = tree.join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, content).unwrap();
        }
    }

    /// Installs into a tree made by [`fake_tree`].
    pub(crate) fn install_into_fake(tree: &Path, files: &CoreFiles) -> Result<Installed> {
        let digests = [KCONFIG, MAKEFILE].map(|text| digest(text.as_bytes()));
        let replaced = [("Kconfig", &*digests[0]), ("Makefile", &*digests[1])];
        install_over(tree, files, replaced)
    }

    /// A path, with the content and timestamp of a file.
    type Snap = (PathBuf, Option<(Vec<u8>, std::time::SystemTime)>);

    struct Fixture {
        root: tempfile::TempDir,
        tree: PathBuf,
    }

    impl Fixture {
        fn new() -> Self {
            let root = tempfile::tempdir().unwrap();
            let tree = root.path().join("linux");
            fake_tree(&tree);
            fake_crate(&root.path().join("core"));
            Self { root, tree }
        }

        fn files(&self) -> CoreFiles {
            CoreFiles::read(&self.root.path().join("core")).unwrap()
        }

        fn install(&self) -> Result<Installed> {
            install_into_fake(&self.tree, &self.files())
        }

        fn file(&self, name: &str) -> PathBuf {
            self.tree.join(FOLDER).join(name)
        }

        fn write(&self, name: &str, text: &str) {
            // A new file: the old one may be hard-linked into another folder.
            let _ = fs::remove_file(self.file(name));
            fs::write(self.file(name), text).unwrap();
        }

        fn read(&self, name: &str) -> String {
            fs::read_to_string(self.file(name)).unwrap()
        }

        /// Returns every file and folder of the tree, with contents and timestamps.
        fn snapshot(&self) -> Vec<Snap> {
            let mut all: Vec<_> = walkdir::WalkDir::new(&self.tree)
                .into_iter()
                .map(|entry| {
                    let path = entry.unwrap().into_path();
                    let content = fs::read(&path)
                        .ok()
                        .map(|content| (content, fs::metadata(&path).unwrap().modified().unwrap()));
                    (path, content)
                })
                .collect();
            all.sort();
            all
        }

        /// Asserts that installing fails with these words and changes nothing.
        fn refuses(&self, words: &[&str]) {
            let before = self.snapshot();
            let text = format!("{:#}", self.install().unwrap_err());
            for word in words {
                assert!(text.contains(word), "`{word}` is not in `{text}`");
            }
            assert_eq!(self.snapshot(), before);
        }
    }

    #[test]
    fn removal_restores_the_tree() {
        let fixture = Fixture::new();
        let before = fixture.snapshot();
        assert!(!remove(&fixture.tree).unwrap(), "not installed yet");
        assert_eq!(fixture.install().unwrap(), Installed::New);
        assert_eq!(fixture.read("Makefile"), "ours := 1\n");
        assert_eq!(fixture.read("Makefile.klp-orig"), MAKEFILE);
        assert_eq!(fixture.read("klp_core/lib.rs"), "mod platform;\n");
        assert!(is_installed(&fixture.tree));
        assert!(remove(&fixture.tree).unwrap());
        assert_eq!(fixture.snapshot(), before);
        assert!(!is_installed(&fixture.tree));
    }

    #[test]
    fn in_tree_build_files_are_removed() {
        let fixture = Fixture::new();
        let before = fixture.snapshot();
        fixture.install().unwrap();
        for built in [
            "klp_glue.o",
            ".klp_glue.o.cmd",
            "klp_core/lib.o",
            "klp_core/.lib.o.cmd",
            "klp_core/bindings_generated.rs",
        ] {
            fixture.write(built, "");
        }
        remove(&fixture.tree).unwrap();
        assert_eq!(fixture.snapshot(), before);
    }

    #[test]
    fn reinstalling_updates() {
        let fixture = Fixture::new();
        let before = fixture.snapshot();
        fixture.install().unwrap();
        let installed = fixture.snapshot();
        assert_eq!(fixture.install().unwrap(), Installed::Unchanged);
        assert_eq!(fixture.snapshot(), installed);

        let core = fixture.root.path().join("core");
        fs::write(core.join("src/lib.rs"), "mod newer;\n").unwrap();
        fs::write(core.join("src/newer.rs"), "\n").unwrap();
        fs::remove_file(core.join("kernel/klp_parameters")).unwrap();
        assert_eq!(fixture.install().unwrap(), Installed::Updated);
        assert_eq!(fixture.read("klp_core/lib.rs"), "mod newer;\n");
        assert!(fixture.file("klp_core/newer.rs").exists());
        assert!(!fixture.file("klp_parameters").exists());

        fs::remove_file(fixture.file("klp_glue.h")).unwrap();
        assert_eq!(fixture.install().unwrap(), Installed::Updated);
        assert!(fixture.file("klp_glue.h").exists());
        remove(&fixture.tree).unwrap();
        assert_eq!(fixture.snapshot(), before);
    }

    #[test]
    fn sha256sum_accepts_the_record() {
        let fixture = Fixture::new();
        fixture.install().unwrap();
        let mut check = std::process::Command::new("sha256sum");
        check.args(["-c", "--status", RECORD]);
        check.current_dir(fixture.tree.join(FOLDER));
        assert!(check.status().unwrap().success());
    }

    #[test]
    fn other_trees_are_refused() {
        let fixture = Fixture::new();
        let refuse = |tree: &Path, words: &str| {
            for result in [
                install_into_fake(tree, &fixture.files()).map(|_| ()),
                remove(tree).map(|_| ()),
            ] {
                let text = result.unwrap_err().to_string();
                assert!(text.contains(words), "`{words}` is not in `{text}`");
            }
        };
        refuse(&fixture.root.path().join("none"), "there is no folder");
        refuse(fixture.root.path(), "is not a kernel source tree");
        let makefile = "VERSION = 7\nPATCHLEVEL = 20\nSUBLEVEL = 0\nEXTRAVERSION =\n";
        fs::write(fixture.tree.join("Makefile"), makefile).unwrap();
        refuse(&fixture.tree, "supports the kernel series 7.2 and 7.3");
        fake_tree(&fixture.tree);
        fs::remove_dir_all(fixture.tree.join(FOLDER)).unwrap();
        refuse(&fixture.tree, "has no kernel/livepatch/core.c");
    }

    #[test]
    fn foreign_files_are_not_overwritten() {
        let fixture = Fixture::new();
        fixture.write("Makefile", "obj-y += livepatch.o more.o\n");
        fixture.refuses(&[
            "kernel/livepatch/Makefile",
            "differs from that of Linux 7.2 and 7.3",
        ]);
        fixture.write("Makefile", MAKEFILE);
        fs::create_dir(fixture.file("klp_core")).unwrap();
        fixture.write("klp_core/lib.rs", "");
        fixture.refuses(&["klp_core/lib.rs", "was not installed by"]);
    }

    #[test]
    fn changed_files_of_the_core_are_not_overwritten() {
        for name in ["Makefile", "Kconfig", "klp_glue.c"] {
            let fixture = Fixture::new();
            fixture.install().unwrap();
            fixture.write(name, "changed\n");
            fixture.refuses(&["were changed", name]);
            let text = remove(&fixture.tree).unwrap_err().to_string();
            assert!(text.contains("were changed"), "{text}");
        }
        let fixture = Fixture::new();
        fixture.install().unwrap();
        fs::remove_file(fixture.file("Kconfig.klp-orig")).unwrap();
        fixture.refuses(&["Kconfig.klp-orig is missing"]);
    }

    #[test]
    fn a_failure_changes_nothing() {
        let fixture = Fixture::new();
        fixture.install().unwrap();
        fixture.write("klp_core/notes.txt", "mine\n");
        let before = fixture.snapshot();
        let text = remove(&fixture.tree).unwrap_err().to_string();
        assert!(
            text.contains("klp_core/notes.txt is not a file of klp-core"),
            "{text}"
        );
        assert_eq!(fixture.snapshot(), before);
    }
}
