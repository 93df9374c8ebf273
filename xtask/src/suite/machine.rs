// SPDX-License-Identifier: GPL-2.0-only

//! Tests the process of a virtual machine, with the real QEMU: its privileges, and that it ends with this process.

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

/// How long a process may take to start or to end on a busy machine.
const PATIENCE: Duration = Duration::from_secs(30);

/// QEMU's complete environment; the last variable locates its parts.
const ENVIRONMENT: [&str; 4] = ["LC_ALL", "LD_LIBRARY_PATH", "PATH", "QEMU_MODULE_DIR"];

pub(super) fn run(kernel: &Kernel) -> Result<Tally> {
    let mut cases = Cases::new("machine");
    let mut facts = Err(anyhow::anyhow!("no machine was looked at"));
    cases.check("a guest runs in it", || {
        facts = look(kernel);
        facts
            .as_ref()
            .map(|_| ())
            .map_err(|error| anyhow::anyhow!("{error:#}"))
    });
    if let Ok(process) = facts {
        cases.check("its system calls are filtered", || process.is_filtered());
        cases.check("it has no privileges", || process.is_unprivileged());
        cases.check("it sees no files and no settings of ours", || {
            process.is_isolated()
        });
    }
    for (name, signal) in [
        ("SIGINT", Signal::INT),
        ("SIGTERM", Signal::TERM),
        ("SIGKILL", Signal::KILL),
    ] {
        cases.check(&format!("{name} leaves none behind"), || {
            interrupt(kernel, signal)
        });
    }
    Ok(cases.tally())
}

/// What `/proc` says of a process.
struct Process {
    status: String,
    /// The `Seccomp:` lines of all its threads.
    filters: Vec<String>,
    environment: Vec<String>,
    /// Where its descriptors lead.
    files: Vec<PathBuf>,
    folder: PathBuf,
}

/// Runs a guest, and looks at its QEMU while the command runs.
fn look(kernel: &Kernel) -> Result<Process> {
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
            // Some are closed by now.
            files: files.iter().flat_map(fs::read_link).collect(),
            folder: fs::read_link(dir.join("cwd")).context("it has no folder")?,
        })
    }

    fn is_filtered(&self) -> Result<()> {
        ensure!(
            self.filters.iter().all(|filter| filter == "2"),
            "Seccomp of its threads: {:?}",
            self.filters
        );
        Ok(())
    }

    fn is_unprivileged(&self) -> Result<()> {
        let field = |name| field(&self.status, name);
        ensure!(field("NoNewPrivs")? == "1", "it may get new privileges");
        if vm::is_root() {
            // A container's root has no other user.
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
        let ours = |file: &&PathBuf| file.starts_with("/root") || file.starts_with("/home");
        let open: Vec<_> = self.files.iter().filter(ours).collect();
        // A QEMU in a home folder is reached through the folder of its program.
        ensure!(
            open.iter().all(|file| file.ends_with("bin")),
            "it has {open:?} open"
        );
        Ok(())
    }
}

/// Ends a run while its guest boots, and waits for the end of QEMU.
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
    rustix::process::kill_process(Pid::from_child(&run), signal).context("cannot signal it")?;
    run.wait().context("cannot wait for it")?;
    let machine = machine?;
    wait_for("its QEMU is still there", || {
        Ok((!is_running(machine)).then_some(()))
    })
}

/// The QEMU that this process has started, which may take a while. It is identified by its ports, because
/// others only print their versions.
fn machine_of(parent: u32) -> Result<u32> {
    wait_for("no QEMU was started", || {
        for entry in entries(Path::new("/proc"))? {
            let Some(pid) = entry
                .file_name()
                .and_then(|name| name.to_str()?.parse().ok())
            else {
                continue;
            };
            // Processes come and go.
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

fn wait_for<T>(otherwise: &str, mut done: impl FnMut() -> Result<Option<T>>) -> Result<T> {
    let start = Instant::now();
    while start.elapsed() < PATIENCE {
        if let Some(result) = done()? {
            return Ok(result);
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    bail!("{otherwise} after {} s", PATIENCE.as_secs())
}

fn entries(dir: &Path) -> Result<Vec<PathBuf>> {
    let entries = fs::read_dir(dir).with_context(|| format!("cannot list {}", dir.display()))?;
    Ok(entries.flatten().map(|entry| entry.path()).collect())
}

/// The value in a line of a status, such as that of `Seccomp`.
fn field<'a>(status: &'a str, name: &str) -> Result<&'a str> {
    let value = |line: &'a str| line.strip_prefix(name)?.strip_prefix(":\t");
    let found = status.lines().find_map(value);
    found.with_context(|| format!("no {name} in {status}"))
}
