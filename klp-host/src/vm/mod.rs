// SPDX-License-Identifier: GPL-2.0-only

//! Boots a kernel in QEMU with a small initramfs, runs one command,
//! and reports the result.

mod accel;
mod child;
mod console;
pub mod copy;
pub mod disk;
mod fetched;
pub mod firmware;
mod initramfs;
mod installation;
mod log;
mod machine;
mod monitor;
mod needed;
mod programs;
mod qemu;
pub mod sysroot;
pub mod system;
#[cfg(test)]
pub(crate) mod tests;
mod user;
mod userland;
mod verdict;

use std::io::{self, BufWriter, Write as _};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};

use accel::Accel;
pub use console::Lines;
use disk::Disk;
use firmware::Firmware;
use initramfs::Tree;
use machine::Machine;
use qemu::Qemu;
use userland::Userland;

use crate::arch::Arch;
use crate::cache::Cache;
use crate::host::needs::Needs;
use crate::host::progress::say;
use crate::kernel::Kernel;

/// Seconds between the guest's signs of life.
const BEAT: u32 = 2;

/// Where klp-core is in the guest, as a module, and what loads it.
const CORE_MODULE: &str = "/klp/klp-core.ko";
const CORE_SCRIPT: &str = include_str!("core.sh");

/// The memory in MiB of a kernel without its initramfs, which takes twice its size while it
/// is unpacked.
const KERNEL_MEMORY: u64 = 160;

/// The most that a kernel may print on its console, in bytes. Each line counts for the memory
/// that it takes, so that many short ones are not free.
pub const CONSOLE_LIMIT: usize = 8 << 20;

/// The maximal output of a command that a caller can keep in memory, in bytes.
pub const OUTPUT_LIMIT: u64 = 64 << 20;

/// What to boot and what to run in it.
#[derive(Clone, Debug)]
pub struct Spec {
    /// The kernel image for QEMU's `-kernel`.
    pub image: PathBuf,
    /// More words for the kernel's command line.
    pub kernel_parameters: Vec<String>,
    /// Number of CPUs.
    pub smp: u32,
    /// Memory in MiB.
    pub memory: u32,
    /// Adds memory if the copied files need it, instead of failing.
    pub grow: bool,
    /// Count instructions: one virtual nanosecond each, one CPU, repeatable.
    pub icount: bool,
    /// The CPUs run in parallel, even if another QEMU has to be fetched for that.
    pub parallel: bool,
    /// The time limit of the run.
    pub timeout: Duration,
    /// How many times longer than usual the guest may boot, be silent, and stop.
    pub slowness: u32,
    /// Host files and folders to put into the guest: source, absolute guest path.
    pub copy: Vec<(PathBuf, PathBuf)>,
    /// A disk with a system that the guest boots, and which runs the command. Without one, the guest has only the
    /// copied files and programs of the host.
    pub disk: Option<Disk>,
    /// UEFI firmware; without it, QEMU's BIOS.
    pub firmware: Option<Firmware>,
    /// klp-core as a module, which is loaded before the command runs.
    pub core_module: Option<PathBuf>,
    /// Command line for bash in the guest.
    pub command: String,
    /// The accepted warnings of the kernel. Oopses and hangs always fail the run.
    pub accepted: Warnings,
    /// Pass the console on to standard error.
    pub show_console: bool,
    /// The most bytes that the command may print; a run in which it prints more fails.
    pub output_limit: Option<u64>,
}

/// Warnings of the kernel (`WARNING: ...`).
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Warnings {
    /// Those in functions of these names.
    In(Vec<String>),
    /// All of them.
    All,
}

impl Warnings {
    /// All of them, or none.
    pub fn all_if(all: bool) -> Self {
        match all {
            true => Self::All,
            false => Self::default(),
        }
    }

    /// Is this line of the console one of them?
    fn has(&self, line: &str) -> bool {
        match self {
            Self::In(functions) => functions
                .iter()
                .any(|it| line.contains(&format!(" {it}+0x"))),
            Self::All => true,
        }
    }
}

/// None.
impl Default for Warnings {
    fn default() -> Self {
        Self::In(Vec::new())
    }
}

impl Spec {
    /// As [`Spec::new`], for this kernel with its livepatch core.
    pub fn of(kernel: &Kernel, command: impl Into<String>) -> Self {
        Self {
            core_module: kernel.core_module.clone(),
            slowness: kernel.slowness(),
            ..Self::new(&kernel.image, command)
        }
    }

    /// Two CPUs, 1 GiB, ten minutes, [`OUTPUT_LIMIT`].
    pub fn new(image: &Path, command: impl Into<String>) -> Self {
        Self {
            image: image.to_owned(),
            kernel_parameters: Vec::new(),
            smp: 2,
            memory: 1024,
            grow: false,
            icount: false,
            parallel: false,
            timeout: Duration::from_secs(600),
            slowness: 1,
            copy: Vec::new(),
            disk: None,
            firmware: None,
            core_module: None,
            command: command.into(),
            accepted: Warnings::default(),
            show_console: false,
            output_limit: Some(OUTPUT_LIMIT),
        }
    }
}

/// How a run ended.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Outcome {
    /// The command ran to its end with this exit status, and the kernel stayed sound.
    Exited(i32),
    /// The kernel failed, or the guest stopped responding: the reason, with the console's line if any.
    Broken(String),
    /// The run took too long, without an error until then.
    TimedOut(Duration),
}

impl Outcome {
    /// The error of the machine; none if the command ended.
    pub fn failure(&self) -> Option<String> {
        match self {
            Self::Exited(_) => None,
            Self::Broken(what) => Some(what.clone()),
            Self::TimedOut(limit) => Some(format!("not done after {} s", limit.as_secs_f32())),
        }
    }
}

/// The result of a run.
#[derive(Clone, Debug)]
pub struct Report {
    /// How it ended.
    pub outcome: Outcome,
    /// The kernel's console, line by line.
    pub console: Vec<String>,
    /// How long it took until the command started.
    pub ready: Option<Duration>,
    /// How long it took altogether.
    pub took: Duration,
    /// Where the console's text is kept when the run failed.
    pub log: Option<PathBuf>,
}

impl Report {
    /// The error, with the end of the console and the path of all of it; none if the
    /// command ended.
    pub fn problem(&self) -> Option<String> {
        let what = self.outcome.failure()?;
        Some(log::explain(&what, &self.console, self.log.as_deref()))
    }
}

/// The packages that a machine like this one needs.
pub fn needs() -> Needs {
    needs_for(Arch::default())
}

/// The packages that a machine needs.
pub fn needs_for(arch: Arch) -> Needs {
    userland::needs(arch).and(qemu::needs(arch))
}

/// The packages that a machine for this kernel image needs.
///
/// # Errors
///
/// When it is none.
pub fn needs_of(image: &Path) -> Result<Needs> {
    Ok(needs_for(Arch::of_image(image)?))
}

/// Whether QEMU runs as root: in a container whose root cannot run programs as another user.
pub fn is_root() -> bool {
    rustix::process::geteuid().is_root() && user::for_qemu().is_none()
}

/// Takes the command's output (standard output and error, as the guest sends them).
pub type Sink<'a> = dyn FnMut(&[u8]) -> io::Result<()> + 'a;

/// Runs it and shows the command's output, of any length, without keeping it.
///
/// # Errors
///
/// As [`run`].
pub fn run_shown(spec: &Spec) -> Result<Report> {
    let spec = Spec {
        output_limit: None,
        ..spec.clone()
    };
    let mut stdout = io::stdout().lock();
    run(&spec, &mut |bytes| {
        stdout.write_all(bytes)?;
        stdout.flush()
    })
}

/// Boots, runs the command, and passes its output to `sink`. An error means that
/// the machine could not be run; everything that happened in it is in the report.
pub fn run(spec: &Spec, sink: &mut Sink<'_>) -> Result<Report> {
    let arch = Arch::of_image(&spec.image)?;
    let cache = Cache::open()?;
    let qemu = find_qemu(arch, spec, &cache)?;
    let choice = accel::choose(&qemu, spec, &cache)?;
    say(&format!(
        "booting {} ({}, QEMU {})",
        spec.image.display(),
        choice.accel.describe(),
        qemu.version.split(' ').next().unwrap_or_default()
    ));
    let mut report = run_on(&qemu, choice.accel, spec, sink)?;
    choice.came_up(report.ready.is_some())?;
    if !matches!(report.outcome, Outcome::Exited(_)) {
        report.log = log::keep(&report.console, &cache.root().join("vm/logs"));
    }
    Ok(report)
}

/// The system's QEMU, or a newer one if needed.
fn find_qemu(arch: Arch, spec: &Spec, cache: &Cache) -> Result<Qemu> {
    let qemu = Qemu::find(arch)?;
    if !spec.parallel || qemu.major >= accel::THREADS_FROM {
        return Ok(qemu);
    }
    let newer = fetched::program(arch, cache).and_then(|program| Qemu::at(arch, program));
    newer.or_else(|err| {
        crate::host::process::check_interrupted()?;
        say(&format!(
            "the CPUs take turns where they are emulated, there is no newer QEMU: {err:#}"
        ));
        Ok(qemu)
    })
}

/// Runs on this QEMU, in this way.
fn run_on(qemu: &Qemu, accel: Accel, spec: &Spec, sink: &mut Sink<'_>) -> Result<Report> {
    let (initramfs, needed) = initramfs(qemu.arch, spec)?;
    let mut spec = spec.clone();
    if needed > spec.memory {
        ensure!(
            spec.grow,
            "{} MiB are too little for what is copied in: give the guest --memory {needed} or more",
            spec.memory
        );
        spec.memory = needed;
    }
    run_with(qemu, accel, &spec, &initramfs, sink)
}

/// Runs with this file system.
fn run_with(
    qemu: &Qemu,
    accel: Accel,
    spec: &Spec,
    initramfs: &OwnedFd,
    sink: &mut Sink<'_>,
) -> Result<Report> {
    let start = Instant::now();
    let (mut machine, ports) = Machine::start(qemu, spec, accel, initramfs)?;
    let seen = monitor::watch(&mut machine, ports, spec, sink)?;
    Ok(Report {
        outcome: seen.outcome,
        console: seen.console,
        ready: seen.ready,
        took: start.elapsed(),
        log: None,
    })
}

/// Builds the guest's file system, in memory: nothing to clean up, however we end. Gives the MiB that the
/// guest needs for it, too.
fn initramfs(arch: Arch, spec: &Spec) -> Result<(OwnedFd, u32)> {
    let mut tree = Tree::new();
    let userland = Userland::get(arch)?;
    programs::add(&mut tree, &userland)?;
    tree.text("/init", include_str!("init.sh"), 0o755)?;
    tree.text(
        "/etc/passwd",
        "root:x:0:0:root:/root:/usr/bin/bash\n",
        0o644,
    )?;
    tree.text("/etc/group", "root:x:0:\n", 0o644)?;
    let before = spec.core_module.as_ref().map_or("", |_| CORE_SCRIPT);
    let command = format!("{before}{}\n", spec.command);
    tree.text("/klp/command", command, 0o644)?;
    // Signs of life cost instructions, and counted time does not need them.
    let beat = if spec.icount { 0 } else { BEAT };
    let [output, verdict] = arch.facts().machine.names;
    let settings = format!("BEAT={beat}\nOUTPUT=/dev/{output}\nVERDICT=/dev/{verdict}\n");
    tree.text("/klp/settings", settings, 0o644)?;
    if let Some(disk) = &spec.disk {
        disk.add(&mut tree)?;
    }
    let mut copied = Vec::new();
    if let Some(module) = &spec.core_module {
        tree.copy(Path::new(CORE_MODULE), module)?;
    }
    for (source, guest) in &spec.copy {
        copied.extend(tree.copy(guest, source)?);
    }
    userland.add_libraries(&mut tree, &copied)?;

    let memory = rustix::fs::memfd_create("initramfs", rustix::fs::MemfdFlags::CLOEXEC)
        .context("cannot get memory for the initramfs")?;
    let mut out = BufWriter::new(std::fs::File::from(memory));
    let size = tree.write(&mut out)?;
    let needed = KERNEL_MEMORY + ((2 * size) >> 20);
    let needed = u32::try_from(needed).context("too much is copied into the guest")?;
    let file = out
        .into_inner()
        .map_err(io::IntoInnerError::into_error)
        .context("cannot write the initramfs")?;
    Ok((file.into(), needed))
}
