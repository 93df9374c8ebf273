// SPDX-License-Identifier: GPL-2.0-only

//! Keeps and shows the console of a run that failed.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

/// How many lines of the console a message shows.
const SHOWN: usize = 40;

/// How many logs are kept.
const KEPT: usize = 20;

/// Writes the console's text into this folder; tells where.
pub(super) fn keep(console: &[String], dir: &Path) -> Option<PathBuf> {
    let path = dir.join(format!("console-{}.log", file_stamp()));
    let written =
        fs::create_dir_all(dir).and_then(|()| fs::write(&path, console.join("\n") + "\n"));
    match written {
        Ok(()) => {
            forget_old(dir);
            Some(path)
        }
        Err(err) => {
            // The run's own failure matters more.
            eprintln!(
                "cannot keep the console's text in {}: {err}",
                path.display()
            );
            None
        }
    }
}

/// Sorts by time, and differs between processes and between the machines of one.
fn file_stamp() -> String {
    static MACHINES: AtomicUsize = AtomicUsize::new(0);
    let machine = MACHINES.fetch_add(1, Ordering::Relaxed);
    let now = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap_or_default();
    format!("{:013}-{}-{machine}", now.as_millis(), std::process::id())
}

/// Removes the oldest logs.
fn forget_old(dir: &Path) {
    let Ok(entries) = fs::read_dir(dir) else {
        return;
    };
    let mut logs: Vec<_> = entries
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| is_log(path))
        .collect();
    logs.sort();
    let surplus = logs.len().saturating_sub(KEPT);
    for path in &logs[..surplus] {
        // Another process may have been faster.
        let _ = fs::remove_file(path);
    }
}

fn is_log(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    name.starts_with("console-") && name.ends_with(".log")
}

/// The message for a run that failed.
pub(super) fn explain(what: &str, console: &[String], log: Option<&Path>) -> String {
    let mut lines = vec![what.to_owned()];
    if console.is_empty() {
        lines.push("the kernel printed nothing".to_owned());
    } else {
        let start = console.len().saturating_sub(SHOWN);
        lines.push(format!(
            "the last {} lines of the console:",
            console.len() - start
        ));
        let shown = console[start..].iter();
        lines.extend(shown.map(|line| format!("  {}", printable(line))));
    }
    if let Some(log) = log {
        lines.push(format!("the whole console: {}", log.display()));
    }
    lines.join("\n")
}

/// The most characters of a line that a message shows.
const SHOWN_OF_LINE: usize = 500;

/// A line of the guest's for a message: it cannot change the terminal, and is not too long.
pub(super) fn printable(line: &str) -> String {
    let mut text = String::new();
    for char in line.chars().take(SHOWN_OF_LINE) {
        if char.is_control() && char != '\t' {
            text.extend(char.escape_default());
        } else {
            text.push(char);
        }
    }
    if line.chars().nth(SHOWN_OF_LINE).is_some() {
        text.push_str(" ...");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_the_guest_cannot_change_the_terminal() {
        assert_eq!(printable("a\tb\x1b[2Jc\rd"), "a\tb\\u{1b}[2Jc\\rd");
        assert_eq!(printable(&"x".repeat(500)), "x".repeat(500));
        assert_eq!(printable(&"x".repeat(501)), "x".repeat(500) + " ...");
        let console = ["\x1b]0;title\x07".to_owned()];
        assert!(!explain("x", &console, None).contains('\x1b'));
    }

    #[test]
    fn the_end_of_the_console_is_shown() {
        let console: Vec<_> = (1..=100).map(|number| format!("line {number}")).collect();
        let text = explain("the kernel broke", &console, Some(Path::new("/x.log")));
        assert!(text.starts_with("the kernel broke\n"));
        assert!(text.contains("  line 61\n") && text.contains("  line 100\n"));
        assert!(!text.contains("  line 60\n"));
        assert!(text.ends_with("/x.log"));
        assert!(explain("x", &[], None).contains("printed nothing"));
    }

    #[test]
    fn only_the_newest_logs_stay() {
        let dir = tempfile::tempdir().expect("a folder");
        for number in 0..KEPT + 3 {
            fs::write(dir.path().join(format!("console-{number:013}-1.log")), "").expect("a log");
        }
        fs::write(dir.path().join("other"), "").expect("a file");
        forget_old(dir.path());
        assert!(!dir.path().join(format!("console-{:013}-1.log", 2)).exists());
        assert!(dir.path().join(format!("console-{:013}-1.log", 3)).exists());
        assert!(dir.path().join("other").exists());
    }
}
