// SPDX-License-Identifier: GPL-2.0-only

//! Runs `cargo test`, and parses its output: each test's line, and the output of failed tests.

use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result};
use klp_host::host::process::Group;

use crate::case::{Case, Tally};
use crate::checkout;
use crate::report;

/// Runs the tests that `command` starts, and reports and counts them.
pub(super) fn run(mut command: Command) -> Result<Tally> {
    let (reader, writer) = std::io::pipe().context("cannot make a pipe")?;
    command
        .current_dir(checkout::top())
        .stdin(Stdio::null())
        .stdout(writer);
    let mut group = Group::spawn(&mut command)?;
    // Close our copy of the pipe's write end, or the reader would never see the end.
    command.stdout(Stdio::null());

    let mut follower = Follower::new("host");
    for line in BufReader::new(reader).lines() {
        let line = line.context("cannot read the output of cargo test")?;
        follower.line(&line).iter().for_each(report::add);
    }
    let mut tally = follower.tally;
    let status = group.wait()?;
    if !status.success() && tally.failed == 0 {
        let case = Case::failed(
            "host",
            "cargo test",
            format!("cargo test ended with {status}"),
        );
        report::add(&case);
        tally.count(&case);
    }
    Ok(tally)
}

/// Parses the output of `cargo test`, line by line. It may run any number of test programs.
#[derive(Debug)]
struct Follower {
    script: &'static str,
    /// Failed tests whose output has not been read yet.
    failed: Vec<String>,
    /// The current test with its output.
    output: Option<(String, String)>,
    tally: Tally,
}

impl Follower {
    /// Reports cases under this script.
    fn new(script: &'static str) -> Self {
        Self {
            script,
            failed: Vec::new(),
            output: None,
            tally: Tally::default(),
        }
    }

    /// Parses a line. Returns the cases that it decides.
    fn line(&mut self, line: &str) -> Vec<Case> {
        if let Some(counts) = counted(line) {
            self.tally += counts;
            return self.end_of_program();
        }
        if let Some((name, result)) = result_of(line) {
            match result {
                "ok" => return vec![self.case(name, None)],
                "FAILED" => self.failed.push(name.to_owned()),
                _ => {}
            }
            return Vec::new();
        }
        let section = line
            .strip_prefix("---- ")
            .and_then(|rest| rest.strip_suffix(" stdout ----"));
        if let Some(name) = section {
            let ended = self.end_of_output();
            self.output = Some((name.to_owned(), String::new()));
            return ended.into_iter().collect();
        }
        // The list of names after the outputs.
        if line == "failures:" {
            return self.end_of_output().into_iter().collect();
        }
        if let Some((_, output)) = &mut self.output {
            output.push_str(line);
            output.push('\n');
        }
        Vec::new()
    }

    fn case(&self, name: &str, failure: Option<String>) -> Case {
        Case {
            script: self.script.to_owned(),
            name: name.to_owned(),
            failure,
        }
    }

    fn end_of_output(&mut self) -> Option<Case> {
        let (name, output) = self.output.take()?;
        self.failed.retain(|failed| *failed != name);
        Some(self.case(&name, Some(output.trim().to_owned())))
    }

    /// Returns the failed tests that remain, also those without output.
    fn end_of_program(&mut self) -> Vec<Case> {
        let mut cases: Vec<_> = self.end_of_output().into_iter().collect();
        for name in std::mem::take(&mut self.failed) {
            cases.push(self.case(&name, Some("the test failed without output".to_owned())));
        }
        cases
    }
}

/// Parses the name and result of a test: `test a::b ... ok`, `test a::c - should panic ... FAILED`.
fn result_of(line: &str) -> Option<(&str, &str)> {
    let (name, result) = line.strip_prefix("test ")?.rsplit_once(" ... ")?;
    Some((name.trim_end_matches(" - should panic"), result))
}

/// Parses the counts in a line like `test result: ok. 4 passed; 0 failed; ...`.
fn counted(line: &str) -> Option<Tally> {
    let counts = line.strip_prefix("test result: ")?.split_once(". ")?.1;
    let count = |what| {
        counts
            .split("; ")
            .find_map(|part| part.strip_suffix(what)?.trim().parse().ok())
    };
    Some(Tally {
        passed: count("passed")?,
        failed: count("failed")?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The names and failures of the cases in this output, and the counts.
    fn reported(text: &str) -> (Vec<(String, Option<String>)>, Tally) {
        let mut follower = Follower::new("host");
        let cases = text
            .lines()
            .flat_map(|line| follower.line(line))
            .map(|case| (case.name, case.failure))
            .collect();
        (cases, follower.tally)
    }

    #[test]
    fn failed_tests_are_reported_with_their_output() {
        let (cases, tally) = reported(
            "running 4 tests\n\
             test a::passes ... ok\n\
             test a::panics - should panic ... ok\n\
             test a::fails ... FAILED\n\
             test a::is_left_out ... ignored\n\
             test a::is_silent ... FAILED\n\
             \n\
             failures:\n\
             \n\
             ---- a::fails stdout ----\n\
             thread 'a::fails' panicked\n\
             left: 1\n\
             \n\
             failures:\n    a::fails\n    a::is_silent\n\
             \n\
             test result: FAILED. 2 passed; 2 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.00s\n",
        );
        let failed = |name: &str, why: &str| (name.to_owned(), Some(why.to_owned()));
        assert_eq!(
            cases,
            [
                ("a::passes".to_owned(), None),
                ("a::panics".to_owned(), None),
                failed("a::fails", "thread 'a::fails' panicked\nleft: 1"),
                failed("a::is_silent", "the test failed without output"),
            ]
        );
        assert_eq!(
            tally,
            Tally {
                passed: 2,
                failed: 2
            }
        );
    }

    #[test]
    fn only_complete_result_lines_are_counted() {
        assert_eq!(counted("test a::b ... ok"), None);
        assert_eq!(counted("test result: ok"), None);
    }
}
