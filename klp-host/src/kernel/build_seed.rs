// SPDX-License-Identifier: GPL-2.0-only

//! Seeds a kernel build with a related build: kernels that differ in their livepatch core share
//! nearly all objects.
//!
//! Kbuild rebuilds an object when its command line changes, and command lines contain the absolute
//! paths of the source and the build. So these paths are rewritten in the `.cmd` files of the new
//! build. make detects all other differences.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use walkdir::WalkDir;

use super::install::FOLDER;
use crate::cache::Entry;
use crate::host::files::ignore_not_found;
use crate::host::process;

/// An input of the final link. [`prune`] deletes it first, so only usable seeds have it.
const MARKER: &str = "vmlinux.o";

/// A build that can seed another one.
#[derive(Clone, Debug)]
pub(super) struct BuildSeed {
    pub entry: Entry,
    /// The source tree it was built from.
    pub source: PathBuf,
}

/// How a build was seeded.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Seeding {
    /// Not at all: it starts from scratch, or continues after an interruption.
    None,
    /// With the moved folder of an unfinished build.
    Moved,
    /// With a copy of a finished build.
    Copied,
}

/// The builds that can seed another one.
#[derive(Clone, Debug, Default)]
pub(super) struct BuildSeeds {
    /// Finished builds, the best first.
    pub finished: Vec<BuildSeed>,
    /// Failed or interrupted builds that will not be continued, such as those of a core that did not compile.
    pub unfinished: Vec<BuildSeed>,
}

impl BuildSeeds {
    /// Creates `build`, for sources in `source`, from the first usable seed.
    pub(super) fn seed(&self, source: &Path, build: &Path) -> Result<Seeding> {
        if build.exists() {
            return Ok(Seeding::None);
        }
        let partial = build.with_extension("partial");
        remove(&partial)?;
        let seeding = self.fetch(source, build, &partial);
        if seeding.is_err() {
            remove(&partial)?;
        }
        seeding
    }

    fn fetch(&self, source: &Path, build: &Path, partial: &Path) -> Result<Seeding> {
        for seed in &self.unfinished {
            let moved = seed.entry.take_apart(|dir| {
                let old = dir.join("build");
                if !is_usable(&old) {
                    return Ok(false);
                }
                rename(&old, partial)?;
                adapt(partial, (&old, build), (&seed.source, source))?;
                Ok(true)
            })?;
            if moved {
                return Ok(Seeding::Moved);
            }
        }
        for seed in &self.finished {
            let copied = seed.entry.use_ready(|dir| {
                let old = dir.join("build");
                if !is_usable(&old) {
                    return Ok(false);
                }
                copy(&old, partial)?;
                adapt(partial, (&old, build), (&seed.source, source))?;
                Ok(true)
            })?;
            if copied == Some(true) {
                return Ok(Seeding::Copied);
            }
        }
        Ok(Seeding::None)
    }
}

fn is_usable(build: &Path) -> bool {
    build.join(MARKER).is_file()
}

/// Copies a folder with its timestamps, as reflinks if the file system supports them.
fn copy(from: &Path, to: &Path) -> Result<()> {
    let mut cp = process::command("cp");
    cp.args(["-a", "--reflink=auto"]).arg(from).arg(to);
    process::output(&mut cp).map(|_| ())
}

/// Rewrites the old paths in `partial` to the new ones, and renames it to the new build folder.
fn adapt(partial: &Path, builds: (&Path, &Path), sources: (&Path, &Path)) -> Result<()> {
    // Objects of another core must not be used for this one.
    remove(&partial.join(FOLDER))?;
    // Tools are compiled by the resolved path of their folder, which does not change if both trees share it.
    let tools = partial.join("tools");
    let same_tools = sources.0.join("tools") == link_target(&sources.1.join("tools"));
    let text = |path: &Path| path.to_string_lossy().into_owned();
    let build_texts = (text(builds.0), text(builds.1));
    let source_texts = (text(sources.0), text(sources.1));
    for path in command_files(partial)? {
        if same_tools && path.starts_with(&tools) {
            rewrite(&path, &[&build_texts])?;
        } else {
            rewrite(&path, &[&source_texts, &build_texts])?;
        }
    }
    rename(partial, builds.1)
}

fn rename(from: &Path, to: &Path) -> Result<()> {
    fs::rename(from, to)
        .with_context(|| format!("cannot rename {} to {}", from.display(), to.display()))
}

/// Returns the target of a symbolic link.
fn link_target(path: &Path) -> PathBuf {
    fs::read_link(path).unwrap_or_default()
}

/// Returns the files in which Kbuild saves command lines.
fn command_files(build: &Path) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in WalkDir::new(build) {
        let entry = entry.with_context(|| format!("cannot list {}", build.display()))?;
        if entry.file_type().is_file() && entry.path().extension() == Some(OsStr::new("cmd")) {
            files.push(entry.into_path());
        }
    }
    Ok(files)
}

fn rewrite(path: &Path, replace: &[&(String, String)]) -> Result<()> {
    // Files that are not UTF-8 are not changed. make rebuilds their objects.
    let Ok(old) = fs::read_to_string(path) else {
        return Ok(());
    };
    let new = replace
        .iter()
        .fold(old.clone(), |text, (from, to)| replaced(&text, from, to));
    if new != old {
        fs::write(path, new).with_context(|| format!("cannot write {}", path.display()))?;
    }
    Ok(())
}

/// Replaces a path in a text, but not in paths that only start with the same characters.
fn replaced(text: &str, from: &str, to: &str) -> String {
    let mut new = String::with_capacity(text.len());
    let mut parts = text.split(from);
    new.push_str(parts.next().unwrap_or_default());
    for part in parts {
        let is_longer = part.bytes().next().is_some_and(in_name);
        new.push_str(if is_longer { from } else { to });
        new.push_str(part);
    }
    new
}

/// Whether a byte can be part of a file name in these paths.
fn in_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"._-+~".contains(&byte)
}

fn remove(dir: &Path) -> Result<()> {
    ignore_not_found(fs::remove_dir_all(dir), dir)
}

/// Deletes most files of a build that will not seed others. Those for modules, images and debuggers are kept,
/// as are the core's objects, for their sizes.
pub(super) fn prune(entry: &Entry) -> Result<()> {
    let done = entry.use_ready(|dir| {
        let build = dir.join("build");
        let marker = build.join(MARKER);
        if !is_usable(&build) {
            return Ok(());
        }
        ignore_not_found(fs::remove_file(&marker), &marker)?;
        let core = build.join(FOLDER);
        for item in WalkDir::new(&build) {
            let item = item.with_context(|| format!("cannot list {}", build.display()))?;
            let path = item.path();
            if item.file_type().is_file() && is_intermediate(path) && !path.starts_with(&core) {
                ignore_not_found(fs::remove_file(path), path)?;
            }
        }
        Ok(())
    });
    done.map(|_| ())
}

fn is_intermediate(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    [".o", ".a"].iter().any(|end| name.ends_with(end))
        || name.starts_with(".tmp_vmlinux")
        || name == "vmlinux.unstripped"
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cache::{Cache, Key};

    fn write(path: &Path, text: &str) {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    /// A cache with a finished build of the sources in `src`.
    fn finished(root: &Path) -> (Cache, BuildSeed) {
        let cache = Cache::at(&root.join("cache")).unwrap();
        let source = root.join("src");
        write(&source.join("tools/Makefile"), "");
        let entry = cache.entry("kernel", "c", &Key::new());
        entry
            .get_or_resume(|dir| {
                let build = dir.join("build");
                let (b, s) = (build.display(), source.display());
                write(&build.join("vmlinux.o"), "");
                write(&build.join("mm/slub.o"), "object");
                let line = format!("cc -I{s}/include -I{s}-next -D\"{s}\" -o {b}/x {s}\n");
                write(&build.join("mm/.slub.o.cmd"), &line);
                write(
                    &build.join("tools/.t.o.cmd"),
                    &format!("cc {s}/t.c {b}/t\n"),
                );
                write(&build.join("kernel/livepatch/core.o"), "");
                write(&build.join("kernel/livepatch/.core.o.cmd"), "");
                Ok(())
            })
            .unwrap();
        (cache, BuildSeed { entry, source })
    }

    #[test]
    fn a_copy_has_the_new_paths_and_no_objects_of_the_old_core() {
        let root = tempfile::tempdir().unwrap();
        let (_cache, seed) = finished(root.path());
        let src = seed.source.display().to_string();
        let overlay = root.path().join("overlay");
        fs::create_dir(&overlay).unwrap();
        std::os::unix::fs::symlink(seed.source.join("tools"), overlay.join("tools")).unwrap();
        let build = root.path().join("new");

        let seeds = BuildSeeds {
            finished: vec![seed],
            ..BuildSeeds::default()
        };
        let seeding = seeds.seed(&overlay, &build).unwrap();
        assert!(matches!(seeding, Seeding::Copied));
        let (o, n) = (overlay.display(), build.display());
        assert_eq!(
            fs::read_to_string(build.join("mm/.slub.o.cmd")).unwrap(),
            format!("cc -I{o}/include -I{src}-next -D\"{o}\" -o {n}/x {o}\n")
        );
        assert_eq!(
            fs::read_to_string(build.join("tools/.t.o.cmd")).unwrap(),
            format!("cc {src}/t.c {n}/t\n"),
            "the path of the tools is resolved"
        );
        assert!(build.join("mm/slub.o").is_file());
        assert!(!build.join("kernel/livepatch").exists());
        let again = seeds.seed(&overlay, &build).unwrap();
        assert!(
            matches!(again, Seeding::None),
            "an existing build is continued"
        );
    }

    #[test]
    fn pruned_builds_are_not_used() {
        let root = tempfile::tempdir().unwrap();
        let (_cache, seed) = finished(root.path());
        prune(&seed.entry).unwrap();
        let old = seed.entry.dir().join("build");
        assert!(!old.join("mm/slub.o").exists());
        assert!(old.join("kernel/livepatch/core.o").exists());
        assert!(old.join("mm/.slub.o.cmd").exists());
        assert!(seed.entry.is_ready());
        let build = root.path().join("new");
        let seeds = BuildSeeds {
            finished: vec![seed],
            ..BuildSeeds::default()
        };
        let seeding = seeds.seed(root.path(), &build).unwrap();
        assert!(matches!(seeding, Seeding::None) && !build.exists());
    }

    #[test]
    fn failed_builds_are_moved() {
        let root = tempfile::tempdir().unwrap();
        let (cache, seed) = finished(root.path());
        let failed = cache.entry("kernel", "rust", &Key::new());
        let fail = |dir: &Path| {
            write(&dir.join("build/vmlinux.o"), "");
            let line = format!("cc {}/source/x.c\n", dir.display());
            write(&dir.join("build/.x.o.cmd"), &line);
            anyhow::bail!("no")
        };
        assert!(failed.get_or_resume(fail).is_err());
        let build = root.path().join("new");
        let seeds = BuildSeeds {
            unfinished: vec![BuildSeed {
                source: failed.dir().join("source"),
                entry: failed.clone(),
            }],
            finished: vec![seed],
        };
        let source = root.path().join("overlay");
        let seeding = seeds.seed(&source, &build).unwrap();
        assert!(matches!(seeding, Seeding::Moved));
        assert_eq!(
            fs::read_to_string(build.join(".x.o.cmd")).unwrap(),
            format!("cc {}/x.c\n", source.display())
        );
        assert!(!failed.dir().exists());
    }
}
