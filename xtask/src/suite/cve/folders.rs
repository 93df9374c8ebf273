// SPDX-License-Identifier: GPL-2.0-only

//! Lists the folders in `examples/cve`, and tests their sources.

use std::fs;

use anyhow::{Context as _, Result};

use crate::checkout;

/// The parent of the folders, in the checkout.
pub(super) const FOLDER: &str = "examples/cve";

/// The names of the folders, `CVE-YYYY-NNNN`, sorted.
pub(super) fn all() -> Result<Vec<String>> {
    let dir = checkout::top().join(FOLDER);
    let cannot = || format!("cannot read {}", dir.display());
    let mut names = Vec::new();
    for entry in fs::read_dir(&dir).with_context(cannot)? {
        let entry = entry.with_context(cannot)?;
        if entry.path().is_dir() {
            names.push(entry.file_name().to_string_lossy().into_owned());
        }
    }
    names.sort();
    Ok(names)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A fix.
    #[derive(Debug)]
    struct Fix {
        name: String,
        /// The patch's source.
        text: String,
    }

    /// All fixes, by name.
    fn fixes() -> Vec<Fix> {
        all().unwrap().into_iter().map(Fix::read).collect()
    }

    impl Fix {
        fn read(name: String) -> Self {
            let dir = checkout::top().join(FOLDER).join(&name);
            for other in ["Kbuild", "README.md"] {
                assert!(dir.join(other).is_file(), "{name} has no {other}");
            }
            let file = dir.join(format!("livepatch-{}.rs", name.to_lowercase()));
            let text = fs::read_to_string(&file)
                .unwrap_or_else(|error| panic!("cannot read {}: {error}", file.display()));
            Self { name, text }
        }

        /// The lines of code, without comments and empty lines.
        fn code(&self) -> impl Iterator<Item = &str> {
            let lines = self.text.lines().map(str::trim);
            lines.filter(|line| !line.is_empty() && !line.starts_with("//"))
        }

        /// Whether it has an `unsafe` block or function, apart from claims.
        fn has_unsafe_code(&self) -> bool {
            let mut lines = self.code();
            lines.any(|line| {
                line.contains("unsafe {") || line.contains("unsafe fn") || line.ends_with("unsafe")
            })
        }

        /// The number of `unsafe` in declarations.
        fn claims(&self) -> usize {
            self.code().map(|line| line.matches("unsafe").count()).sum()
        }

        fn functions(&self) -> Vec<String> {
            let rest = self.text.split("replaces = \"").skip(1);
            rest.filter_map(|rest| Some(format!("`{}`", rest.split('"').next()?)))
                .collect()
        }

        fn object(&self) -> &str {
            let rest = self.text.split("#[livepatch(").last().unwrap_or_default();
            let rest = rest.split_once("object = \"").unwrap_or_default().1;
            rest.split('"').next().unwrap_or_default()
        }

        /// Whether its scenario shows the flaw on code without the fix.
        fn is_reproduced(&self) -> bool {
            let file = checkout::top().join(format!("tests/cve/{}.sh", self.name));
            let text = fs::read_to_string(&file).unwrap_or_default();
            assert!(text.contains("shows_"), "{} checks nothing", file.display());
            text.contains("shows_flaw")
        }

        /// The table's row.
        fn row(&self) -> String {
            let name = &self.name;
            format!(
                "| [{name}]({name}) | {} | {} | {} | {} | {} |",
                self.object(),
                self.functions().join(", "),
                self.code().count(),
                self.claims(),
                if self.is_reproduced() { "yes" } else { "no" },
            )
        }
    }

    #[test]
    fn most_fixes_are_short_and_safe() {
        let fixes = fixes();
        assert!(fixes.len() >= 20, "only {} fixes", fixes.len());
        let mut lengths: Vec<_> = fixes.iter().map(|fix| fix.code().count()).collect();
        lengths.sort_unstable();
        let median = lengths[lengths.len() / 2];
        assert!(median <= 15, "the median is {median} lines: {lengths:?}");
        let with_unsafe: Vec<_> = fixes
            .iter()
            .filter(|fix| fix.has_unsafe_code())
            .map(|fix| &fix.name)
            .collect();
        assert!(with_unsafe.len() <= 2, "{with_unsafe:?} have unsafe code");
        let reproduced = fixes.iter().filter(|fix| fix.is_reproduced()).count();
        assert!(reproduced >= 8, "only {reproduced} flaws are shown");
    }

    #[test]
    fn each_fix_has_its_cve_in_modinfo() {
        for fix in fixes() {
            let key = format!("fixes = [\"{}\"]", fix.name);
            assert!(fix.text.contains(&key), "{} lacks `{key}`", fix.name);
        }
    }

    #[test]
    fn the_table_matches_the_folders() {
        let file = checkout::top().join(FOLDER).join("README.md");
        let text = fs::read_to_string(file).unwrap();
        let rows: Vec<_> = fixes().iter().map(Fix::row).collect();
        let found: Vec<_> = text
            .lines()
            .filter(|line| line.starts_with("| ["))
            .collect();
        assert_eq!(found, rows, "expected\n{}", rows.join("\n"));
    }
}
