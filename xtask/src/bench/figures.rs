// SPDX-License-Identifier: GPL-2.0-only

//! What the benchmarks found, as a table and as JSON.

use std::fmt;
use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result};
use klp_host::cache::write_whole;
use serde::Serialize;

/// One measured value.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Figure {
    /// What was measured, and of how many.
    pub name: String,
    /// `ns`, `instructions`, `percent`, `kB`, `cycles`.
    pub unit: String,
    pub value: f64,
}

impl Figure {
    /// Reads a line `@figure NAME UNIT VALUE` of a guest's script.
    pub fn parse(line: &str) -> Option<Self> {
        let words: Vec<_> = line.strip_prefix("@figure ")?.split(' ').collect();
        let &[name, unit, value] = words.as_slice() else {
            return None;
        };
        Some(Self {
            name: name.to_owned(),
            unit: unit.to_owned(),
            value: value.parse().ok()?,
        })
    }

    /// The value as people read it.
    fn readable(&self) -> String {
        match self.unit.as_str() {
            "ns" => format!("{:.4} s", self.value / 1e9),
            "percent" => format!("{} %", self.value),
            unit => format!("{} {unit}", self.value),
        }
    }
}

impl fmt::Display for Figure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.name, self.readable())
    }
}

/// The figures of several kernels.
#[derive(Debug, Serialize)]
pub struct Figures {
    kernels: Vec<Column>,
}

/// Those of one.
#[derive(Debug, Serialize)]
struct Column {
    core: String,
    figures: Vec<Figure>,
}

impl Figures {
    /// Each kernel's name with its figures.
    pub fn new(results: Vec<(String, Vec<Figure>)>) -> Self {
        let column = |(core, figures)| Column { core, figures };
        Self {
            kernels: results.into_iter().map(column).collect(),
        }
    }

    /// Writes them as JSON.
    pub fn write(&self, path: &Path) -> Result<()> {
        if let Some(dir) = path.parent().filter(|dir| !dir.as_os_str().is_empty()) {
            fs::create_dir_all(dir).with_context(|| format!("cannot make {}", dir.display()))?;
        }
        write_whole(path, &(serde_json::to_string_pretty(self)? + "\n"))
    }

    /// What was measured on any of them, in the order in which it first appears.
    fn names(&self) -> Vec<&str> {
        let mut names: Vec<&str> = Vec::new();
        for figure in self.kernels.iter().flat_map(|kernel| &kernel.figures) {
            if !names.contains(&figure.name.as_str()) {
                names.push(&figure.name);
            }
        }
        names
    }
}

impl fmt::Display for Figures {
    /// A table in Markdown.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut row = |cells: Vec<String>| writeln!(f, "| {} |", cells.join(" | "));
        let cores = self.kernels.iter().map(|kernel| kernel.core.clone());
        row(["figure".to_owned()].into_iter().chain(cores).collect())?;
        row(vec!["---".to_owned(); self.kernels.len() + 1])?;
        for name in self.names() {
            let cells = self.kernels.iter().map(|kernel| {
                let mut figures = kernel.figures.iter();
                figures
                    .find(|figure| figure.name == name)
                    .map_or("-".to_owned(), Figure::readable)
            });
            row([name.to_owned()].into_iter().chain(cells).collect())?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn figure(line: &str) -> Figure {
        Figure::parse(line).expect(line)
    }

    #[test]
    fn lines_of_figures() {
        let extra = figure("@figure call-extra instructions 72.00");
        assert_eq!(extra.to_string(), "call-extra: 72 instructions");
        for line in [
            "",
            "@figure a ns",
            "@figure a ns x",
            "@figure a ns 1 2",
            "figure a ns 1",
        ] {
            assert_eq!(Figure::parse(line), None, "{line:?}");
        }
    }

    #[test]
    fn the_table_has_a_column_for_each_kernel() {
        let figures = Figures::new(vec![
            ("c".into(), vec![figure("@figure a ns 2000000000")]),
            (
                "rust".into(),
                vec![figure("@figure a ns 1000000"), figure("@figure b kB 3")],
            ),
        ]);
        assert_eq!(
            figures.to_string(),
            "| figure | c | rust |\n| --- | --- | --- |\n\
             | a | 2.0000 s | 0.0010 s |\n| b | - | 3 kB |\n"
        );
    }

    #[test]
    fn json_can_be_read_back() {
        let dir = tempfile::tempdir().expect("a folder");
        let path = dir.path().join("new/bench.json");
        Figures::new(vec![("c".into(), vec![figure("@figure a ns 5")])])
            .write(&path)
            .expect("written");
        let text = fs::read_to_string(&path).expect("text");
        let json: serde_json::Value = serde_json::from_str(&text).expect("JSON");
        assert_eq!(json["kernels"][0]["figures"][0]["value"], 5.0);
    }
}
