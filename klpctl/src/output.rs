// SPDX-License-Identifier: GPL-2.0-only

//! Progress messages, and the list of blockers.

use std::fmt::Write as _;
use std::io::{IsTerminal as _, Write as _};
use std::time::{Duration, Instant};

use crate::journal::{self, Priority};
use crate::kernel::tasks::Blocker;

/// How often the number of tasks is counted: that takes a look at each task.
const BETWEEN: Duration = Duration::from_millis(500);

/// Frames of a stack that people get to see.
const FRAMES: usize = 6;

/// Prints progress on standard error.
#[derive(Debug)]
pub struct Progress {
    /// A terminal, on which one line is written over and over.
    terminal: bool,
    last: Option<Instant>,
    shown: bool,
}

impl Progress {
    pub fn new() -> Self {
        Self {
            terminal: std::io::stderr().is_terminal(),
            last: None,
            shown: false,
        }
    }

    /// Prints a line, also to the journal.
    pub fn say(&mut self, line: &str) {
        self.end();
        eprintln!("{line}");
        journal::write(Priority::Info, line);
    }

    /// How many tasks have not switched yet. Only on terminals.
    pub fn tasks_left(&mut self, name: &str, count: impl FnOnce() -> usize) {
        let due = self.last.is_none_or(|last| last.elapsed() >= BETWEEN);
        if !self.terminal || !due {
            return;
        }
        self.last = Some(Instant::now());
        self.shown = true;
        eprint!("\r\x1b[K{name}: {} left", tasks(count()));
        let _ = std::io::stderr().flush();
    }

    /// Removes the line about tasks.
    pub fn end(&mut self) {
        if std::mem::take(&mut self.shown) {
            eprint!("\r\x1b[K");
        }
    }
}

/// Blockers, for people.
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
