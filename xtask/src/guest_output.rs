// SPDX-License-Identifier: GPL-2.0-only

//! Runs a virtual machine, and passes on the output of its command line by line.

use std::time::Duration;

use anyhow::Result;
use klp_host::host::progress::say;
use klp_host::vm::{Lines, Outcome, Prepared, Report, Spec};

use crate::passed_guests::Record;

/// The output of a machine, to be kept if all tests in it passed.
#[derive(Debug, Default)]
pub struct Output {
    text: String,
    /// Unset if outputs are not kept.
    record: Option<Record>,
}

impl Output {
    /// Keeps it. All tests have to have passed, on the host's side too.
    pub fn keep(self) {
        let kept = self.record.map(|record| record.keep(&self.text));
        if let Some(Err(err)) = kept {
            say(&format!(
                "note: the machine will be booted again next time: {err:#}"
            ));
        }
    }
}

/// Runs the machine, and calls `line` with each line of output, also with an incomplete last one.
///
/// # Errors
///
/// The machine cannot be run.
pub fn run(spec: &Spec, line: impl FnMut(&str)) -> Result<Report> {
    boot(Prepared::new(spec)?, line)
}

/// As [`run`], but does not boot the machine if the output of an earlier one with the same inputs was kept, and may be
/// reused: then `line` is called with that.
///
/// # Errors
///
/// As [`run`].
pub fn run_or_reuse(spec: &Spec, mut line: impl FnMut(&str)) -> Result<(Report, Output)> {
    let prepared = Prepared::new(spec)?;
    let record = Record::of(|| prepared.inputs())?;
    let earlier = record.as_ref().map(Record::earlier).transpose()?;
    if let Some(text) = earlier.flatten() {
        say(&format!(
            "not booting {}: the output of an earlier machine with the same inputs is used",
            spec.image.display()
        ));
        replay(&text, line);
        let report = Report {
            outcome: Outcome::Exited(0),
            console: Vec::new(),
            ready: None,
            took: Duration::ZERO,
            log: None,
        };
        return Ok((report, Output::default()));
    }
    let mut text = String::new();
    let report = boot(prepared, |it| {
        text.push_str(it);
        text.push('\n');
        line(it);
    })?;
    Ok((report, Output { text, record }))
}

fn boot(prepared: Prepared, mut line: impl FnMut(&str)) -> Result<Report> {
    let mut lines = Lines::default();
    let report = prepared.run(&mut |bytes| {
        lines.push(bytes).iter().for_each(|it| line(it));
        Ok(())
    })?;
    lines.rest().iter().for_each(|it| line(it));
    Ok(report)
}

/// Calls `line` with each line of a kept output.
fn replay(text: &str, line: impl FnMut(&str)) {
    text.lines().for_each(line);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replayed_lines_are_those_of_the_machine() {
        let mut lines = Lines::default();
        let mut seen = lines.push(b"ok - a\r\n\n  b\nwithout ");
        seen.extend(lines.push(b"an end"));
        seen.extend(lines.rest());
        let text: String = seen.iter().map(|line| format!("{line}\n")).collect();
        let mut replayed = Vec::new();
        replay(&text, |line| replayed.push(line.to_owned()));
        assert_eq!(replayed, ["ok - a", "", "  b", "without an end"]);
        assert_eq!(replayed, seen);
    }
}
