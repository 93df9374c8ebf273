// SPDX-License-Identifier: GPL-2.0-only

//! How a run ended.

use std::path::PathBuf;
use std::time::Duration;

use super::console_log;

/// How a run ended.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Outcome {
    /// The command ran to its end with this exit status, and the kernel stayed sound.
    Exited(i32),
    /// The kernel failed, or the guest stopped responding: the reason, with the console's line if any.
    Broken(String),
    /// The run took too long, without an error until then.
    TimedOut(Duration),
}

impl Outcome {
    /// The error of the machine; none if the command ended.
    pub fn failure(&self) -> Option<String> {
        match self {
            Self::Exited(_) => None,
            Self::Broken(what) => Some(what.clone()),
            Self::TimedOut(limit) => Some(format!("not done after {} s", limit.as_secs_f32())),
        }
    }
}

/// The result of a run.
#[derive(Clone, Debug)]
pub struct Report {
    /// How it ended.
    pub outcome: Outcome,
    /// The kernel's console, line by line.
    pub console: Vec<String>,
    /// How long it took until the command started.
    pub ready: Option<Duration>,
    /// How long it took altogether.
    pub took: Duration,
    /// Where the console's text is kept when the run failed.
    pub log: Option<PathBuf>,
}

impl Report {
    /// The error, with the end of the console and the path of all of it; none if the
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
