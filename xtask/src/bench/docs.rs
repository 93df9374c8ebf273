// SPDX-License-Identifier: GPL-2.0-only

//! The figures in `docs/`: their JSON file, the tables of `figures.md`, and plots.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use klp_host::host::files::write_atomic;

use super::figures::Figures;
use super::plots;
use super::table::{self, Section};
use crate::markers;

const JSON: &str = "figures.json";
const TEXT: &str = "figures.md";
const PLOTS: &str = "plots";

/// Writes the figures into the folder `docs`. Returns the files.
pub fn publish(figures: &Figures, docs: &Path) -> Result<Vec<PathBuf>> {
    let path = docs.join(TEXT);
    let old =
        fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
    let new = fill(&old, figures).with_context(|| format!("in {}", path.display()))?;
    write_atomic(&path, &new)?;
    let json = docs.join(JSON);
    figures.write(&json)?;
    let mut files = vec![path, json];
    files.extend(plots::draw(figures, &docs.join(PLOTS))?);
    Ok(files)
}

/// Returns `text` with the tables of these figures.
fn fill(text: &str, figures: &Figures) -> Result<String> {
    let mut text = text.to_owned();
    for section in Section::ALL {
        let Some(table) = table::table(figures, section) else {
            continue;
        };
        markers::replace(&mut text, section.name(), &table)?;
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::super::figures::{Column, Figure};
    use super::*;
    use crate::checkout;

    #[test]
    fn tables_are_filled_in() {
        let figures = Figures {
            whole: true,
            kernels: vec![Column {
                core: "c".to_owned(),
                release: "7.2.12".to_owned(),
                figures: vec![Figure::new("enable-1", "ns", 1e9)],
            }],
        };
        let text = "a\n<!-- table: functions -->\nold\n<!-- end of table -->\nb\n";
        let new = fill(text, &figures).expect("filled");
        assert_eq!(
            new,
            "a\n<!-- table: functions -->\n| what | C |\n| --- | --- |\n\
             | enable 1 function | 1.00 s |\n<!-- end of table -->\nb\n"
        );
        assert_eq!(fill(&new, &figures).expect("filled again"), new);
        let err = fill("a\n", &figures).expect_err("no markers");
        assert!(
            err.to_string()
                .contains("no markers for the table `functions`"),
            "{err:#}"
        );
    }

    /// The published tables and plots are those of the published figures.
    #[test]
    fn published_tables_and_plots_match() {
        let docs = checkout::top().join("docs");
        let figures = Figures::read(&docs.join(JSON)).expect("figures");
        assert!(figures.whole, "only whole runs are published");
        let text = fs::read_to_string(docs.join(TEXT)).expect("text");
        assert!(
            fill(&text, &figures).expect("filled") == text,
            "docs/{TEXT} is out of date: run cargo xtask bench --from docs/{JSON}"
        );
        for (file, svg) in plots::svgs(&figures).expect("plots") {
            let published = fs::read_to_string(docs.join(PLOTS).join(file)).expect(file);
            assert!(
                published == svg,
                "{file} is out of date: run cargo xtask bench --from docs/{JSON}"
            );
            assert!(text.contains(&format!("({PLOTS}/{file})")), "{file}");
        }
    }
}
