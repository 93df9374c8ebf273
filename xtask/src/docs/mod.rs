// SPDX-License-Identifier: GPL-2.0-only

//! Generates the reference tables of the documentation from the code.

mod tables;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};
use klp_host::host::files::write_atomic;

use crate::markers;

/// The command that writes the tables.
const COMMAND: &str = "cargo xtask docs";

/// A table's name in its marker, and its text.
type Table = (&'static str, fn() -> String);

/// A file and the tables that it contains.
struct Page {
    file: &'static str,
    tables: &'static [Table],
}

const PAGES: [Page; 6] = [
    Page {
        file: "docs/authors.md",
        tables: &[
            ("keys", tables::keys),
            ("types", tables::types),
            ("trial-options", tables::trial_options),
            ("kernels", tables::kernels),
            ("cargo-klp-exit", tables::cargo_klp_exit),
            ("variables", tables::variables),
        ],
    },
    Page {
        file: "docs/findings.md",
        tables: &[("findings", tables::findings)],
    },
    Page {
        file: "docs/operators.md",
        tables: &[
            ("klpctl-exit", tables::klpctl_exit),
            ("metrics", tables::metrics),
        ],
    },
    Page {
        file: "klp-macros/src/lib.rs",
        tables: &[("keys", tables::keys)],
    },
    Page {
        file: "klp/src/abi.rs",
        tables: &[("types", tables::types)],
    },
    Page {
        file: "klp/src/view.rs",
        tables: &[("members", tables::members)],
    },
];

/// Writes the tables into the pages below `top`. Returns the changed pages.
pub fn write(top: &Path) -> Result<Vec<PathBuf>> {
    let mut changed = Vec::new();
    for page in &PAGES {
        let path = top.join(page.file);
        let (old, new) = page.read(&path)?;
        if new != old {
            write_atomic(&path, &new)?;
            changed.push(path);
        }
    }
    Ok(changed)
}

/// Fails if a table does not match the code.
pub fn check(top: &Path) -> Result<()> {
    let mut stale = Vec::new();
    for page in &PAGES {
        let (old, new) = page.read(&top.join(page.file))?;
        if let Some((old, new)) = first_difference(&old, &new) {
            stale.push(format!("{}:\n  has   {old}\n  code  {new}", page.file));
        }
    }
    ensure!(
        stale.is_empty(),
        "these tables do not match the code; run `{COMMAND}`:\n{}",
        stale.join("\n")
    );
    Ok(())
}

/// The first differing line of each text.
fn first_difference<'a>(old: &'a str, new: &'a str) -> Option<(&'a str, &'a str)> {
    if old == new {
        return None;
    }
    let missing = "(nothing)";
    let (mut old, mut new) = (old.lines(), new.lines());
    loop {
        match (old.next(), new.next()) {
            (Some(old), Some(new)) if old == new => {}
            (old, new) => return Some((old.unwrap_or(missing), new.unwrap_or(missing))),
        }
    }
}

impl Page {
    /// Returns the page as it is, and with up-to-date tables.
    fn read(&self, path: &Path) -> Result<(String, String)> {
        let old =
            fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
        let mut new = old.clone();
        for (name, table) in self.tables {
            markers::replace(&mut new, name, &table())
                .with_context(|| format!("in {}", path.display()))?;
        }
        Ok((old, new))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stale_table_is_reported_with_its_first_wrong_row() {
        let dir = tempfile::tempdir().expect("a folder");
        for page in &PAGES {
            let path = dir.path().join(page.file);
            fs::create_dir_all(path.parent().expect("a parent")).expect("a folder");
            let places = page
                .tables
                .iter()
                .map(|(name, _)| format!("<!-- table: {name} -->\n<!-- end of table -->\n"));
            fs::write(&path, places.collect::<String>()).expect("a page");
        }
        assert_eq!(write(dir.path()).expect("written").len(), PAGES.len());
        check(dir.path()).expect("what was just written");
        assert!(write(dir.path()).expect("written").is_empty());

        let path = dir.path().join("docs/operators.md");
        let text = fs::read_to_string(&path).expect("text");
        fs::write(&path, text.replace("| 2 | wrong usage |", "| 2 | usage |")).expect("written");
        let error = check(dir.path()).expect_err("a stale table").to_string();
        assert_eq!(
            error,
            "these tables do not match the code; run `cargo xtask docs`:\n\
             docs/operators.md:\n  has   | 2 | usage |\n  code  | 2 | wrong usage |"
        );
    }
}
