// SPDX-License-Identifier: GPL-2.0-only

//! The result of a run.

use std::path::PathBuf;
use std::time::Duration;

use super::console_log;

/// The outcome of a run.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Outcome {
    /// The command ended with this exit status, without a kernel error.
    Exited(i32),
    /// The kernel failed, or the guest stopped responding: the reason, with the line of the console if any.
    Broken(String),
    /// The time limit was exceeded without an error.
    TimedOut(Duration),
}

impl Outcome {
    /// Returns the error of the guest; `None` if the command ended.
    pub fn failure(&self) -> Option<String> {
        match self {
            Self::Exited(_) => None,
            Self::Broken(what) => Some(what.clone()),
            Self::TimedOut(limit) => Some(format!("timed out after {} s", limit.as_secs_f32())),
        }
    }
}

/// The result of a run.
#[derive(Clone, Debug)]
pub struct Report {
    /// The outcome.
    pub outcome: Outcome,
    /// The kernel's console, line by line.
    pub console: Vec<String>,
    /// The time until the command started.
    pub ready: Option<Duration>,
    /// The total time.
    pub took: Duration,
    /// The file with the console output of a failed run.
    pub log: Option<PathBuf>,
}

impl Report {
    /// Returns the error, with the end of the console and the path of its log; `None` if the
    /// command ended.
    pub fn problem(&self) -> Option<String> {
        let what = self.outcome.failure()?;
        Some(console_log::explain(
            &what,
            &self.console,
            self.log.as_deref(),
        ))
    }
}
