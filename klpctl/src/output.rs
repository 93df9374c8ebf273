// SPDX-License-Identifier: GPL-2.0-only

//! Progress messages and the text of blockers.

use std::fmt::Write as _;
use std::io::{IsTerminal as _, Write as _};
use std::time::{Duration, Instant};

use crate::journal::{self, Priority};
use crate::kernel::tasks::Blocker;

/// The interval between task counts, each of which reads all tasks.
const COUNT_INTERVAL: Duration = Duration::from_millis(500);

/// The number of stack frames in the text output.
const FRAMES: usize = 6;

/// Prints progress on standard error.
#[derive(Debug)]
pub struct Progress {
    /// On a terminal, the task count overwrites itself.
    terminal: bool,
    /// The last task count.
    last: Option<Instant>,
    /// The line has a task count.
    has_count: bool,
}

impl Progress {
    pub fn new() -> Self {
        Self {
            terminal: std::io::stderr().is_terminal(),
            last: None,
            has_count: false,
        }
    }

    /// Prints a line, and writes it to the journal.
    pub fn say(&mut self, line: &str) {
        self.end();
        eprintln!("{line}");
        journal::write(Priority::Info, line);
    }

    /// Shows how many tasks have not switched yet. Terminals only.
    pub fn tasks_left(&mut self, name: &str, count: impl FnOnce() -> usize) {
        let due = self
            .last
            .is_none_or(|last| last.elapsed() >= COUNT_INTERVAL);
        if !self.terminal || !due {
            return;
        }
        self.last = Some(Instant::now());
        self.has_count = true;
        eprint!("\r\x1b[K{name}: {} left", tasks(count()));
        let _ = std::io::stderr().flush();
    }

    /// Clears the task count.
    pub fn end(&mut self) {
        if std::mem::take(&mut self.has_count) {
            eprint!("\r\x1b[K");
        }
    }
}

/// The text output for blockers.
pub fn blockers(blockers: &[Blocker]) -> String {
    let mut text = String::new();
    for it in blockers {
        let kind = if it.kernel_thread {
            "kernel thread"
        } else {
            "task"
        };
        let _ = write!(text, "  {kind} {} ({})", it.tid, it.name.escape_default());
        if it.tid != it.pid {
            let _ = write!(text, " of process {}", it.pid);
        }
        match (&it.why, &it.function) {
            (Some(why), _) => {
                let _ = write!(text, ": {why}");
            }
            (None, Some(function)) => {
                let _ = write!(text, ": in {function}");
            }
            (None, None) => {}
        }
        if !it.stack.is_empty() {
            let frames: Vec<_> = it.stack.iter().take(FRAMES).map(String::as_str).collect();
            let _ = write!(text, "\n    stack: {}", frames.join(" < "));
        }
        text.push('\n');
    }
    text
}

/// `1 task`, `2 tasks`
pub fn tasks(count: usize) -> String {
    match count {
        1 => "1 task".to_owned(),
        _ => format!("{count} tasks"),
    }
}
