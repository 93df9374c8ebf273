// SPDX-License-Identifier: GPL-2.0-only

//! Creates overlays of a kernel source tree: symbolic links to the original, except for
//! `kernel/livepatch` with klp-core, a few changed files, or the headers.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};
use walkdir::WalkDir;

use super::install::{FOLDER, Installed};
use crate::arch::Arch;
use crate::host::files;

/// Creates or updates an overlay with klp-core in `dir`; `install` adds the core. Unchanged files keep
/// their timestamps, so that make does not rebuild them.
pub(super) fn create(
    dir: &Path,
    source: &Path,
    install: impl FnOnce(&Path) -> Result<Installed>,
) -> Result<()> {
    let fresh = dir.with_extension("partial");
    remove(&fresh)?;
    // The parents of a folder that is not a link must not be links.
    link_all_but(source, &fresh, &["kernel"])?;
    link_all_but(
        &source.join("kernel"),
        &fresh.join("kernel"),
        &["livepatch"],
    )?;
    copy(&source.join(FOLDER), &fresh.join(FOLDER))?;
    install(&fresh)?;
    keep_timestamps(&dir.join(FOLDER), &fresh.join(FOLDER))?;
    remove(dir)?;
    fs::rename(&fresh, dir).with_context(|| format!("cannot create {}", dir.display()))
}

/// Creates an overlay in `dir` with the `include` folders of `headers`: the common one and the architecture's.
pub(super) fn create_with_headers(dir: &Path, source: &Path, headers: &Path) -> Result<()> {
    let name = Arch::DEBIANS.name();
    let of_arch = Path::new("arch").join(name);
    link_all_but(source, dir, &["arch", "include"])?;
    link_all_but(&source.join("arch"), &dir.join("arch"), &[name])?;
    link_all_but(&source.join(&of_arch), &dir.join(&of_arch), &["include"])?;
    for include in [PathBuf::from("include"), of_arch.join("include")] {
        let from = headers.join(&include);
        ensure!(from.is_dir(), "there is no folder {}", from.display());
        let link = dir.join(include);
        symlink(&from, &link).with_context(|| format!("cannot make {}", link.display()))?;
    }
    Ok(())
}

/// Creates an overlay in `dir` with other contents of some files, by their paths in the tree.
pub(super) fn create_changed(
    dir: &Path,
    source: &Path,
    files: &BTreeMap<PathBuf, String>,
) -> Result<()> {
    for path in files.keys() {
        ensure!(
            source.join(path).is_file(),
            "the kernel source {} has no file {}",
            source.display(),
            path.display()
        );
    }
    let fresh = dir.with_extension("partial");
    remove(&fresh)?;
    let files: Vec<_> = files
        .iter()
        .map(|(path, content)| (path.as_path(), content.as_str()))
        .collect();
    link_all_but_changed(source, &fresh, &files)?;
    remove(dir)?;
    fs::rename(&fresh, dir).with_context(|| format!("cannot create {}", dir.display()))
}

/// Links to everything in a folder except for these files below it, which are written.
fn link_all_but_changed(from: &Path, to: &Path, files: &[(&Path, &str)]) -> Result<()> {
    fs::create_dir_all(to).with_context(|| format!("cannot make {}", to.display()))?;
    let list = || format!("cannot list {}", from.display());
    for entry in fs::read_dir(from).with_context(list)? {
        let entry = entry.with_context(list)?;
        let (old, new) = (entry.path(), to.join(entry.file_name()));
        let inner: Vec<_> = files
            .iter()
            .filter_map(|(path, content)| {
                Some((path.strip_prefix(entry.file_name()).ok()?, *content))
            })
            .collect();
        match inner[..] {
            [] => symlink(&old, &new).with_context(|| format!("cannot make {}", new.display()))?,
            [(rest, content)] if rest.as_os_str().is_empty() => fs::write(&new, content)
                .with_context(|| format!("cannot write {}", new.display()))?,
            _ => link_all_but_changed(&old, &new, &inner)?,
        }
    }
    Ok(())
}

/// Links to everything in a folder except for these names.
fn link_all_but(from: &Path, to: &Path, but: &[&str]) -> Result<()> {
    fs::create_dir_all(to).with_context(|| format!("cannot make {}", to.display()))?;
    let list = || format!("cannot list {}", from.display());
    for entry in fs::read_dir(from).with_context(list)? {
        let entry = entry.with_context(list)?;
        if !but.iter().any(|name| entry.file_name() == *name) {
            let link = to.join(entry.file_name());
            symlink(entry.path(), &link)
                .with_context(|| format!("cannot make {}", link.display()))?;
        }
    }
    Ok(())
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    for entry in WalkDir::new(from) {
        let entry = entry.with_context(|| format!("cannot list {}", from.display()))?;
        let copy = to.join(entry.path().strip_prefix(from).unwrap_or(entry.path()));
        let made = if entry.file_type().is_dir() {
            fs::create_dir(&copy)
        } else {
            fs::copy(entry.path(), &copy).map(|_| ())
        };
        made.with_context(|| format!("cannot make {}", copy.display()))?;
    }
    Ok(())
}

/// Sets the timestamps of unchanged files to those of the old ones.
fn keep_timestamps(old: &Path, new: &Path) -> Result<()> {
    for entry in WalkDir::new(new) {
        let entry = entry.with_context(|| format!("cannot list {}", new.display()))?;
        let path = entry.path();
        let twin = old.join(path.strip_prefix(new).unwrap_or(path));
        if !entry.file_type().is_file() || fs::read(&twin).ok() != fs::read(path).ok() {
            continue;
        }
        let keep = || {
            let time = fs::metadata(&twin)?.modified()?;
            fs::File::options()
                .write(true)
                .open(path)?
                .set_modified(time)
        };
        keep().with_context(|| format!("cannot set the timestamp of {}", path.display()))?;
    }
    Ok(())
}

fn remove(dir: &Path) -> Result<()> {
    // This removes symbolic links, not their targets.
    files::ignore_not_found(fs::remove_dir_all(dir), dir)
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, SystemTime};

    use super::*;
    use crate::kernel::core_files::CoreFiles;
    use crate::kernel::core_files::tests::fake_crate;
    use crate::kernel::install::tests::{fake_tree, install_into_fake};

    /// A fake source tree and the path of its overlay.
    struct Trees {
        root: tempfile::TempDir,
        source: PathBuf,
        overlay: PathBuf,
    }

    impl Trees {
        fn new() -> Self {
            let root = tempfile::tempdir().unwrap();
            let source = root.path().join("linux");
            fake_tree(&source);
            Self {
                overlay: root.path().join("overlay"),
                source,
                root,
            }
        }

        /// Creates or updates the overlay with klp-core.
        fn create_with_core(&self) {
            let core = self.root.path().join("core");
            fake_crate(&core);
            let files = CoreFiles::read(&core).unwrap();
            let install = |tree: &Path| install_into_fake(tree, &files);
            create(&self.overlay, &self.source, install).unwrap();
        }
    }

    #[test]
    fn everything_but_the_core_is_linked() {
        let trees = Trees::new();
        trees.create_with_core();
        let Trees {
            source, overlay, ..
        } = &trees;

        let is_link = |path: &str| overlay.join(path).is_symlink();
        assert!(is_link("Makefile") && is_link("kernel/sched"));
        assert!(!is_link("kernel") && !is_link("kernel/livepatch"));
        let same = |path: &str| {
            fs::read(overlay.join(path)).unwrap() == fs::read(source.join(path)).unwrap()
        };
        assert!(same("kernel/sched/core.c") && same("kernel/livepatch/core.c"));
        assert!(!same("kernel/livepatch/Makefile"));
        assert!(!source.join("kernel/livepatch/klp_glue.c").exists());
    }

    #[test]
    fn recreating_an_overlay_changes_only_changed_files() {
        let trees = Trees::new();
        trees.create_with_core();
        let Trees {
            source, overlay, ..
        } = &trees;
        let earlier = SystemTime::now() - Duration::from_secs(600);
        let file = |path: &str| overlay.join(FOLDER).join(path);
        for path in ["core.c", "klp_glue.c"] {
            let file = fs::File::options().write(true).open(file(path)).unwrap();
            file.set_modified(earlier).unwrap();
        }
        fs::write(source.join(FOLDER).join("core.c"), "int changed;\n").unwrap();
        trees.create_with_core();
        let is_new = |path: &str| fs::metadata(file(path)).unwrap().modified().unwrap() > earlier;
        assert!(is_new("core.c") && !is_new("klp_glue.c"));
        assert!(!overlay.with_extension("partial").exists());
    }

    #[test]
    fn only_changed_files_are_not_links() {
        let Trees {
            source,
            overlay,
            root: _root,
        } = Trees::new();
        let create = |path: &str| {
            let files = BTreeMap::from([(PathBuf::from(path), "int changed;\n".to_owned())]);
            create_changed(&overlay, &source, &files)
        };
        for path in ["kernel/livepatch/core.c", "Makefile"] {
            create(path).unwrap();
            let text = fs::read_to_string(overlay.join(path)).unwrap();
            assert_eq!(text, "int changed;\n");
            assert!(!overlay.join(path).is_symlink());
            assert_ne!(fs::read_to_string(source.join(path)).unwrap(), text);
        }
        assert!(
            overlay.join("kernel").is_symlink(),
            "the previous change is gone"
        );
        let error = create("kernel/none.c").unwrap_err().to_string();
        assert!(error.contains("has no file kernel/none.c"), "{error}");
    }
}
