// SPDX-License-Identifier: GPL-2.0-only

//! Runs child processes with a clean environment, in their own process groups,
//! which are killed when this process ends.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::io::Read;
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command, ExitCode, ExitStatus, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use rustix::process::{Pid, Signal};

use super::environment;

/// Set by Ctrl-C or SIGTERM; long operations poll it.
static INTERRUPTED: AtomicBool = AtomicBool::new(false);

/// The process groups to signal on Ctrl-C.
static GROUPS: Mutex<BTreeSet<i32>> = Mutex::new(BTreeSet::new());

/// The time for children and clean-up after Ctrl-C.
const GRACE: Duration = Duration::from_secs(10);

/// The error of operations interrupted by Ctrl-C.
#[derive(Clone, Copy, Debug)]
pub struct Interrupted;

impl std::fmt::Display for Interrupted {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("interrupted; the next run continues from here")
    }
}

impl std::error::Error for Interrupted {}

/// Runs the `main` of a program: prints an error, and returns the exit code.
pub fn main(command: impl FnOnce() -> Result<ExitCode>) -> ExitCode {
    match handle_interrupts().and_then(|()| command()) {
        Ok(status) => status,
        // The error is a consequence of the interruption.
        Err(_) if is_interrupted() => {
            eprintln!("{Interrupted}");
            ExitCode::from(130)
        }
        Err(err) => {
            eprintln!("error: {err:#}");
            ExitCode::FAILURE
        }
    }
}

/// Installs the handler: Ctrl-C ends the children, and then this process through [`Interrupted`] errors, so
/// that destructors run. A second Ctrl-C exits at once.
fn handle_interrupts() -> Result<()> {
    ctrlc::set_handler(|| {
        if INTERRUPTED.swap(true, Ordering::SeqCst) {
            signal_groups(Signal::KILL);
            std::process::exit(130);
        }
        signal_groups(Signal::TERM);
        std::thread::spawn(|| {
            std::thread::sleep(GRACE);
            signal_groups(Signal::KILL);
            std::process::exit(130);
        });
    })
    .context("cannot handle Ctrl-C")
}

/// Whether Ctrl-C was pressed.
pub fn is_interrupted() -> bool {
    INTERRUPTED.load(Ordering::SeqCst)
}

/// Fails after Ctrl-C.
pub fn check_interrupted() -> Result<()> {
    if is_interrupted() {
        return Err(Interrupted.into());
    }
    Ok(())
}

/// Sleeps; fails after Ctrl-C.
pub fn sleep(time: Duration) -> Result<()> {
    std::thread::sleep(time);
    check_interrupted()
}

fn signal_groups(signal: Signal) {
    let groups = GROUPS.lock().unwrap_or_else(PoisonError::into_inner);
    for pid in groups.iter().filter_map(|&pid| Pid::from_raw(pid)) {
        // The group may have ended already.
        let _ = rustix::process::kill_process_group(pid, signal);
    }
}

/// Returns a command with the environment for tools: without settings of the surrounding
/// `cargo xtask` or `make`, or others that change builds. Messages are in English, because
/// some are parsed.
pub fn command(program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new(program);
    command.env_clear().envs(environment::for_tools());
    super::consent::pass_on(&mut command);
    command
}

/// Returns a command with a minimal environment, for programs that a guest may take over.
pub fn isolated(program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new(program);
    command.env_clear().envs(environment::for_guests());
    command
}

/// A child in its own process group. Dropping it kills the group.
#[derive(Debug)]
pub struct Group {
    child: Child,
}

impl Group {
    /// Starts the command. Its standard input must not be the terminal: reading from it in a background
    /// process group would stop the child.
    pub fn spawn(command: &mut Command) -> Result<Self> {
        // Locked while starting: the handler finds the group listed, or `check_interrupted` fails.
        let mut groups = GROUPS.lock().unwrap_or_else(PoisonError::into_inner);
        check_interrupted()?;
        let child = command
            .process_group(0)
            .spawn()
            .with_context(|| format!("cannot run {}", describe(command)))?;
        groups.insert(child.id().cast_signed());
        Ok(Self { child })
    }

    /// Returns the child, for its pipes and `try_wait`.
    pub fn child(&mut self) -> &mut Child {
        &mut self.child
    }

    /// Kills the group, if it still exists.
    pub fn kill(&self) {
        if let Some(group) = Pid::from_raw(self.child.id().cast_signed()) {
            // An error means that the group is empty.
            let _ = rustix::process::kill_process_group(group, Signal::KILL);
        }
    }

    /// Waits for the end of the child.
    pub fn wait(&mut self) -> Result<ExitStatus> {
        let status = self.child.wait().context("cannot wait for a child")?;
        check_interrupted()?;
        Ok(status)
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        self.kill();
        let _ = self.child.wait();
        let mut groups = GROUPS.lock().unwrap_or_else(PoisonError::into_inner);
        groups.remove(&self.child.id().cast_signed());
    }
}

/// Runs a command and returns its output; the error contains its standard error.
pub fn output(command: &mut Command) -> Result<String> {
    command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut group = Group::spawn(command)?;
    let (stdout, stderr) = (group.child.stdout.take(), group.child.stderr.take());
    // Read both at once: a full pipe would block the command.
    let (printed, complaint) = std::thread::scope(|scope| {
        let complaint = scope.spawn(|| read(stderr));
        (read(stdout), complaint.join().unwrap_or_default())
    });
    let status = group.wait()?;
    if !status.success() {
        bail!(
            "{} failed ({status}): {}",
            describe(command),
            complaint.trim()
        );
    }
    Ok(printed)
}

/// Reads a pipe to its end, as text.
fn read(pipe: Option<impl Read>) -> String {
    let mut bytes = Vec::new();
    if let Some(mut pipe) = pipe {
        // Output before an error is kept.
        let _ = pipe.read_to_end(&mut bytes);
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Runs a command; its output goes to this process' standard output and error.
pub fn run(command: &mut Command) -> Result<()> {
    command.stdin(Stdio::null());
    let status = Group::spawn(command)?.wait()?;
    if !status.success() {
        bail!("{} failed ({status})", describe(command));
    }
    Ok(())
}

/// Formats the command line for messages.
pub fn describe(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    let words: Vec<_> = words.map(|word| word.to_string_lossy()).collect();
    shell_words::join(words)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dropping_a_group_ends_all_of_it() {
        let mut command = command("sh");
        command
            .args(["-c", "sleep 1000 & echo $!; wait"])
            .stdout(Stdio::piped());
        let mut group = Group::spawn(&mut command).unwrap();
        let mut line = String::new();
        let stdout = group.child().stdout.take().unwrap();
        std::io::BufRead::read_line(&mut std::io::BufReader::new(stdout), &mut line).unwrap();
        drop(group);
        let stat = format!("/proc/{}/stat", line.trim());
        // Ended, or a zombie that its new parent has not reaped.
        let ended = || std::fs::read_to_string(&stat).map_or(true, |text| text.contains(") Z "));
        let waits = std::iter::repeat_n(Duration::from_millis(20), 250);
        assert!(waits.map(std::thread::sleep).any(|()| ended()));
    }

    #[test]
    fn errors_contain_the_commands_standard_error() {
        let err = output(command("sh").args(["-c", "echo oh no >&2; exit 7"])).unwrap_err();
        let err = err.to_string();
        assert!(
            err.contains("exit status: 7") && err.ends_with("oh no"),
            "{err}"
        );
    }

    #[test]
    fn large_output_on_both_pipes_does_not_block() {
        let script = "seq 100000; seq 100000 >&2";
        let text = output(command("sh").args(["-c", script])).unwrap();
        assert!(text.ends_with("\n100000\n"));
    }

    #[test]
    fn a_missing_program_is_named() {
        let err = output(&mut command("klp-no-such-program")).unwrap_err();
        assert!(format!("{err:#}").contains("cannot run klp-no-such-program"));
    }
}
