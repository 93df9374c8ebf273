// SPDX-License-Identifier: GPL-2.0-only

//! Child processes: started with a clean environment, each in a process group of its own,
//! and none left behind when we end or are interrupted.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use rustix::process::{Pid, Signal};

/// Set once by Ctrl-C (or SIGTERM); everything long looks at it.
static INTERRUPTED: AtomicBool = AtomicBool::new(false);

/// The process groups to end on Ctrl-C.
static GROUPS: Mutex<BTreeSet<i32>> = Mutex::new(BTreeSet::new());

/// How long children and our own cleaning up may take after Ctrl-C.
const GRACE: Duration = Duration::from_secs(10);

/// The error of everything that Ctrl-C cut short.
#[derive(Clone, Copy, Debug)]
pub struct Interrupted;

impl std::fmt::Display for Interrupted {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("interrupted; the next run goes on from here")
    }
}

impl std::error::Error for Interrupted {}

/// From now on Ctrl-C ends the children, and then us through [`Interrupted`] errors, so that
/// everything on the way is cleaned up. A second Ctrl-C ends us at once.
pub fn handle_interrupts() -> Result<()> {
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

/// Whether Ctrl-C came.
pub fn is_interrupted() -> bool {
    INTERRUPTED.load(Ordering::SeqCst)
}

/// An error once Ctrl-C came.
pub fn check_interrupted() -> Result<()> {
    if is_interrupted() {
        return Err(Interrupted.into());
    }
    Ok(())
}

/// Sleeps; an error once Ctrl-C came.
pub fn sleep(time: Duration) -> Result<()> {
    std::thread::sleep(time);
    check_interrupted()
}

fn signal_groups(signal: Signal) {
    let groups = GROUPS.lock().unwrap_or_else(PoisonError::into_inner);
    for pid in groups.iter().filter_map(|&pid| Pid::from_raw(pid)) {
        // It may be gone already.
        let _ = rustix::process::kill_process_group(pid, signal);
    }
}

/// A command in an environment without what the surrounding `cargo xtask` or `make` put there.
pub fn command(program: impl AsRef<OsStr>) -> Command {
    Command::new(program)
}

/// A child in a process group of its own. Dropping it ends the whole group.
#[derive(Debug)]
pub struct Group {
    child: Child,
}

impl Group {
    /// Starts the command. Its standard input is empty unless the command says otherwise.
    pub fn spawn(command: &mut Command) -> Result<Self> {
        check_interrupted()?;
        // Held while starting, so that Ctrl-C finds the group either not there or listed.
        let mut groups = GROUPS.lock().unwrap_or_else(PoisonError::into_inner);
        let child = command
            .process_group(0)
            .spawn()
            .with_context(|| format!("cannot run {}", describe(command)))?;
        groups.insert(child.id().cast_signed());
        Ok(Self { child })
    }

    /// The child: its pipes, `try_wait`.
    pub fn child(&mut self) -> &mut Child {
        &mut self.child
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
        let pid = self.child.id().cast_signed();
        if let Some(group) = Pid::from_raw(pid) {
            let _ = rustix::process::kill_process_group(group, Signal::KILL);
        }
        let _ = self.child.wait();
        let mut groups = GROUPS.lock().unwrap_or_else(PoisonError::into_inner);
        groups.remove(&pid);
    }
}

/// Runs a short command and gives what it printed; its error text goes into the error.
pub fn output(command: &mut Command) -> Result<String> {
    command.stdin(Stdio::null());
    let result = command
        .output()
        .with_context(|| format!("cannot run {}", describe(command)))?;
    check_interrupted()?;
    if !result.status.success() {
        bail!(
            "{} failed ({}): {}",
            describe(command),
            result.status,
            String::from_utf8_lossy(&result.stderr).trim()
        );
    }
    Ok(String::from_utf8_lossy(&result.stdout).into_owned())
}

/// Runs a command whose output the user sees as it comes.
pub fn run(command: &mut Command) -> Result<()> {
    let status = Group::spawn(command)?.wait()?;
    if !status.success() {
        bail!("{} failed ({status})", describe(command));
    }
    Ok(())
}

/// The command as one would type it, for messages.
pub fn describe(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    let words: Vec<_> = words.map(|word| word.to_string_lossy()).collect();
    shell_words::join(words)
}
