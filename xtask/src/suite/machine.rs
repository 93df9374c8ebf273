// SPDX-License-Identifier: GPL-2.0-only

//! The part `machine`: tests a virtual machine's QEMU process: its privileges, and that it ends with this process.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use klp_host::kernel::Kernel;
use klp_host::vm::{self, Outcome, Spec};
use rustix::process::{Pid, Signal};

use super::cases::Cases;
use crate::case::Tally;

/// The time limit for a process to start or to end, on a busy machine.
const TIMEOUT: Duration = Duration::from_secs(30);

/// QEMU's complete environment. The last variable locates its modules.
const ENVIRONMENT: [&str; 4] = ["LC_ALL", "LD_LIBRARY_PATH", "PATH", "QEMU_MODULE_DIR"];

pub(super) fn run(kernel: &Kernel) -> Result<Tally> {
    let mut cases = Cases::new("machine");
    let mut process = Err(anyhow::anyhow!("no machine was inspected"));
    cases.check("a guest runs in it", || {
        process = inspect(kernel);
        process
            .as_ref()
            .map(|_| ())
            .map_err(|error| anyhow::anyhow!("{error:#}"))
    });
    if let Ok(process) = process {
        cases.check("its system calls are filtered", || process.is_filtered());
        cases.check("it has no privileges", || process.is_unprivileged());
        cases.check("it sees no files and no settings of the user", || {
            process.is_isolated()
        });
    }
    for (name, signal) in [
        ("SIGINT", Signal::INT),
        ("SIGTERM", Signal::TERM),
        ("SIGKILL", Signal::KILL),
    ] {
        cases.check(&format!("{name} leaves no process behind"), || {
            interrupt(kernel, signal)
        });
    }
    Ok(cases.tally())
}

/// The state of a process in `/proc`.
struct Process {
    status: String,
    /// The `Seccomp:` lines of all its threads.
    filters: Vec<String>,
    /// The names of its environment variables.
    environment: Vec<String>,
    /// The targets of its file descriptors.
    files: Vec<PathBuf>,
    /// Its working directory.
    folder: PathBuf,
}

/// Runs a guest, and inspects its QEMU process while the command runs.
fn inspect(kernel: &Kernel) -> Result<Process> {
    let spec = Spec::new(&kernel.image, "echo here; sleep 2");
    let mut found = None;
    let report = vm::run(&spec, &mut |_| {
        found.get_or_insert_with(|| Process::read(machine_of(std::process::id())?));
        Ok(())
    })?;
    if let Some(problem) = report.problem() {
        bail!("{problem}");
    }
    ensure!(
        report.outcome == Outcome::Exited(0),
        "the command ended with {:?}",
        report.outcome
    );
    found.context("the command printed nothing")?
}

impl Process {
    fn read(pid: u32) -> Result<Self> {
        let dir = PathBuf::from(format!("/proc/{pid}"));
        let text = |path: PathBuf| {
            fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))
        };
        let filters = entries(&dir.join("task"))?.into_iter().map(|task| {
            let status = text(task.join("status"))?;
            field(&status, "Seccomp").map(str::to_owned)
        });
        let environment = text(dir.join("environ"))?;
        let names = environment
            .split('\0')
            .filter_map(|entry| Some(entry.split_once('=')?.0.to_owned()));
        let files = entries(&dir.join("fd"))?;
        Ok(Self {
            status: text(dir.join("status"))?,
            filters: filters.collect::<Result<_>>()?,
            environment: names.collect(),
            // Skip those that have been closed meanwhile.
            files: files.iter().flat_map(fs::read_link).collect(),
            folder: fs::read_link(dir.join("cwd")).context("cannot read its working directory")?,
        })
    }

    fn is_filtered(&self) -> Result<()> {
        ensure!(
            self.filters.iter().all(|filter| filter == "2"),
            "expected Seccomp mode 2 in all threads, found {:?}",
            self.filters
        );
        Ok(())
    }

    fn is_unprivileged(&self) -> Result<()> {
        let field = |name| field(&self.status, name);
        ensure!(field("NoNewPrivs")? == "1", "it may gain privileges");
        if vm::is_root() {
            // The root of a container cannot change to another user.
            return Ok(());
        }
        for name in ["CapPrm", "CapEff"] {
            let capabilities = field(name)?;
            ensure!(
                capabilities.bytes().all(|digit| digit == b'0'),
                "{name} is {capabilities}"
            );
        }
        for name in ["Uid", "Gid"] {
            let ids = field(name)?;
            ensure!(ids.split('\t').all(|id| id != "0"), "{name} is {ids}");
        }
        let groups = field("Groups")?;
        ensure!(
            !rustix::process::geteuid().is_root() || groups.trim().is_empty(),
            "its groups are {groups}"
        );
        Ok(())
    }

    fn is_isolated(&self) -> Result<()> {
        for name in &self.environment {
            ensure!(ENVIRONMENT.contains(&name.as_str()), "it sees {name}");
        }
        ensure!(self.folder == Path::new("/"), "it is in {:?}", self.folder);
        let is_private = |file: &&PathBuf| file.starts_with("/root") || file.starts_with("/home");
        let open: Vec<_> = self.files.iter().filter(is_private).collect();
        // A QEMU in a home folder has the folder of its program open.
        ensure!(
            open.iter().all(|file| file.ends_with("bin")),
            "it has {open:?} open"
        );
        Ok(())
    }
}

/// Signals a run while its guest boots, and waits for the end of QEMU.
fn interrupt(kernel: &Kernel, signal: Signal) -> Result<()> {
    let me = std::env::current_exe().context("cannot find this program")?;
    let mut run = Command::new(me)
        .args(["vm", "--kernel"])
        .arg(&kernel.image)
        .args(["--", "sleep", "1000"])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .context("cannot run this program")?;
    let machine = machine_of(run.id());
    rustix::process::kill_process(Pid::from_child(&run), signal)
        .context("cannot signal the run")?;
    run.wait().context("cannot wait for the run")?;
    let machine = machine?;
    wait_for("its QEMU is still running", || {
        Ok((!is_running(machine)).then_some(()))
    })
}

/// Waits for the QEMU that this process starts. It is identified by its serial ports, because other QEMUs only
/// print their version.
fn machine_of(parent: u32) -> Result<u32> {
    wait_for("no QEMU was started", || {
        for entry in entries(Path::new("/proc"))? {
            let Some(pid) = entry
                .file_name()
                .and_then(|name| name.to_str()?.parse().ok())
            else {
                continue;
            };
            // The process may have ended meanwhile.
            let stat = fs::read_to_string(entry.join("stat")).unwrap_or_default();
            let words = stat.rsplit(')').next().unwrap_or_default();
            if words.split_whitespace().nth(1) != Some(&parent.to_string()) {
                continue;
            }
            let words = fs::read(entry.join("cmdline")).unwrap_or_default();
            if words
                .split(|&byte| byte == 0)
                .any(|word| word == b"-serial")
            {
                return Ok(Some(pid));
            }
        }
        Ok(None)
    })
}

fn is_running(pid: u32) -> bool {
    fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| !stat.contains(") Z "))
}

/// Waits for a result. Fails with this message after a timeout.
fn wait_for<T>(message: &str, mut done: impl FnMut() -> Result<Option<T>>) -> Result<T> {
    let start = Instant::now();
    while start.elapsed() < TIMEOUT {
        if let Some(result) = done()? {
            return Ok(result);
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    bail!("{message} after {} s", TIMEOUT.as_secs())
}

fn entries(dir: &Path) -> Result<Vec<PathBuf>> {
    let entries = fs::read_dir(dir).with_context(|| format!("cannot list {}", dir.display()))?;
    Ok(entries.flatten().map(|entry| entry.path()).collect())
}

/// The value of a field in a status, such as `Seccomp`.
fn field<'a>(status: &'a str, name: &str) -> Result<&'a str> {
    let value = |line: &'a str| line.strip_prefix(name)?.strip_prefix(":\t");
    let found = status.lines().find_map(value);
    found.with_context(|| format!("no {name} in {status}"))
}
