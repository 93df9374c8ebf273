// SPDX-License-Identifier: GPL-2.0-only

//! Parses a unified diff into files and hunks.

use anyhow::{Context as _, Result, bail, ensure};
use diffy::Line;
use diffy::patch_set::{FileOperation, ParseOptions, PatchKind, PatchSet};

/// The maximum number of files that a fix changes.
const FILES_MAX: usize = 1000;

/// The changes of a fix to one file.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct FileChange {
    /// The path from the top of the tree, before the change.
    pub path: String,
    /// The file is created or copied.
    pub created: bool,
    /// The file is removed or renamed.
    pub removed: bool,
    pub hunks: Vec<Hunk>,
}

/// A hunk of a diff.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Hunk {
    /// The first line in the file before the change, from 1.
    pub start: usize,
    /// The function context in the hunk's header: the last line before the hunk that starts in the first column.
    pub header: Option<String>,
    pub lines: Vec<(Change, String)>,
}

/// The change of a line.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Change {
    None,
    Added,
    Removed,
}

impl Hunk {
    /// The lines except those with the change `absent`: the text before the fix without added lines, the text with the
    /// fix without removed ones.
    pub fn side(&self, absent: Change) -> impl Iterator<Item = &str> {
        let lines = self.lines.iter();
        lines
            .filter(move |(change, _)| *change != absent)
            .map(|(_, line)| line.as_str())
    }

    /// The lines in the form of a diff.
    pub fn text(&self) -> String {
        let sign = |change: &Change| match change {
            Change::None => ' ',
            Change::Added => '+',
            Change::Removed => '-',
        };
        let lines = self.lines.iter();
        let lines =
            lines.map(|(change, line)| format!("{}{line}", sign(change)).trim_end().to_owned());
        lines.collect::<Vec<_>>().join("\n")
    }
}

/// Parses a diff.
pub(super) fn read(text: &str) -> Result<Vec<FileChange>> {
    let git = text.starts_with("diff --git ");
    let options = match git {
        true => ParseOptions::gitdiff(),
        false => ParseOptions::unidiff(),
    };
    let mut files = Vec::new();
    for patch in PatchSet::parse(text, options) {
        let patch = patch.context("its diff is damaged")?;
        ensure!(
            files.len() < FILES_MAX,
            "it changes more than {FILES_MAX} files: give the diff of one fix"
        );
        let (path, created, removed) = operation(patch.operation(), git);
        let patch = match patch.patch() {
            PatchKind::Text(patch) => patch,
            PatchKind::Binary(_) => bail!(
                "`{path}` is changed as a binary file: a live patch replaces functions, and needs a diff of C files"
            ),
        };
        let hunks = patch.hunks().iter().map(hunk).collect();
        files.push(FileChange {
            path,
            created,
            removed,
            hunks,
        });
    }
    ensure!(
        files.iter().any(|file| !file.hunks.is_empty()),
        "its diff changes only names or modes of files, no lines"
    );
    Ok(files)
}

fn hunk(hunk: &diffy::Hunk<'_, str>) -> Hunk {
    let header = hunk.function_context().map(|text| text.trim().to_owned());
    let line = |line: &Line<'_, str>| {
        let (change, text) = match line {
            Line::Context(text) => (Change::None, text),
            Line::Delete(text) => (Change::Removed, text),
            Line::Insert(text) => (Change::Added, text),
        };
        (change, text.trim_end_matches('\n').to_owned())
    };
    Hunk {
        start: hunk.old_range().start(),
        header: header.filter(|text| !text.is_empty()),
        lines: hunk.lines().iter().map(line).collect(),
    }
}

fn operation(operation: &FileOperation<'_, str>, git: bool) -> (String, bool, bool) {
    let plain = |path: &str| plain_path(path, git);
    match operation {
        FileOperation::Create(path) => (plain(path), true, false),
        FileOperation::Delete(path) => (plain(path), false, true),
        FileOperation::Modify { original, .. } => (plain(original), false, false),
        FileOperation::Rename { from, .. } => (plain(from), false, true),
        FileOperation::Copy { to, .. } => (plain(to), true, false),
    }
}

/// Strips the prefix `a/` or the name of the tree, and the date after the path.
fn plain_path(path: &str, git: bool) -> String {
    let path = path.split('\t').next().unwrap_or_default();
    let mut parts = path.splitn(2, '/');
    match (parts.next(), parts.next()) {
        (Some("a" | "b" | "i" | "w" | "c" | "o"), Some(rest)) => rest.to_owned(),
        (Some(top), Some(rest)) if !git && !TOPS.contains(&top) => rest.to_owned(),
        _ => path.to_owned(),
    }
}

/// The top-level entries of a kernel source tree.
pub(super) const TOPS: [&str; 26] = [
    "arch",
    "block",
    "certs",
    "crypto",
    "Documentation",
    "drivers",
    "fs",
    "include",
    "init",
    "io_uring",
    "ipc",
    "Kbuild",
    "Kconfig",
    "kernel",
    "lib",
    "LICENSES",
    "MAINTAINERS",
    "Makefile",
    "mm",
    "net",
    "rust",
    "samples",
    "scripts",
    "security",
    "sound",
    "tools",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_and_hunks_are_parsed() {
        let text = "diff --git a/fs/a.c b/fs/a.c\nindex 1..2 100644\n--- a/fs/a.c\n+++ b/fs/a.c\n\
                    @@ -10,3 +10,4 @@ static int a_show(struct seq_file *m)\n one\n-two\n+two!\n+more\n three\n\
                    diff --git a/fs/b.c b/fs/b.c\nnew file mode 100644\n--- /dev/null\n+++ b/fs/b.c\n\
                    @@ -0,0 +1 @@\n+x\n-- \n2.40.1\n";
        let files = read(text).unwrap();
        assert_eq!(files.len(), 2);
        assert_eq!(
            (files[0].path.as_str(), files[0].created),
            ("fs/a.c", false)
        );
        assert_eq!((files[1].path.as_str(), files[1].created), ("fs/b.c", true));
        let hunk = &files[0].hunks[0];
        assert_eq!(hunk.start, 10);
        assert_eq!(
            hunk.header.as_deref(),
            Some("static int a_show(struct seq_file *m)")
        );
        assert_eq!(
            hunk.side(Change::Added).collect::<Vec<_>>(),
            ["one", "two", "three"]
        );
        assert_eq!(hunk.text(), " one\n-two\n+two!\n+more\n three");
    }

    #[test]
    fn names_of_trees_are_stripped_from_plain_diffs() {
        let text = "--- linux-7.2.orig/fs/a.c\t2024-01-01 00:00:00\n+++ linux-7.2/fs/a.c\t2024-01-02\n\
                    @@ -1 +1 @@\n-a\n+b\n";
        assert_eq!(read(text).unwrap()[0].path, "fs/a.c");
        let text = "--- fs/a.c\n+++ fs/a.c\n@@ -1 +1 @@\n-a\n+b\n";
        assert_eq!(read(text).unwrap()[0].path, "fs/a.c");
    }

    #[test]
    fn unusable_diffs_are_refused_with_a_reason() {
        for (text, why) in [
            (
                "diff --git a/l.png b/l.png\nindex 1..2 100644\nBinary files a/l.png and b/l.png differ\n",
                "binary file",
            ),
            (
                "diff --git a/x b/y\nsimilarity index 100%\nrename from x\nrename to y\n",
                "no lines",
            ),
            ("--- a/x\n+++ b/x\n@@ -1,5 +1,5 @@\n-a\n", "damaged"),
        ] {
            let error = format!("{:#}", read(text).unwrap_err());
            assert!(error.contains(why), "{text}: {error}");
        }
    }
}
