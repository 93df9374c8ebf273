// SPDX-License-Identifier: GPL-2.0-only

//! Transcripts of the guest's script by case, and their differences.

use super::diff::{Line, diff};
use super::expected::{Expected, SCRIPT};
use crate::case::Case;

/// The number of lines shown before and after a difference.
const CONTEXT: usize = 2;

/// The cases of one run, in order.
#[derive(Debug, Default, Eq, PartialEq)]
pub(super) struct Transcript {
    steps: Vec<Step>,
}

/// A case and its output.
#[derive(Debug, Eq, PartialEq)]
struct Step {
    name: String,
    lines: Vec<String>,
}

impl Transcript {
    /// Parses the script's output. Lines before the first case are dropped.
    pub(super) fn parse(text: &str) -> Self {
        let mut steps: Vec<Step> = Vec::new();
        for line in text.lines().map(str::trim_end) {
            if line == "@end" {
                break;
            }
            if let Some(name) = line.strip_prefix("@ ") {
                steps.push(Step {
                    name: name.to_owned(),
                    lines: Vec::new(),
                });
            } else if let Some(step) = steps.last_mut() {
                step.lines.push(line.to_owned());
            }
        }
        Self { steps }
    }

    fn step(&self, name: &str) -> Option<&Step> {
        self.steps.iter().find(|step| step.name == name)
    }

    fn is_ambiguous(&self, step: &Step) -> bool {
        let same = self.steps.iter().filter(|other| other.name == step.name);
        same.count() > 1
    }
}

/// Compares the cases of both cores. Returns one case for each pair.
pub(super) fn compare(c: &Transcript, rust: &Transcript, expected: &mut Expected) -> Vec<Case> {
    let mut cases: Vec<_> = c
        .steps
        .iter()
        .map(|step| Case {
            script: SCRIPT.to_owned(),
            name: step.name.clone(),
            failure: match rust.step(&step.name) {
                _ if c.is_ambiguous(step) => {
                    Some("the script has several cases of this name".to_owned())
                }
                Some(other) => difference(step, other, expected),
                None => Some("the case did not run on rust".to_owned()),
            },
        })
        .collect();
    let only_rust = rust
        .steps
        .iter()
        .filter(|step| c.step(&step.name).is_none());
    let missing = "the case did not run on c";
    cases.extend(only_rust.map(|step| Case::failed(SCRIPT, &step.name, missing)));
    if cases.is_empty() {
        cases.push(Case::failed(SCRIPT, "cases", "no case ran"));
    }
    cases
}

/// The unexpected differences with their context, as text; `None` if there are none.
fn difference(c: &Step, rust: &Step, expected: &mut Expected) -> Option<String> {
    let (before, after): (Vec<_>, Vec<_>) = (
        c.lines.iter().map(String::as_str).collect(),
        rust.lines.iter().map(String::as_str).collect(),
    );
    let lines: Vec<_> = diff(&before, &after)
        .into_iter()
        .map(|line| match line {
            Line::Both(_) => (line, false),
            _ => (line, !expected.explains(&c.name, line)),
        })
        .collect();
    let is_near = |index: usize| {
        let (first, last) = (index.saturating_sub(CONTEXT), index + CONTEXT);
        lines
            .iter()
            .enumerate()
            .any(|(index, (_, differs))| *differs && (first..=last).contains(&index))
    };
    let shown: Vec<_> = lines
        .iter()
        .enumerate()
        .filter(|(index, _)| is_near(*index))
        .map(|(_, (line, _))| line.to_string())
        .collect();
    (!shown.is_empty()).then(|| shown.join("\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failures(c: &str, rust: &str, expected: &str) -> Vec<(String, Option<String>)> {
        let mut expected = Expected::parse(expected).unwrap();
        compare(
            &Transcript::parse(c),
            &Transcript::parse(rust),
            &mut expected,
        )
        .into_iter()
        .chain(expected.unseen())
        .map(|case| (case.name, case.failure))
        .collect()
    }

    #[test]
    fn equal_transcripts_pass() {
        let text = "noise\n@ one\na\nb\n@ two\nc \n@end\nnoise\n";
        assert_eq!(
            failures(text, "@ one\na\nb\n@ two\nc\n@end\n", ""),
            [("one".into(), None), ("two".into(), None)]
        );
    }

    #[test]
    fn differences_are_shown_with_context() {
        let found = failures(
            "@ one\n1\n2\n3\nold\n4\n5\n6\n",
            "@ one\n1\n2\n3\nnew\n4\n5\n6\n",
            "",
        );
        let shown = "  2\n  3\n- old\n+ new\n  4\n  5";
        assert_eq!(found, [("one".into(), Some(shown.to_owned()))]);
    }

    #[test]
    fn a_case_that_did_not_run_fails() {
        let found = failures("@ one\n@ two\n", "@ two\n@ three\n", "");
        let failed: Vec<_> = found.iter().map(|(_, why)| why.is_some()).collect();
        assert_eq!(failed, [true, false, true]);
        assert!(failures("", "", "")[0].1.is_some());
    }

    #[test]
    fn names_of_cases_have_to_be_unique() {
        let text = "@ one\na\n@ one\na\n";
        assert!(
            failures(text, text, "")
                .iter()
                .all(|(_, why)| why.is_some())
        );
    }

    #[test]
    fn intended_differences_are_accepted() {
        let expected = "# Because.\n@ one\n- old\n+ new\n";
        assert_eq!(
            failures("@ one\nold\n", "@ one\nnew\n", expected),
            [("one".into(), None)]
        );
        // They are not accepted in another case.
        let found = failures("@ two\nold\n", "@ two\nnew\n", expected);
        assert!(found[0].1.is_some());
        // A listed difference that does not occur has to be removed.
        assert!(found[1..].iter().all(|(_, why)| why.is_some()));
        assert_eq!(found.len(), 3);
    }
}
