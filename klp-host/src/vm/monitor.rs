// SPDX-License-Identifier: GPL-2.0-only

//! Monitors a running guest: passes on the command's output, reads the console and
//! the messages of the guest's init, and determines the end and outcome of the run.

use std::io::{self, Read as _};
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::console::{self, Lines, Severity};
use super::console_log;
use super::init_channel::{self, Message};
use super::machine::{Machine, Ports};
use super::report::Outcome;
use super::spec::{Sink, Spec};
use crate::host::process;
use crate::host::progress::say;

/// The maximal console output, in bytes. Each line counts with its
/// memory overhead, which matters for many short lines.
pub const CONSOLE_LIMIT: usize = 8 << 20;

/// The time limit from the start of QEMU to that of the command, on a slow and busy machine.
const BOOT: Duration = Duration::from_secs(120);

/// The time limit between heartbeats.
const HEARTBEAT: Duration = Duration::from_secs(30);

/// The time for a broken kernel to print the rest of its error.
const ERROR_OUTPUT: Duration = Duration::from_secs(5);

/// The time limit for stopping after the command has ended.
const STOP: Duration = Duration::from_secs(20);

/// The interval at which time limits are checked.
const TICK: Timespec = Timespec {
    tv_sec: 0,
    tv_nsec: 100_000_000,
};

/// The observations of a guest.
#[derive(Debug)]
pub(super) struct Seen {
    pub(super) outcome: Outcome,
    /// The console's lines.
    pub(super) console: Vec<String>,
    /// When the command started.
    pub(super) ready: Option<Duration>,
}

/// A kernel error on the console.
#[derive(Clone, Debug)]
struct KernelError {
    severity: Severity,
    line: String,
    at: Instant,
}

/// The state of the monitor.
struct Monitor<'a> {
    spec: &'a Spec,
    start: Instant,
    /// When the command started.
    ready: Option<Instant>,
    /// The time of init's last message.
    last_message: Instant,
    /// The command's exit status, and the time of its message.
    exit: Option<(u8, Instant)>,
    /// The first of the most severe errors on the console.
    error: Option<KernelError>,
    console: Vec<String>,
    /// The size of `console`, limited to [`CONSOLE_LIMIT`].
    console_size: usize,
    console_lines: Lines,
    verdict_lines: Lines,
    /// The size of the command's output so far, in bytes.
    output_size: u64,
    /// The error message for output that exceeded its limit.
    excess: Option<String>,
}

/// Monitors the guest until it has ended or has to be killed.
pub(super) fn watch(
    machine: &mut Machine,
    ports: Ports,
    spec: &Spec,
    sink: &mut Sink<'_>,
) -> Result<Seen> {
    let now = Instant::now();
    let mut monitor = Monitor {
        spec,
        start: now,
        ready: None,
        last_message: now,
        exit: None,
        error: None,
        console: Vec::new(),
        console_size: 0,
        console_lines: Lines::default(),
        verdict_lines: Lines::default(),
        output_size: 0,
        excess: None,
    };
    let stopped = monitor.follow(machine, ports, sink)?;
    let outcome = match stopped {
        Some(outcome) => outcome,
        None => monitor.judge_end(machine)?,
    };
    Ok(Seen {
        outcome,
        ready: monitor.ready.map(|ready| ready - monitor.start),
        console: monitor.console,
    })
}

impl Monitor<'_> {
    /// Reads from the guest until QEMU ends, or there is a reason to kill it.
    fn follow(
        &mut self,
        machine: &mut Machine,
        ports: Ports,
        sink: &mut Sink<'_>,
    ) -> Result<Option<Outcome>> {
        let mut console = Some(ports.console);
        let mut output = Some(ports.output);
        let mut verdict = Some(ports.verdict);
        let mut buffer = vec![0; 64 << 10];
        while console.is_some() || output.is_some() || verdict.is_some() {
            wait_for_data([&console, &output, &verdict])?;
            // The command's output first: it is complete when the exit message has arrived.
            if let Some(bytes) = receive(&mut output, &mut buffer)? {
                self.pass_output(bytes, sink)?;
            }
            if let Some(bytes) = receive(&mut verdict, &mut buffer)? {
                self.handle_verdict(bytes);
            }
            if let Some(bytes) = receive(&mut console, &mut buffer)? {
                self.handle_console(bytes);
            }
            process::check_interrupted()?;
            if let Some(outcome) = self.judge_now() {
                machine.kill();
                machine.wait()?;
                self.drain(console, output, sink, &mut buffer)?;
                return Ok(Some(outcome));
            }
        }
        self.end_console();
        Ok(None)
    }

    /// Reads the remaining output of a guest that has ended.
    fn drain(
        &mut self,
        mut console: Option<UnixStream>,
        mut output: Option<UnixStream>,
        sink: &mut Sink<'_>,
        buffer: &mut [u8],
    ) -> Result<()> {
        while let Some(bytes) = receive(&mut output, buffer)? {
            self.pass_output(bytes, sink)?;
        }
        while let Some(bytes) = receive(&mut console, buffer)? {
            self.handle_console(bytes);
        }
        self.end_console();
        Ok(())
    }

    /// Handles an unterminated last line.
    fn end_console(&mut self) {
        if let Some(line) = self.console_lines.rest() {
            self.console_line(line);
        }
    }

    /// Passes on the command's output, up to the limit.
    fn pass_output(&mut self, bytes: &[u8], sink: &mut Sink<'_>) -> Result<()> {
        let size = self.output_size + bytes.len() as u64;
        if let Some(limit) = self.spec.output_limit.filter(|&limit| size > limit) {
            self.excess
                .get_or_insert_with(|| format!("the command printed more than {}", mib(limit)));
            return Ok(());
        }
        self.output_size = size;
        sink(bytes).context("cannot pass on the output of the command")
    }

    fn handle_verdict(&mut self, bytes: &[u8]) {
        for line in self.verdict_lines.push(bytes) {
            let Some(message) = init_channel::parse(&line) else {
                continue;
            };
            let now = Instant::now();
            self.last_message = now;
            match message {
                Message::Ready => self.ready = Some(now),
                Message::Beat => {}
                Message::Exit(status) => self.exit = Some((status, now)),
            }
        }
    }

    fn handle_console(&mut self, bytes: &[u8]) {
        for line in self.console_lines.push(bytes) {
            self.console_line(line);
        }
    }

    fn console_line(&mut self, line: String) {
        if self.spec.show_console {
            say(&console_log::printable(&line));
        }
        if let Some(severity) = console::judge(&line) {
            let accepted = severity == Severity::Warning && self.spec.accepted.has(&line);
            let worse = self
                .error
                .as_ref()
                .is_none_or(|error| error.severity < severity);
            if worse && !accepted {
                let line = console::message(&line).to_owned();
                self.error = Some(KernelError {
                    severity,
                    line,
                    at: Instant::now(),
                });
            }
        }
        self.keep_console(line);
    }

    fn keep_console(&mut self, line: String) {
        let size = self.console_size + line.len() + size_of::<String>();
        if size > CONSOLE_LIMIT {
            self.excess.get_or_insert_with(|| {
                let limit = mib(CONSOLE_LIMIT as u64);
                format!("the kernel printed more than {limit} on its console")
            });
            return;
        }
        self.console_size = size;
        self.console.push(line);
    }

    /// Returns the outcome if the guest has to be killed now.
    fn judge_now(&self) -> Option<Outcome> {
        if let Some(excess) = &self.excess {
            return Some(match &self.error {
                Some(error) => self.broken_and(error, &format!("; {excess}")),
                None => Outcome::Broken(excess.clone()),
            });
        }
        if let Some(error) = self
            .error
            .as_ref()
            .filter(|error| error.severity > Severity::Warning)
            && error.at.elapsed() > ERROR_OUTPUT
        {
            return Some(self.broken(error));
        }
        if self.start.elapsed() > self.spec.timeout {
            return Some(match &self.error {
                Some(error) => self.broken(error),
                None => Outcome::TimedOut(self.spec.timeout),
            });
        }
        let [boot, heartbeat, stop] =
            [BOOT, HEARTBEAT, STOP].map(|limit| limit * self.spec.slowness);
        if let Some((_, at)) = self.exit {
            return (at.elapsed() > stop).then(|| {
                Outcome::Broken(format!(
                    "the guest did not stop within {} s after the command had ended",
                    stop.as_secs()
                ))
            });
        }
        if self.ready.is_none() {
            return (self.start.elapsed() > boot).then(|| {
                Outcome::Broken(format!(
                    "the guest did not boot within {} s",
                    boot.as_secs()
                ))
            });
        }
        let silent = !self.spec.icount && self.last_message.elapsed() > heartbeat;
        silent.then(|| {
            Outcome::Broken(format!(
                "the guest hangs: no heartbeat for {} s",
                heartbeat.as_secs()
            ))
        })
    }

    /// Returns the outcome after QEMU has ended.
    fn judge_end(&self, machine: &mut Machine) -> Result<Outcome> {
        let status = machine.wait()?;
        if let Some(error) = &self.error {
            return Ok(self.broken(error));
        }
        if !status.success() {
            return Ok(Outcome::Broken(machine.explain(status)));
        }
        Ok(match self.exit {
            Some((code, _)) => Outcome::Exited(code.into()),
            None if self.ready.is_none() => {
                Outcome::Broken("the machine stopped before the command could start".to_owned())
            }
            None => Outcome::Broken("the machine stopped before the command had ended".to_owned()),
        })
    }

    fn broken(&self, error: &KernelError) -> Outcome {
        self.broken_and(error, "")
    }

    fn broken_and(&self, error: &KernelError, more: &str) -> Outcome {
        let what = match error.severity {
            Severity::Fatal => "the kernel broke",
            Severity::Stall => "the kernel hangs",
            Severity::Warning => "the kernel warned",
        };
        let after = match self.exit {
            Some((status, _)) => format!(" (the command ended with status {status})"),
            None => String::new(),
        };
        let line = console_log::printable(&error.line);
        Outcome::Broken(format!("{what}: {line}{after}{more}"))
    }
}

/// Formats a limit for messages.
fn mib(bytes: u64) -> String {
    format!("{} MiB", bytes >> 20)
}

/// Waits up to [`TICK`] until a stream has data or has ended.
fn wait_for_data<const N: usize>(streams: [&Option<UnixStream>; N]) -> Result<()> {
    let mut fds: Vec<_> = streams
        .into_iter()
        .flatten()
        .map(|stream| PollFd::new(stream, PollFlags::IN))
        .collect();
    match poll(&mut fds, Some(&TICK)) {
        Ok(_) | Err(rustix::io::Errno::INTR) => Ok(()),
        Err(err) => Err(err).context("cannot wait for the guest"),
    }
}

/// Reads available data. Sets a stream that has ended to `None`.
fn receive<'b>(stream: &mut Option<UnixStream>, buffer: &'b mut [u8]) -> Result<Option<&'b [u8]>> {
    let Some(open) = stream else { return Ok(None) };
    match open.read(buffer) {
        Ok(0) => *stream = None,
        Ok(count) => return Ok(Some(&buffer[..count])),
        Err(err)
            if matches!(
                err.kind(),
                io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted
            ) => {}
        // QEMU was killed with unread data; nothing more will arrive.
        Err(err) if err.kind() == io::ErrorKind::ConnectionReset => *stream = None,
        Err(err) => return Err(err).context("cannot read from the guest"),
    }
    Ok(None)
}
