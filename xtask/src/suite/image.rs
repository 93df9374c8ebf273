// SPDX-License-Identifier: GPL-2.0-only

//! klpctl on a system with systemd and a disk that survives reboots: what is installed is applied at each boot, what
//! the machine went down with is held out, and power cuts leave nothing half written.

use std::fs;
use std::io::{self, Seek as _, Write as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use klp_host::cache::{Cache, Scratch};
use klp_host::host::process;
use klp_host::kernel::known::Known;
use klp_host::kernel::line::STOCK;
use klp_host::kernel::modules;
use klp_host::kernel::{Core, DebianKernel};
use klp_host::unpacked::PROMTOOL;
use klp_host::vm::disk::{self, Disk};
use klp_host::vm::{self, Lines, Outcome, Spec, system};

use crate::case::{Case, Tally};
use crate::checkout;
use crate::guest_program;
use crate::report;

/// The kernel, which the system's own units have to run on.
pub(super) const CORE: Core = Core::STOCK;

/// Where things are in the initramfs, and below `/run` in the system.
const GUEST: &str = "/klp/image";

/// For each boot, with all that is done in it.
const LIMIT: Duration = Duration::from_secs(900);

/// A system starts more slowly than a script.
const SLOWNESS: u32 = 4;

/// A boot.
#[derive(Clone, Copy, Debug)]
struct Boot {
    /// What is done in it: `step_NAME` in `tests/image/guest.sh`.
    step: &'static str,
    /// A word for the kernel's command line.
    parameter: Option<&'static str>,
    ends: End,
}

/// How a boot ends.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum End {
    /// By a shutdown in order.
    InOrder,
    /// The kernel panics.
    Panic,
    /// The host ends the machine so long after the guest says `@cut`.
    PowerCut(Duration),
}

const fn boot(step: &'static str, ends: End) -> Boot {
    Boot {
        step,
        parameter: None,
        ends,
    }
}

const fn cut(step: &'static str, milliseconds: u64) -> Boot {
    boot(step, End::PowerCut(Duration::from_millis(milliseconds)))
}

/// All of them, on one disk.
const BOOTS: [Boot; 14] = [
    boot("install", End::InOrder),
    boot("applied", End::InOrder),
    boot("healthy", End::InOrder),
    boot("crash", End::Panic),
    boot("held", End::InOrder),
    boot("still", End::InOrder),
    Boot {
        parameter: Some("klp.enable=0"),
        ..boot("disabled", End::InOrder)
    },
    boot("upgraded", End::InOrder),
    cut("cut", 700),
    cut("whole", 2600),
    cut("whole", 1300),
    cut("whole", 5100),
    boot("end", End::InOrder),
    Boot {
        parameter: Some("lockdown=integrity"),
        ..boot("lockdown", End::InOrder)
    },
];

pub(super) fn run() -> Result<Tally> {
    let machine = Machine::new()?;
    let mut tally = Tally::default();
    for boot in BOOTS {
        for case in machine.boot(boot)? {
            tally.count(&case);
        }
    }
    Ok(tally)
}

/// A machine with its disk.
struct Machine {
    image: PathBuf,
    disk: Disk,
    copy: Vec<(PathBuf, PathBuf)>,
    /// The disk is in it.
    _folder: Scratch,
}

impl Machine {
    fn new() -> Result<Self> {
        let cache = Cache::open()?;
        let kernel = checkout::kernel(CORE, klp_host::kernel::Profile::Base)?;
        let built = checkout::build_folder(&kernel, "tests/image/")?;
        let known = Known {
            modules: modules::of_stock(&cache, DebianKernel::plain(&STOCK))?,
            ..Known::default()
        };
        let system = system::image(&cache)?;
        let folder = cache.scratch()?;
        let disk = folder.path().join("disk");
        copy_sparse(&system, &disk)?;
        let top = checkout::top();
        let copy = built
            .modules
            .iter()
            .cloned()
            .chain([
                guest_program::klpctl()?,
                top.join("klpctl/systemd"),
                top.join("tests/image/guest.sh"),
                top.join("tests/vm/lib.sh"),
                top.join("tests/vm/klpctl.sh"),
            ])
            .map(|path| {
                let name = path.file_name().unwrap_or_default().to_owned();
                (path, Path::new(GUEST).join(name))
            })
            .collect();
        Ok(Self {
            image: kernel.image,
            disk: Disk {
                image: disk,
                modules: reaching_disk(&known)?,
            },
            copy,
            _folder: folder,
        })
    }

    /// Boots once, and prints the cases as they are decided.
    fn boot(&self, boot: Boot) -> Result<Vec<Case>> {
        let spec = Spec {
            disk: Some(self.disk.clone()),
            copy: self.copy.clone(),
            timeout: LIMIT,
            slowness: SLOWNESS,
            grow: true,
            kernel_parameters: boot.parameter.map(str::to_owned).into_iter().collect(),
            ..Spec::new(
                &self.image,
                format!("bash /run{GUEST}/guest.sh {}", boot.step),
            )
        };
        let mut guest = Guest::new(boot);
        let mut lines = Lines::default();
        let ran = vm::run(&spec, &mut |bytes| {
            for line in lines.push(bytes) {
                guest.line(&line)?;
            }
            Ok(())
        });
        let end = match ran {
            Err(_) if guest.is_cut => Ok(()),
            Err(error) => Err(error),
            Ok(report) => is_as_meant(boot, &report.outcome)
                .with_context(|| report.console.join("\n"))
                .map(drop),
        };
        guest.decide("the machine ends as it was meant to", end);
        if !guest.metrics.is_empty() {
            let result = check_metrics(&guest.metrics);
            guest.decide("promtool takes its metrics", result);
        }
        Ok(guest.cases)
    }
}

/// The modules that reach the disk. What is built into the kernel is none.
fn reaching_disk(known: &Known) -> Result<Vec<(String, Vec<u8>)>> {
    let folder = known
        .modules
        .clone()
        .context("there are no modules of Debian's kernel")?;
    let files = klp_elf::Modules::find(&[folder])?;
    let names: Vec<_> = disk::MODULES
        .into_iter()
        .filter(|name| files.get(name).is_some())
        .map(str::to_owned)
        .collect();
    let modules = modules::with_dependencies(known, &names)?;
    Ok(modules.into_iter().map(|it| (it.name, it.data)).collect())
}

/// Copies a file with large holes: they stay holes.
fn copy_sparse(from: &Path, to: &Path) -> Result<()> {
    let mut command = process::command("cp");
    command.arg("--sparse=always").arg(from).arg(to);
    process::run(&mut command)?;
    ensure!(fs::metadata(to)?.is_file(), "{} is no file", to.display());
    Ok(())
}

fn is_as_meant(boot: Boot, outcome: &Outcome) -> Result<()> {
    match (boot.ends, outcome) {
        (End::InOrder, Outcome::Exited(0 | 1)) => Ok(()),
        (End::Panic, Outcome::Broken(why)) if why.contains("late-crash") => Ok(()),
        (end, outcome) => bail!("{end:?} was meant, and it was {outcome:?}"),
    }
}

/// Lets Prometheus' own tool read and judge metrics.
fn check_metrics(metrics: &str) -> Result<()> {
    let program = PROMTOOL.get(&Cache::open()?)?;
    let mut file = tempfile::tempfile().context("cannot make a temporary file")?;
    file.write_all(metrics.as_bytes())?;
    file.rewind()?;
    let mut command = process::command(&program);
    command.args(["check", "metrics"]).stdin(file);
    process::output(&mut command).map(drop)
}

/// What a guest says.
struct Guest {
    boot: Boot,
    /// In Prometheus' format.
    metrics: String,
    is_cut: bool,
    cases: Vec<Case>,
}

impl Guest {
    fn new(boot: Boot) -> Self {
        Self {
            boot,
            metrics: String::new(),
            is_cut: false,
            cases: Vec::new(),
        }
    }

    /// # Errors
    ///
    /// When the machine is to be ended.
    fn line(&mut self, line: &str) -> io::Result<()> {
        if let Some(case) = Case::reported(&self.script(), line) {
            self.add(case);
        } else if let Some(line) = line.strip_prefix("@metric ") {
            self.metrics.push_str(line);
            self.metrics.push('\n');
        } else if let (End::PowerCut(after), "@cut") = (self.boot.ends, line) {
            std::thread::sleep(after);
            self.is_cut = true;
            return Err(io::Error::other("the power is cut"));
        }
        Ok(())
    }

    fn script(&self) -> String {
        format!("image: {}", self.boot.step)
    }

    fn decide(&mut self, name: &str, result: Result<()>) {
        self.add(Case {
            script: self.script(),
            name: name.to_owned(),
            failure: result.err().map(|error| format!("{error:#}")),
        });
    }

    fn add(&mut self, case: Case) {
        report::add(&case);
        self.cases.push(case);
    }
}
