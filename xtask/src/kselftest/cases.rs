// SPDX-License-Identifier: GPL-2.0-only

//! Cases of the selftest scripts: finds them in the scripts, and parses their results from the output.

use std::collections::BTreeMap;

use crate::case::Case;

/// The exit status of a script that skips itself.
const SKIPPED: i32 = 4;

/// Returns the names of a script's cases, in order.
pub(super) fn plan(script: &str) -> Vec<String> {
    script
        .lines()
        .filter_map(|line| line.trim_start().strip_prefix("start_test "))
        .map(|name| name.trim().trim_matches('"').to_owned())
        .collect()
}

/// Parses the output of the guest's script, line by line.
#[derive(Debug)]
pub(super) struct Follower {
    /// The planned cases of each script that has not ended yet.
    planned: BTreeMap<String, Vec<String>>,
    /// The running script.
    current: Option<Script>,
    /// The last case that started, until its result is known.
    open: Option<Case>,
}

/// A running script.
#[derive(Debug)]
struct Script {
    name: String,
    /// The number of cases that started.
    started: usize,
    failed: usize,
    /// The output outside of cases.
    messages: Vec<String>,
}

impl Follower {
    /// Expects these scripts, with their cases in order.
    pub(super) fn new(planned: BTreeMap<String, Vec<String>>) -> Self {
        Self {
            planned,
            current: None,
            open: None,
        }
    }

    /// Parses a line of output. Returns the cases that it decides.
    pub(super) fn line(&mut self, line: &str) -> Vec<Case> {
        if let Some(script) = line.strip_prefix("@begin ") {
            self.current = Some(Script {
                name: script.into(),
                started: 0,
                failed: 0,
                messages: Vec::new(),
            });
            return Vec::new();
        }
        if let Some((script, status)) = line
            .strip_prefix("@end ")
            .and_then(|rest| rest.split_once(' '))
        {
            return self.end(script, status.parse().unwrap_or(-1));
        }
        let Some(script) = &mut self.current else {
            return Vec::new();
        };
        if let Some((name, rest)) = line
            .strip_prefix("TEST: ")
            .and_then(|test| test.split_once(" ... "))
        {
            script.started += 1;
            let name = name.to_owned();
            let before = self.close();
            let script = self
                .current
                .as_ref()
                .map(|script| script.name.clone())
                .unwrap_or_default();
            self.open = Some(Case {
                script,
                name,
                failure: None,
            });
            return before.into_iter().chain(self.note(rest)).collect();
        }
        self.note(line).into_iter().collect()
    }

    /// Handles the stop of the machine: cases that are running or not started have failed.
    pub(super) fn finish(mut self, why: &str) -> Vec<Case> {
        let mut cases = Vec::new();
        if let Some(open) = &mut self.open {
            append(&mut open.failure, why);
        }
        cases.extend(self.close());
        if let Some(script) = self.current.take() {
            cases.extend(self.not_run(&script.name, script.started, why));
        }
        for script in self.planned.keys().cloned().collect::<Vec<_>>() {
            cases.extend(self.not_run(&script, 0, why));
        }
        cases
    }

    /// Adds a line to the open case, or to the script's messages. Returns the case if the line decides it.
    fn note(&mut self, text: &str) -> Option<Case> {
        match &mut self.open {
            Some(open) if text == "ok" && open.failure.is_none() => return self.open.take(),
            Some(open) if !text.is_empty() => append(&mut open.failure, text),
            Some(_) => {}
            None => {
                if let Some(script) = self.current.as_mut().filter(|_| !text.is_empty()) {
                    script.messages.push(text.to_owned());
                }
            }
        }
        None
    }

    /// Ends the open case as failed: it did not report `ok`.
    fn close(&mut self) -> Option<Case> {
        let mut case = self.open.take()?;
        if case.failure.is_none() {
            case.failure = Some("the case reported no result".into());
        }
        if let Some(script) = &mut self.current {
            script.failed += 1;
        }
        Some(case)
    }

    /// Handles the end of a script with this status.
    fn end(&mut self, script: &str, status: i32) -> Vec<Case> {
        let why = match status {
            SKIPPED => "the script skipped itself".to_owned(),
            124 | 137 => "the script took too long".to_owned(),
            _ => format!("the script ended with status {status}"),
        };
        if let Some(open) = self.open.as_mut().filter(|_| status != 0) {
            append(&mut open.failure, &why);
        }
        let mut cases: Vec<_> = self.close().into_iter().collect();
        let Some(current) = self.current.take() else {
            return cases;
        };
        let why = std::iter::once(why)
            .chain(current.messages)
            .collect::<Vec<_>>()
            .join("\n");
        let missing = self.not_run(
            script,
            current.started,
            &format!("the case did not run: {why}"),
        );
        if status != 0 && missing.is_empty() && current.failed == 0 {
            cases.push(Case {
                script: script.into(),
                name: "exit status".into(),
                failure: Some(why),
            });
        }
        cases.extend(missing);
        cases
    }

    /// Returns the planned cases of a script after the first `started` ones, as failed.
    fn not_run(&mut self, script: &str, started: usize, why: &str) -> Vec<Case> {
        let planned = self.planned.remove(script).unwrap_or_default();
        planned
            .into_iter()
            .skip(started)
            .map(|name| Case {
                script: script.into(),
                name,
                failure: Some(why.to_owned()),
            })
            .collect()
    }
}

fn append(text: &mut Option<String>, line: &str) {
    match text {
        Some(text) => {
            text.push('\n');
            text.push_str(line);
        }
        None => *text = Some(line.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SCRIPT: &str = r#"
# start_test "in a comment"
start_test "first"
if true; then
	start_test "second"
fi
start_test "third (odd)"
"#;

    fn follower() -> Follower {
        Follower::new(BTreeMap::from([
            ("test-a.sh".into(), plan(SCRIPT)),
            ("test-b.sh".into(), vec!["only".into()]),
        ]))
    }

    fn feed(follower: &mut Follower, text: &str) -> Vec<(String, bool)> {
        text.lines()
            .flat_map(|line| follower.line(line))
            .map(|case| (case.name, case.failure.is_none()))
            .collect()
    }

    fn named(list: &[(&str, bool)]) -> Vec<(String, bool)> {
        list.iter()
            .map(|(name, ok)| ((*name).to_owned(), *ok))
            .collect()
    }

    #[test]
    fn cases_are_found_in_scripts() {
        assert_eq!(plan(SCRIPT), ["first", "second", "third (odd)"]);
    }

    #[test]
    fn all_pass() {
        let mut follower = follower();
        let text = "@begin test-a.sh\nTEST: first ... ok\nTEST: second ... ok\nTEST: third (odd) ... ok\n\n@end test-a.sh 0\n\
                    @begin test-b.sh\nTEST: only ... ok\n\n@end test-b.sh 0\n";
        assert_eq!(
            feed(&mut follower, text),
            named(&[
                ("first", true),
                ("second", true),
                ("third (odd)", true),
                ("only", true)
            ])
        );
        assert_eq!(follower.finish("stopped"), []);
    }

    #[test]
    fn a_failing_case_ends_its_script() {
        let mut follower = follower();
        let text = "@begin test-a.sh\nTEST: first ... ok\nTEST: second ... not ok\n\n--- expected\n+++ result\n+x\nok\n\n\
                    ERROR: livepatch kselftest(s) failed\n\n@end test-a.sh 1\n";
        let cases: Vec<_> = text.lines().flat_map(|line| follower.line(line)).collect();
        let names: Vec<_> = cases
            .iter()
            .map(|case| (case.name.as_str(), case.failure.is_some()))
            .collect();
        assert_eq!(
            names,
            [("first", false), ("second", true), ("third (odd)", true)]
        );
        let detail = cases[1].failure.as_deref().unwrap_or_default();
        assert!(
            detail.starts_with("not ok\n--- expected\n") && detail.contains("ERROR: livepatch"),
            "{detail}"
        );
        assert!(
            cases[2]
                .failure
                .as_deref()
                .unwrap_or_default()
                .contains("did not run")
        );
    }

    #[test]
    fn a_case_that_stops_silently_fails() {
        let mut follower = follower();
        let text = "@begin test-b.sh\nTEST: only ... \n@end test-b.sh 137\n";
        let cases: Vec<_> = text.lines().flat_map(|line| follower.line(line)).collect();
        assert_eq!(cases.len(), 1);
        assert_eq!(
            cases[0].failure.as_deref(),
            Some("the script took too long")
        );
    }

    #[test]
    fn ok_may_be_on_a_separate_line() {
        let mut follower = follower();
        assert_eq!(
            feed(
                &mut follower,
                "@begin test-b.sh\nTEST: only ... \nok\n\n@end test-b.sh 0\n"
            ),
            named(&[("only", true)])
        );
    }

    #[test]
    fn skipped_scripts_and_bad_exit_statuses_fail() {
        let mut one = follower();
        let cases = ["@begin test-b.sh", "SKIP: no kprobes", "@end test-b.sh 4"]
            .map(|line| one.line(line))
            .concat();
        assert_eq!(cases.len(), 1);
        let why = cases[0].failure.as_deref().unwrap_or_default();
        assert!(
            why.contains("skipped") && why.contains("no kprobes"),
            "{why}"
        );

        let mut other = follower();
        let text = "@begin test-b.sh\nTEST: only ... ok\n@end test-b.sh 1\n";
        assert_eq!(
            feed(&mut other, text),
            named(&[("only", true), ("exit status", false)])
        );
    }

    #[test]
    fn a_crashed_machine_fails_the_remaining_cases() {
        let mut follower = follower();
        feed(
            &mut follower,
            "@begin test-a.sh\nTEST: first ... ok\nTEST: second ... ",
        );
        let cases = follower.finish("the kernel broke: Oops");
        let names: Vec<_> = cases.iter().map(|case| case.name.as_str()).collect();
        assert_eq!(names, ["second", "third (odd)", "only"]);
        assert!(cases.iter().all(|case| {
            case.failure
                .as_deref()
                .is_some_and(|why| why.contains("Oops"))
        }));
    }
}
