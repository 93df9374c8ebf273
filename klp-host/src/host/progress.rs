// SPDX-License-Identifier: GPL-2.0-only

//! Shows the progress of long operations on standard error: a spinner on a terminal, otherwise lines with
//! a regular heartbeat. The full output of commands goes to a log file.

use std::collections::VecDeque;
use std::fmt::Write as _;
use std::fs::File;
use std::io::{BufRead as _, BufReader, IsTerminal as _, Write as _};
use std::path::Path;
use std::process::{Command, ExitStatus};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Arc, LazyLock, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use anstream::adapter::strip_str;
use anyhow::{Context as _, Result, bail};
use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

use super::files;
use super::process::{self, Group};

/// The interval of heartbeat lines without a terminal.
const HEARTBEAT: Duration = Duration::from_secs(30);

/// The number of output lines in the error of a failed command.
const TAIL: usize = 30;

/// All spinners; `None` without a terminal.
static SPINNERS: LazyLock<Option<MultiProgress>> =
    LazyLock::new(|| std::io::stderr().is_terminal().then(MultiProgress::new));

/// Prints a line on standard error without disturbing the spinners. Colours are kept if the terminal
/// supports them.
pub fn say(line: &str) {
    match &*SPINNERS {
        Some(spinners) => spinners.suspend(|| anstream::eprintln!("{line}")),
        None => anstream::eprintln!("{line}"),
    }
}

/// A status line below all other output.
#[derive(Debug)]
pub struct StatusLine {
    bar: ProgressBar,
}

impl StatusLine {
    /// Shows it if standard output and standard error are terminals.
    pub fn start() -> Option<Self> {
        let spinners = SPINNERS.as_ref()?;
        if !std::io::stdout().is_terminal() {
            return None;
        }
        let bar = ProgressBar::new_spinner();
        if let Ok(style) = ProgressStyle::with_template("{elapsed:>4} {wide_msg}") {
            bar.set_style(style);
        }
        let bar = spinners.add(bar);
        bar.enable_steady_tick(Duration::from_secs(1));
        Some(Self { bar })
    }

    /// Changes its text.
    pub fn set(&self, text: &str) {
        self.bar.set_message(text.to_owned());
    }

    /// Prints lines above it, on standard output.
    pub fn print(&self, text: &str) {
        self.bar.suspend(|| println!("{text}"));
    }
}

impl Drop for StatusLine {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

/// Which of a command's lines the user sees while it runs.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Show {
    /// None: the log has them, and the error has the last ones.
    Nothing,
    /// Compiler messages, without Kbuild's progress lines.
    Messages,
}

/// A long operation with a title.
#[derive(Debug)]
pub struct Step {
    title: String,
    started: Instant,
    last: Arc<Mutex<String>>,
    spinner: Option<ProgressBar>,
    /// Dropping it ends the heartbeat.
    _alive: Option<mpsc::Sender<()>>,
}

impl Step {
    /// Starts a step; `usual` is its usual duration ("about a minute").
    pub fn start(title: &str, usual: &str) -> Self {
        let announced = if usual.is_empty() {
            title.to_owned()
        } else {
            format!("{title} (usually {usual})")
        };
        let started = Instant::now();
        let last = Arc::new(Mutex::new(String::new()));
        let spinner = SPINNERS.as_ref().map(|all| all.add(spinner(&announced)));
        let alive = spinner.is_none().then(|| {
            eprintln!("{announced}");
            heartbeat(title.to_owned(), started, Arc::clone(&last))
        });
        Self {
            title: title.to_owned(),
            started,
            last,
            spinner,
            _alive: alive,
        }
    }

    /// Shows the current state of the step.
    pub fn note(&self, text: &str) {
        if let Some(spinner) = &self.spinner {
            spinner.set_message(text.to_owned());
        }
        text.clone_into(&mut self.last.lock().unwrap_or_else(PoisonError::into_inner));
    }

    /// Runs a command. Its output is appended to the log; the error
    /// has the last lines.
    pub fn run(&self, command: &mut Command, log: &Path) -> Result<()> {
        self.run_showing(command, log, Show::Nothing)
    }

    /// As [`Self::run`], with a choice of which output is shown.
    pub fn run_showing(&self, command: &mut Command, log: &Path, show: Show) -> Result<()> {
        let (status, tail) = self.run_logged(command, log, show)?;
        if status.success() {
            return Ok(());
        }
        let mut message = format!(
            "{} failed ({status}); the whole log is in {}",
            self.title,
            log.display()
        );
        if show == Show::Nothing {
            for line in tail {
                let _ = write!(message, "\n    {line}");
            }
        }
        bail!(message)
    }

    fn run_logged(
        &self,
        command: &mut Command,
        log: &Path,
        show: Show,
    ) -> Result<(ExitStatus, VecDeque<String>)> {
        let mut file = files::append(log).context("cannot write the log")?;
        writeln!(file, "$ {}", process::describe(command))
            .with_context(|| format!("cannot write the log {}", log.display()))?;
        let (reader, writer) = std::io::pipe().context("cannot make a pipe")?;
        command
            .stdin(std::process::Stdio::null())
            .stdout(writer.try_clone().context("cannot make a pipe")?)
            .stderr(writer);
        let mut group = Group::spawn(command)?;
        // Drops the pipe's write ends, so that the reader gets end of file when the child exits.
        command
            .stdout(std::process::Stdio::null())
            .stderr(std::process::Stdio::null());
        thread::scope(|scope| {
            let reading = scope.spawn(|| self.follow(BufReader::new(reader), &mut file, show));
            let status = group.wait();
            drop(group);
            let tail = reading.join().unwrap_or_default();
            Ok((status?, tail))
        })
    }

    /// Reads a command's output to its end; returns the last lines.
    fn follow(
        &self,
        mut output: BufReader<std::io::PipeReader>,
        log: &mut File,
        show: Show,
    ) -> VecDeque<String> {
        let mut tail = VecDeque::new();
        let mut in_message = false;
        let mut line = Vec::new();
        while output.read_until(b'\n', &mut line).is_ok_and(|n| n > 0) {
            let coloured = String::from_utf8_lossy(&line);
            let plain = strip_str(&coloured).to_string();
            // A full disk must not stop the command.
            let _ = log.write_all(plain.as_bytes());
            // Progress bars redraw the line after a carriage return.
            let text = plain.trim_end().rsplit('\r').next().unwrap_or_default();
            // An empty line is shown only after a shown line.
            in_message = !is_noise(text) && (in_message || !text.is_empty());
            if show == Show::Messages && in_message {
                say(coloured.trim_end());
            }
            if !text.is_empty() {
                self.record_line(text, &mut tail);
            }
            line.clear();
        }
        tail
    }

    /// Records a line for the display and for an error.
    fn record_line(&self, text: &str, tail: &mut VecDeque<String>) {
        if !is_make_folder(text) {
            self.note(text.trim_start());
        }
        if tail.len() == TAIL {
            tail.pop_front();
        }
        tail.push_back(text.to_owned());
    }

    /// Ends the step successfully.
    pub fn done(self) {
        let text = format!(
            "{}: done in {}",
            self.title,
            duration(self.started.elapsed())
        );
        say(&text);
    }
}

impl Drop for Step {
    fn drop(&mut self) {
        if let Some(spinner) = &self.spinner {
            spinner.finish_and_clear();
        }
    }
}

fn spinner(title: &str) -> ProgressBar {
    let spinner = ProgressBar::new_spinner().with_prefix(title.to_owned());
    let template = "{spinner} {elapsed:>3} {prefix}\n    {wide_msg:.dim}";
    if let Ok(style) = ProgressStyle::with_template(template) {
        spinner.set_style(style);
    }
    spinner.enable_steady_tick(Duration::from_millis(120));
    spinner
}

/// Prints the state of a step every [`HEARTBEAT`], until the sender is dropped.
fn heartbeat(title: String, started: Instant, last: Arc<Mutex<String>>) -> mpsc::Sender<()> {
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        while receiver.recv_timeout(HEARTBEAT) == Err(RecvTimeoutError::Timeout) {
            let at = last.lock().unwrap_or_else(PoisonError::into_inner).clone();
            eprintln!("  {title}: {}: {at}", duration(started.elapsed()));
        }
    });
    sender
}

/// Whether a line is irrelevant to the author of a module.
fn is_noise(line: &str) -> bool {
    is_kbuild_progress(line)
        || is_make_failure(line)
        // Old versions of pahole skip parts of Rust's debug information.
        || line.starts_with("die__process")
        || line.starts_with("make") && line.ends_with("is up to date.")
}

/// Whether make reports a failed command, whose own message is above; each parent make repeats it.
fn is_make_failure(line: &str) -> bool {
    line.starts_with("make") && (line.contains(": *** [") || line.contains(": *** Waiting for"))
}

/// Whether it is Kbuild's progress line for a file: `  CC [M]  foo.o`.
fn is_kbuild_progress(line: &str) -> bool {
    is_make_folder(line)
        || line.strip_prefix("  ").is_some_and(|rest| {
            let word = rest.split(' ').next().unwrap_or_default();
            let is_upper = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit();
            word.len() > 1 && word.bytes().all(|byte| is_upper(byte) || byte == b'_')
        })
}

/// Whether make enters or leaves a folder: `make[1]: Entering directory ...`.
fn is_make_folder(line: &str) -> bool {
    line.strip_prefix("make")
        .map(|rest| rest.trim_start_matches(|c: char| c == '[' || c == ']' || c.is_ascii_digit()))
        .and_then(|rest| rest.strip_prefix(": "))
        .is_some_and(|rest| rest.starts_with("Entering dir") || rest.starts_with("Leaving dir"))
}

/// Formats a duration: `7 min 46 s`, `1.5 s`.
pub fn duration(time: Duration) -> String {
    let seconds = time.as_secs();
    match seconds {
        0..10 => format!("{:.1} s", time.as_secs_f64()),
        10..60 => format!("{seconds} s"),
        _ => format!("{} min {} s", seconds / 60, seconds % 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kbuild_progress_and_messages_are_distinguished() {
        for line in [
            "  CC [M]  drivers/foo.o",
            "  RUSTC [M] sample.o",
            "  MODPOST Module.symvers",
            "make[1]: Entering directory '/x'",
            "make: Leaving directory '/x'",
        ] {
            assert!(is_kbuild_progress(line), "{line}");
        }
        for line in [
            "error[E0308]: mismatched types",
            "   --> sample.rs:3:1",
            "    | ^^^ expected",
            "  = note: see",
            "make[1]: *** No rule to make target 'foo.o'.  Stop.",
            "foo.c:3: warning: unused",
        ] {
            assert!(!is_kbuild_progress(line), "{line}");
        }
    }

    #[test]
    fn repeated_lines_of_make_are_noise() {
        assert!(is_noise("make[3]: *** [/src/Makefile:3: all] Error 2"));
        assert!(is_noise("make[1]: *** Waiting for unfinished jobs...."));
        assert!(is_noise("make[3]: 'target.mod' is up to date."));
        assert!(!is_noise(
            "make[3]: *** No rule to make target 'a.o', needed by 'b.o'.  Stop."
        ));
    }

    #[test]
    fn logs_have_no_colours() {
        let dir = tempfile::tempdir().unwrap();
        let log = dir.path().join("log");
        let step = Step::start("testing", "");
        let mut command = process::command("printf");
        command.arg("\x1b[1m\x1b[31merror\x1b[0m: no\n");
        step.run_showing(&mut command, &log, Show::Messages)
            .unwrap();
        let text = std::fs::read_to_string(&log).unwrap();
        assert!(text.ends_with("\nerror: no\n"), "{text:?}");
    }

    #[test]
    fn durations_are_short() {
        assert_eq!(duration(Duration::from_millis(1530)), "1.5 s");
        assert_eq!(duration(Duration::from_secs(48)), "48 s");
        assert_eq!(duration(Duration::from_secs(466)), "7 min 46 s");
    }

    #[test]
    fn a_failing_command_names_its_log_and_last_lines() {
        let dir = tempfile::tempdir().unwrap();
        let log = dir.path().join("log");
        let step = Step::start("testing", "");
        let mut command = process::command("sh");
        command.args([
            "-c",
            "for i in $(seq 40); do echo line $i; done; echo bad >&2; exit 3",
        ]);
        let err = step.run(&mut command, &log).unwrap_err().to_string();
        assert!(err.contains("testing failed (exit status: 3)"), "{err}");
        assert!(err.contains(&log.display().to_string()), "{err}");
        assert!(err.contains("line 40\n    bad"), "{err}");
        assert!(!err.contains("line 5\n"), "{err}");
        assert!(std::fs::read_to_string(&log).unwrap().contains("line 5\n"));
    }
}
