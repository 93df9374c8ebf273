// SPDX-License-Identifier: GPL-2.0-only

//! Starts a kernel build from a copy of a related build: kernels that differ in their livepatch
//! core share nearly all objects.
//!
//! Kbuild rebuilds an object when its command line changes, and command lines contain the
//! absolute paths of the source and the build. So these paths are rewritten in the copy's
//! records; make detects all other differences.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use walkdir::WalkDir;

use super::install::FOLDER;
use crate::cache::Entry;
use crate::host::files::ignore_not_found;
use crate::host::process;

/// Input of the final link. Pruning deletes it first, so its presence marks a usable
/// seed.
const WHOLE: &str = "vmlinux.o";

/// A build that can be started from.
#[derive(Clone, Debug)]
pub(super) struct BuildSeed {
    pub entry: Entry,
    /// The source tree it was built from.
    pub source: PathBuf,
}

/// The origin of a build.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Started {
    /// A build from scratch, or one that continues after an interruption.
    Anew,
    /// What an unfinished build left was taken over.
    TakenOver,
    /// From a copy of a finished one.
    Copied,
}

/// Builds to start from.
#[derive(Clone, Debug, Default)]
pub(super) struct BuildSeeds {
    /// The best first.
    pub finished: Vec<BuildSeed>,
    /// Failed or interrupted builds that will not be continued: of a core that did
    /// not compile.
    pub unfinished: Vec<BuildSeed>,
}

impl BuildSeeds {
    /// Makes `build`, for sources in `source`, from one of these if one can be used.
    pub(super) fn make(&self, source: &Path, build: &Path) -> Result<Started> {
        if build.exists() {
            return Ok(Started::Anew);
        }
        let partial = build.with_extension("partial");
        remove(&partial)?;
        let started = self.fetch(source, build, &partial);
        if started.is_err() {
            remove(&partial)?;
        }
        started
    }

    fn fetch(&self, source: &Path, build: &Path, partial: &Path) -> Result<Started> {
        for start in &self.unfinished {
            let taken = start.entry.take_apart(|dir| {
                let old = dir.join("build");
                if !is_whole(&old) {
                    return Ok(false);
                }
                rename(&old, partial)?;
                adapt(partial, (&old, build), (&start.source, source))?;
                Ok(true)
            })?;
            if taken {
                return Ok(Started::TakenOver);
            }
        }
        for start in &self.finished {
            let copied = start.entry.use_ready(|dir| {
                let old = dir.join("build");
                if !is_whole(&old) {
                    return Ok(false);
                }
                copy(&old, partial)?;
                adapt(partial, (&old, build), (&start.source, source))?;
                Ok(true)
            })?;
            if copied == Some(true) {
                return Ok(Started::Copied);
            }
        }
        Ok(Started::Anew)
    }
}

fn is_whole(build: &Path) -> bool {
    build.join(WHOLE).is_file()
}

/// With the files' times. Where the file system can, they share their blocks.
fn copy(from: &Path, to: &Path) -> Result<()> {
    let mut cp = process::command("cp");
    cp.args(["-a", "--reflink=auto"]).arg(from).arg(to);
    process::output(&mut cp).map(|_| ())
}

/// Makes a build folder in `partial` one of other paths, each given as old and new, and names it.
fn adapt(partial: &Path, builds: (&Path, &Path), sources: (&Path, &Path)) -> Result<()> {
    // Rebuilt: an object of another core must not be taken for one of this.
    remove(&partial.join(FOLDER))?;
    // The tools are built in their real folder, which stays when both trees lead to it.
    let tools = partial.join("tools");
    let same_tools = sources.0.join("tools") == linked(&sources.1.join("tools"));
    let text = |path: &Path| path.to_string_lossy().into_owned();
    let build_texts = (text(builds.0), text(builds.1));
    let source_texts = (text(sources.0), text(sources.1));
    for path in records(partial)? {
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

/// Where a link leads.
fn linked(path: &Path) -> PathBuf {
    fs::read_link(path).unwrap_or_default()
}

/// The files in which Kbuild keeps command lines.
fn records(build: &Path) -> Result<Vec<PathBuf>> {
    let mut records = Vec::new();
    for entry in WalkDir::new(build) {
        let entry = entry.with_context(|| format!("cannot list {}", build.display()))?;
        if entry.file_type().is_file() && entry.path().extension() == Some(OsStr::new("cmd")) {
            records.push(entry.into_path());
        }
    }
    Ok(records)
}

fn rewrite(path: &Path, replace: &[&(String, String)]) -> Result<()> {
    // Files that are no text stay as they are, and make rebuilds them.
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

/// Replaces a path in a text. Paths that only begin with the same letters
/// stay as they are.
fn replaced(text: &str, from: &str, to: &str) -> String {
    let mut new = String::with_capacity(text.len());
    let mut parts = text.split(from);
    new.push_str(parts.next().unwrap_or_default());
    for part in parts {
        let goes_on = part.bytes().next().is_some_and(in_name);
        new.push_str(if goes_on { from } else { to });
        new.push_str(part);
    }
    new
}

/// Whether a path's last name would go on with this.
fn in_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"._-+~".contains(&byte)
}

fn remove(dir: &Path) -> Result<()> {
    ignore_not_found(fs::remove_dir_all(dir), dir)
}

/// Deletes most of a build that no other will start from: it keeps what modules, images and
/// debuggers need, and the core's objects, for their sizes.
pub(super) fn prune(entry: &Entry) -> Result<()> {
    let done = entry.use_ready(|dir| {
        let build = dir.join("build");
        let whole = build.join(WHOLE);
        if !is_whole(&build) {
            return Ok(());
        }
        ignore_not_found(fs::remove_file(&whole), &whole)?;
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
    fn a_copy_has_the_new_paths_and_nothing_of_the_old_core() {
        let root = tempfile::tempdir().unwrap();
        let (_cache, start) = finished(root.path());
        let src = start.source.display().to_string();
        let forest = root.path().join("forest");
        fs::create_dir(&forest).unwrap();
        std::os::unix::fs::symlink(start.source.join("tools"), forest.join("tools")).unwrap();
        let build = root.path().join("new");

        let starts = BuildSeeds {
            finished: vec![start],
            ..BuildSeeds::default()
        };
        let started = starts.make(&forest, &build).unwrap();
        assert!(matches!(started, Started::Copied));
        let (f, n) = (forest.display(), build.display());
        assert_eq!(
            fs::read_to_string(build.join("mm/.slub.o.cmd")).unwrap(),
            format!("cc -I{f}/include -I{src}-next -D\"{f}\" -o {n}/x {f}\n")
        );
        assert_eq!(
            fs::read_to_string(build.join("tools/.t.o.cmd")).unwrap(),
            format!("cc {src}/t.c {n}/t\n"),
            "tools see through links"
        );
        assert!(build.join("mm/slub.o").is_file());
        assert!(!build.join("kernel/livepatch").exists());
        let again = starts.make(&forest, &build).unwrap();
        assert!(
            matches!(again, Started::Anew),
            "it goes on with what is there"
        );
    }

    #[test]
    fn pruned_builds_are_no_seeds() {
        let root = tempfile::tempdir().unwrap();
        let (_cache, start) = finished(root.path());
        prune(&start.entry).unwrap();
        let old = start.entry.dir().join("build");
        assert!(!old.join("mm/slub.o").exists());
        assert!(old.join("kernel/livepatch/core.o").exists());
        assert!(old.join("mm/.slub.o.cmd").exists());
        assert!(start.entry.is_ready());
        let build = root.path().join("new");
        let starts = BuildSeeds {
            finished: vec![start],
            ..BuildSeeds::default()
        };
        let started = starts.make(root.path(), &build).unwrap();
        assert!(matches!(started, Started::Anew) && !build.exists());
    }

    #[test]
    fn failed_builds_are_seeds() {
        let root = tempfile::tempdir().unwrap();
        let (cache, start) = finished(root.path());
        let failed = cache.entry("kernel", "rust", &Key::new());
        let fail = |dir: &Path| {
            write(&dir.join("build/vmlinux.o"), "");
            let line = format!("cc {}/source/x.c\n", dir.display());
            write(&dir.join("build/.x.o.cmd"), &line);
            anyhow::bail!("no")
        };
        assert!(failed.get_or_resume(fail).is_err());
        let build = root.path().join("new");
        let starts = BuildSeeds {
            unfinished: vec![BuildSeed {
                source: failed.dir().join("source"),
                entry: failed.clone(),
            }],
            finished: vec![start],
        };
        let source = root.path().join("forest");
        let started = starts.make(&source, &build).unwrap();
        assert!(matches!(started, Started::TakenOver));
        assert_eq!(
            fs::read_to_string(build.join(".x.o.cmd")).unwrap(),
            format!("cc {}/x.c\n", source.display())
        );
        assert!(!failed.dir().exists());
    }
}
