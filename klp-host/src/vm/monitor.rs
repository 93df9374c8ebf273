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

/// The time limit from start to the command, on a slow and busy machine.
const BOOT: Duration = Duration::from_secs(120);

/// The time limit between heartbeats.
pub(super) const SILENCE: Duration = Duration::from_secs(30);

/// The time that a broken kernel may continue to print.
const LAST_WORDS: Duration = Duration::from_secs(5);

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
struct Trouble {
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
    /// When the last message of init arrived.
    alive: Instant,
    /// The command's status, and its time.
    exit: Option<(u8, Instant)>,
    /// The worst error on the console; the first of its severity.
    trouble: Option<Trouble>,
    console: Vec<String>,
    /// How much of [`CONSOLE_LIMIT`] is used.
    console_size: usize,
    console_lines: Lines,
    verdict_lines: Lines,
    /// How much of the command's output was passed on.
    output_size: u64,
    /// The output that exceeded its limit.
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
        alive: now,
        exit: None,
        trouble: None,
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
                self.hear_verdict(bytes);
            }
            if let Some(bytes) = receive(&mut console, &mut buffer)? {
                self.hear_console(bytes);
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
            self.hear_console(bytes);
        }
        self.end_console();
        Ok(())
    }

    /// Handles a last line without an end.
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

    fn hear_verdict(&mut self, bytes: &[u8]) {
        for line in self.verdict_lines.push(bytes) {
            let Some(message) = init_channel::parse(&line) else {
                continue;
            };
            let now = Instant::now();
            self.alive = now;
            match message {
                Message::Ready => self.ready = Some(now),
                Message::Beat => {}
                Message::Exit(status) => self.exit = Some((status, now)),
            }
        }
    }

    fn hear_console(&mut self, bytes: &[u8]) {
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
                .trouble
                .as_ref()
                .is_none_or(|trouble| trouble.severity < severity);
            if worse && !accepted {
                let line = console::message(&line).to_owned();
                self.trouble = Some(Trouble {
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
            return Some(match &self.trouble {
                Some(trouble) => self.broken_and(trouble, &format!("; {excess}")),
                None => Outcome::Broken(excess.clone()),
            });
        }
        if let Some(trouble) = self
            .trouble
            .as_ref()
            .filter(|trouble| trouble.severity > Severity::Warning)
            && trouble.at.elapsed() > LAST_WORDS
        {
            return Some(self.broken(trouble));
        }
        if self.start.elapsed() > self.spec.timeout {
            return Some(match &self.trouble {
                Some(trouble) => self.broken(trouble),
                None => Outcome::TimedOut(self.spec.timeout),
            });
        }
        let [boot, silence, stop] = [BOOT, SILENCE, STOP].map(|limit| limit * self.spec.slowness);
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
                    "the kernel did not come up within {} s",
                    boot.as_secs()
                ))
            });
        }
        let silent = !self.spec.icount && self.alive.elapsed() > silence;
        silent.then(|| {
            Outcome::Broken(format!(
                "the guest hangs: no sign of life for {} s",
                silence.as_secs()
            ))
        })
    }

    /// Returns the outcome after QEMU has ended.
    fn judge_end(&self, machine: &mut Machine) -> Result<Outcome> {
        let status = machine.wait()?;
        if let Some(trouble) = &self.trouble {
            return Ok(self.broken(trouble));
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

    fn broken(&self, trouble: &Trouble) -> Outcome {
        self.broken_and(trouble, "")
    }

    fn broken_and(&self, trouble: &Trouble, more: &str) -> Outcome {
        let what = match trouble.severity {
            Severity::Fatal => "the kernel broke",
            Severity::Stall => "the kernel hangs",
            Severity::Warning => "the kernel warned",
        };
        let after = match self.exit {
            Some((status, _)) => format!(" (the command ended with status {status})"),
            None => String::new(),
        };
        let line = console_log::printable(&trouble.line);
        Outcome::Broken(format!("{what}: {line}{after}{more}"))
    }
}

/// A limit, for messages.
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

/// Reads available data; sets an ended stream to `None`.
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
