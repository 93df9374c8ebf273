// SPDX-License-Identifier: GPL-2.0-only

//! Stores and summarises the console of a failed run.

use std::cmp::Reverse;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

use super::console::{judge, message};

/// The number of console lines in a message.
const SHOWN: usize = 40;

/// The number of logs that are kept.
const KEPT: usize = 20;

/// Writes the console's text to a file in this folder; returns its path.
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
            // The run's own failure is more important.
            eprintln!(
                "cannot keep the console's text in {}: {err}",
                path.display()
            );
            None
        }
    }
}

/// Returns a unique part of a file name that sorts by time: time, process and number of the guest.
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
        // Another process may have removed it.
        let _ = fs::remove_file(path);
    }
}

fn is_log(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    name.starts_with("console-") && name.ends_with(".log")
}

/// The number of lines shown from the start of an error that is not among the last lines.
const SHOWN_OF_START: usize = 15;

/// The kernel's prefix of a panic in Rust code, whose message is in the next line.
const PANIC: &str = "rust_kernel: panicked at ";

/// Returns the message for a failed run.
pub(super) fn explain(what: &str, console: &[String], log: Option<&Path>) -> String {
    let mut lines = vec![what.to_owned()];
    lines.extend(panic(console));
    if console.is_empty() {
        lines.push("the kernel printed nothing".to_owned());
    }
    let shown = |lines: &[String]| -> Vec<String> {
        let lines = lines.iter();
        lines.map(|line| format!("  {}", printable(line))).collect()
    };
    let mut end = console.len().saturating_sub(SHOWN);
    if let Some(start) = trouble(console).filter(|start| *start < end) {
        lines.push("the console where it went wrong:".to_owned());
        let until = end.min(start + SHOWN_OF_START);
        lines.extend(shown(&console[start..until]));
        end = end.max(console.len().saturating_sub(SHOWN - SHOWN_OF_START));
    }
    if !console.is_empty() {
        let count = console.len() - end;
        lines.push(format!("the last {count} lines of the console:"));
        lines.extend(shown(&console[end..]));
    }
    if let Some(log) = log {
        lines.push(format!("the whole console: {}", log.display()));
    }
    lines.join("\n")
}

/// Finds the place and message of a panic in Rust code.
fn panic(console: &[String]) -> Option<String> {
    let mut lines = console.iter().map(|line| message(line));
    let place = lines.find_map(|line| line.strip_prefix(PANIC))?;
    let text = lines.next().unwrap_or_default();
    let place = place.trim_end_matches(':');
    Some(printable(&format!("Rust code panicked at {place}: {text}")))
}

/// Returns the first line of a Rust panic, or else of the worst error.
fn trouble(console: &[String]) -> Option<usize> {
    let panic = |line: &String| message(line).starts_with(PANIC);
    if let Some(first) = console.iter().position(panic) {
        return Some(first);
    }
    let judged = console.iter().enumerate();
    let judged = judged.filter_map(|(index, line)| Some((judge(line)?, index)));
    let worst = judged.min_by_key(|(severity, index)| (Reverse(*severity), *index));
    worst.map(|(_, index)| index)
}

/// The maximal number of characters of a line in a message.
const SHOWN_OF_LINE: usize = 500;

/// Escapes control characters of a guest's line, and limits its length.
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
    fn the_first_error_is_shown_despite_later_output() {
        let mut console: Vec<_> = (1..=100).map(|number| format!("line {number}")).collect();
        console.push("[    1.5] WARNING: early".to_owned());
        console.push("[    2.5][   T9] rust_kernel: panicked at fix.rs:10:8:".to_owned());
        console.push("[    2.5][   T9] the index is \x1b[2J7".to_owned());
        console.push("[    2.6] kernel BUG at rust/helpers/bug.c:7!".to_owned());
        console.extend((1..=100).map(|number| format!("[    3.0] trace {number}")));
        let text = explain("the kernel broke: kernel BUG", &console, None);
        let start = "the kernel broke: kernel BUG\n\
                     Rust code panicked at fix.rs:10:8: the index is \\u{1b}[2J7\n\
                     the console where it went wrong:\n  [    2.5][   T9] rust_kernel: panicked";
        assert!(text.starts_with(start), "{text}");
        assert!(
            text.contains("\n  [    3.0] trace 12\nthe last 25 lines of"),
            "{text}"
        );
        assert!(
            !text.contains("trace 13\n") && text.contains("trace 76\n"),
            "{text}"
        );
        // Without a panic the worst line counts.
        console.retain(|line| !line.contains("panicked"));
        let text = explain("x", &console, None);
        assert!(
            text.starts_with("x\nthe console where it went wrong:\n  [    2.6] kernel BUG"),
            "{text}"
        );
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
