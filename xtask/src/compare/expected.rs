// SPDX-License-Identifier: GPL-2.0-only

//! Expected differences with their reasons: `tests/compare/expected.diff`.
//!
//! ```text
//! # The reason, in any number of lines.
//! @ the case
//! - a line of the C core only
//! + a line of the Rust core only
//! ```
//!
//! A `*` at the end of a case's name or of a line matches anything.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result, bail};

use super::diff::Line;
use crate::case::Case;

/// The script name that cases are reported under.
pub(super) const SCRIPT: &str = "compare";

/// The expected differences.
#[derive(Debug, Default)]
pub(super) struct Expected {
    lines: Vec<ExpectedLine>,
}

/// A line that only one core prints.
#[derive(Debug)]
struct ExpectedLine {
    case: String,
    /// `- ` or `+ `, and the line.
    line: String,
    /// Whether this difference occurred.
    seen: bool,
}

impl Expected {
    pub(super) fn read(path: &Path) -> Result<Self> {
        let text =
            fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
        Self::parse(&text).with_context(|| format!("in {}", path.display()))
    }

    pub(super) fn parse(text: &str) -> Result<Self> {
        let mut lines = Vec::new();
        let (mut has_reason, mut case) = (false, None);
        for (index, line) in text.lines().enumerate() {
            let number = index + 1;
            if line.trim().is_empty() {
                (has_reason, case) = (false, None);
            } else if line.starts_with('#') {
                has_reason = true;
            } else if let Some(name) = line.strip_prefix("@ ") {
                if !has_reason {
                    bail!(
                        "line {number}: missing reason: say in a line above, after `#`, why this is expected"
                    );
                }
                case = Some(name.to_owned());
            } else if line.starts_with("- ") || line.starts_with("+ ") {
                let Some(case) = &case else {
                    bail!(
                        "line {number}: missing case: say in a line above, after `@`, which case this is in"
                    );
                };
                lines.push(ExpectedLine {
                    case: case.clone(),
                    line: line.to_owned(),
                    seen: false,
                });
            } else {
                bail!("line {number}: a line has to begin with `#`, `@ `, `- ` or `+ `");
            }
        }
        Ok(Self { lines })
    }

    /// Whether this difference in that case is expected. Marks it as seen.
    pub(super) fn explains(&mut self, case: &str, line: Line<'_>) -> bool {
        let line = line.to_string();
        let mut found = false;
        for expected in &mut self.lines {
            if matches(&expected.case, case) && matches(&expected.line, &line) {
                expected.seen = true;
                found = true;
            }
        }
        found
    }

    /// Failed cases for listed differences that did not occur and have to be removed from the list.
    pub(super) fn unseen(&self) -> Vec<Case> {
        let unseen = self.lines.iter().filter(|expected| !expected.seen);
        unseen
            .map(|expected| {
                let name = format!("expected: {}: {}", expected.case, expected.line);
                let why = "this difference no longer occurs: remove it from the list";
                Case::failed(SCRIPT, &name, why)
            })
            .collect()
    }
}

fn matches(pattern: &str, text: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some(start) => text.starts_with(start),
        None => text == pattern,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_difference_needs_a_reason_and_a_case() {
        for (text, message) in [
            ("@ one\n- a\n", "why"),
            ("# Why.\n\n@ one\n- a\n", "why"),
            ("# Why.\n- a\n", "which case"),
            ("# Why.\n@ one\na\n", "begin with"),
        ] {
            let err = Expected::parse(text).unwrap_err().to_string();
            assert!(err.contains(message), "{text:?}: {err}");
        }
    }

    #[test]
    fn a_star_matches_the_rest() {
        let mut expected = Expected::parse("# Why.\n@ one*\n+ log: begins*\n").unwrap();
        assert_eq!(expected.unseen().len(), 1);
        assert!(!expected.explains("one", Line::OnlyC("log: begins here")));
        assert!(!expected.explains("none", Line::OnlyRust("log: begins here")));
        assert!(expected.explains("one: more", Line::OnlyRust("log: begins here")));
        assert!(expected.unseen().is_empty());
    }
}
