// SPDX-License-Identifier: GPL-2.0-only

//! Runs tests of Rust's harness, and parses their output: each test's line, and the output of failed ones.

use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result};
use klp_host::host::process::Group;

use crate::case::{Case, Tally};
use crate::checkout;
use crate::report;

/// Runs the tests that `command` starts, reports and counts them.
pub(super) fn run(mut command: Command) -> Result<Tally> {
    let (reader, writer) = std::io::pipe().context("cannot make a pipe")?;
    command
        .current_dir(checkout::top())
        .stdin(Stdio::null())
        .stdout(writer);
    let mut group = Group::spawn(&mut command)?;
    // The command holds the pipe's writing end: without it the reader sees the end.
    command.stdout(Stdio::null());

    let mut follower = Follower::new("host");
    for line in BufReader::new(reader).lines() {
        let line = line.context("cannot read what cargo test prints")?;
        follower.line(&line).iter().for_each(report::add);
    }
    let mut tally = follower.tally;
    let status = group.wait()?;
    if !status.success() && tally.failed == 0 {
        let case = Case::failed("host", "cargo test", format!("it ended with {status}"));
        report::add(&case);
        tally.count(&case);
    }
    Ok(tally)
}

/// Follows the output of `cargo test`, of any number of test programs one after the other.
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
    /// Cases of this script.
    fn new(script: &'static str) -> Self {
        Self {
            script,
            failed: Vec::new(),
            output: None,
            tally: Tally::default(),
        }
    }

    /// The cases that are decided with this line.
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
        // The list of names that closes the outputs.
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

    /// Tests that printed nothing have failed all the same.
    fn end_of_program(&mut self) -> Vec<Case> {
        let mut cases: Vec<_> = self.end_of_output().into_iter().collect();
        for name in std::mem::take(&mut self.failed) {
            cases.push(self.case(&name, Some("it failed".to_owned())));
        }
        cases
    }
}

/// The name of a test and how it went: `test a::b ... ok`, `test a::c - should panic ... FAILED`.
fn result_of(line: &str) -> Option<(&str, &str)> {
    let (name, result) = line.strip_prefix("test ")?.rsplit_once(" ... ")?;
    Some((name.trim_end_matches(" - should panic"), result))
}

/// The counts in a line like `test result: ok. 4 passed; 0 failed; ...`.
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

    /// The results of these lines: names, and failures.
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
                failed("a::is_silent", "it failed"),
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
    fn only_whole_result_lines_are_counted() {
        assert_eq!(counted("test a::b ... ok"), None);
        assert_eq!(counted("test result: ok"), None);
    }
}
