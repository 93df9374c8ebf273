// SPDX-License-Identifier: GPL-2.0-only

//! Another kernel's build folder as the start of a build: kernels that differ in their livepatch
//! core have nearly all objects in common.
//!
//! Kbuild builds an object again when its command line changes, and command lines hold the
//! absolute paths of the sources and of the build. So the copy's records of them are given the
//! new paths; whatever else differs, make finds out by itself.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use walkdir::WalkDir;

use super::install::FOLDER;
use crate::cache::{Entry, gone};
use crate::host::process;

/// What the last link is made of: gone first when a folder is thinned out, so that it tells
/// which can be started from.
const WHOLE: &str = "vmlinux.o";

/// A build that can be started from.
#[derive(Clone, Debug)]
pub struct Start {
    pub entry: Entry,
    /// The source tree it was built from.
    pub source: PathBuf,
}

/// Makes `build`, for sources in `source`, from the first of these that can be used. Answers
/// which; none is fine: then all is built.
pub fn copy_one<'a>(starts: &'a [Start], source: &Path, build: &Path) -> Result<Option<&'a Start>> {
    if build.exists() {
        // An earlier run was cut off after this.
        return Ok(None);
    }
    for start in starts {
        let copied = start.entry.use_ready(|dir| {
            let old = dir.join("build");
            let is_whole = old.join(WHOLE).is_file();
            if is_whole {
                copy(&old, &start.source, build, source)?;
            }
            Ok(is_whole)
        })?;
        if copied == Some(true) {
            return Ok(Some(start));
        }
    }
    Ok(None)
}

fn copy(old: &Path, old_source: &Path, build: &Path, source: &Path) -> Result<()> {
    let partial = build.with_extension("partial");
    remove(&partial)?;
    // With the files' times. Where the file system can, they share their blocks.
    let mut cp = process::command("cp");
    cp.args(["-a", "--reflink=auto"]).arg(old).arg(&partial);
    process::output(&mut cp)?;
    // Built anew: an object of another core must not pass for one of this.
    remove(&partial.join(FOLDER))?;
    let texts = [old, build, old_source, source].map(Path::to_string_lossy);
    let builds = (&*texts[0], &*texts[1]);
    let sources = (&*texts[2], &*texts[3]);
    // The tools are built in their real folder, which stays when the new tree links to the old.
    let tools = partial.join("tools");
    let same_tools = old_source.join("tools") == linked(&source.join("tools"));
    for path in records(&partial)? {
        if same_tools && path.starts_with(&tools) {
            rewrite(&path, &[builds])?;
        } else {
            rewrite(&path, &[sources, builds])?;
        }
    }
    fs::rename(&partial, build).with_context(|| format!("cannot name {}", build.display()))
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

fn rewrite(path: &Path, replace: &[(&str, &str)]) -> Result<()> {
    // What is no text stays as it is, and make builds it again.
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

/// The text with this path in the place of that. Paths that only begin with the same letters
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
    gone(fs::remove_dir_all(dir), dir)
}

/// Frees most of the room of a build that nobody will start from: what modules, images and
/// debuggers need stays.
pub fn thin_out(entry: &Entry) -> Result<()> {
    let done = entry.use_ready(|dir| {
        let build = dir.join("build");
        let whole = build.join(WHOLE);
        gone(fs::remove_file(&whole), &whole)?;
        for item in WalkDir::new(&build) {
            let item = item.with_context(|| format!("cannot list {}", build.display()))?;
            if item.file_type().is_file() && is_intermediate(item.path()) {
                gone(fs::remove_file(item.path()), item.path())?;
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
    fn finished(root: &Path) -> (Cache, Start) {
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
        (cache, Start { entry, source })
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

        let starts = [start];
        assert!(copy_one(&starts, &forest, &build).unwrap().is_some());
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
        assert!(copy_one(&starts, &forest, &build).unwrap().is_none());
    }

    #[test]
    fn what_is_thinned_out_is_no_start() {
        let root = tempfile::tempdir().unwrap();
        let (_cache, start) = finished(root.path());
        thin_out(&start.entry).unwrap();
        let old = start.entry.dir().join("build");
        assert!(!old.join("mm/slub.o").exists());
        assert!(old.join("mm/.slub.o.cmd").exists());
        assert!(start.entry.is_ready());
        let build = root.path().join("new");
        let starts = [start];
        let none = copy_one(&starts, root.path(), &build).unwrap();
        assert!(none.is_none() && !build.exists());
    }
}
