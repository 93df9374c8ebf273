// SPDX-License-Identifier: GPL-2.0-only

//! Boots a machine with a disk, and parses its output.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Seek as _, Write as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use klp_host::cache::{Cache, Scratch};
use klp_host::host::process;
use klp_host::kernel::metadata::KernelMetadata;
use klp_host::kernel::modules;
use klp_host::unpacked::PROMTOOL;
use klp_host::vm::disk::{self, Disk};
use klp_host::vm::firmware::Firmware;
use klp_host::vm::{self, Lines, Outcome, Spec, system};

use super::keys;
use super::packages::Packages;
use super::page::Page;
use super::stories::{Boot, End, Extra, KERNEL, Story};
use crate::case::Case;
use crate::checkout;
use crate::report;

/// The folder in the initramfs. In the system it is below `/run`.
const GUEST: &str = "/klp/image";

/// The case about the end of a boot.
pub(super) const END: &str = "the machine ends as expected";

/// The time limit of each boot.
const LIMIT: Duration = Duration::from_secs(1800);

/// A system starts more slowly than a script, above all with a hundred patches, each of which takes the kernel a second.
const SLOWNESS: u32 = 8;

/// A machine with its disk.
pub(super) struct Machine {
    story: &'static str,
    image: PathBuf,
    disk: Disk,
    firmware: Option<Firmware>,
    page: Option<Page>,
    copy: Vec<(PathBuf, PathBuf)>,
    /// Contains the disk.
    _folder: Scratch,
}

impl Machine {
    /// Creates a machine with a system that lacks klpctl.
    ///
    /// # Errors
    ///
    /// The system cannot be made.
    pub(super) fn new(packages: &Packages, story: &Story) -> Result<Self> {
        let cache = Cache::open()?;
        let known = KernelMetadata {
            modules: modules::of_stock(&cache, KERNEL)?,
            ..KernelMetadata::default()
        };
        let system = system::image(&cache)?;
        let folder = cache.scratch()?;
        let disk = folder.path().join("disk");
        copy_sparse(&system, &disk)?;
        let top = checkout::top();
        let mut more = Vec::new();
        let (mut firmware, mut page) = (None, None);
        match story.has {
            Extra::Nothing => {}
            Extra::Key => {
                let (made, keys) = keys::make(&cache, folder.path())?;
                more.extend(keys);
                firmware = Some(made);
            }
            Extra::Page => {
                let made = Page::author()?;
                let dir = folder.path().join("page");
                made.write(&dir)?;
                more.push(dir);
                page = Some(made);
            }
        }
        let copy = packages
            .modules
            .iter()
            .cloned()
            .chain([
                packages.folder(),
                top.join("tests/image/guest.sh"),
                top.join(format!("tests/image/steps/{}.sh", story.name)),
                top.join("tests/vm/lib.sh"),
                top.join("tests/vm/klpctl.sh"),
                top.join("fleet/ansible"),
            ])
            .chain(more)
            .map(|path| {
                let name = path.file_name().unwrap_or_default().to_owned();
                (path, Path::new(GUEST).join(name))
            })
            .collect();
        Ok(Self {
            story: story.name,
            image: packages.image.clone(),
            disk: Disk {
                image: disk,
                modules: initramfs_modules(&known, story.has == Extra::Key)?,
            },
            firmware,
            page,
            copy,
            _folder: folder,
        })
    }

    /// Boots once, and reports each case immediately.
    ///
    /// # Errors
    ///
    /// The machine cannot be run.
    pub(super) fn boot(&self, boot: Boot) -> Result<Vec<Case>> {
        let spec = Spec {
            disk: Some(self.disk.clone()),
            firmware: self.firmware.clone(),
            copy: self.copy.clone(),
            timeout: LIMIT,
            slowness: SLOWNESS,
            grow: true,
            kernel_parameters: boot.parameter.map(str::to_owned).into_iter().collect(),
            ..Spec::new(
                &self.image,
                format!("bash /run{GUEST}/guest.sh {} {}", self.story, boot.step),
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
            Ok(report) => check_end(boot, &report.outcome)
                .with_context(|| report.console.join("\n"))
                .map(drop),
        };
        guest.add_result(END, end);
        for (number, printed) in std::mem::take(&mut guest.page) {
            let result = self
                .page
                .as_ref()
                .map_or(Ok(()), |it| it.check(number, &printed));
            guest.add_result("the page shows the command's output", result);
        }
        if !guest.metrics.is_empty() {
            let result = check_metrics(&guest.metrics);
            guest.add_result("promtool accepts the metrics", result);
        }
        Ok(guest.cases)
    }
}

/// The module that shows the firmware's variables.
const VARIABLES: &str = "efivarfs";

/// The modules that the initramfs loads for the disk and the firmware's variables, except built-in ones.
fn initramfs_modules(
    known: &KernelMetadata,
    has_variables: bool,
) -> Result<Vec<(String, Vec<u8>)>> {
    let folder = known
        .modules
        .clone()
        .context("the modules of Debian's kernel are missing")?;
    let files = klp_elf::Modules::find(&[folder])?;
    let names: Vec<_> = disk::MODULES
        .into_iter()
        .chain(has_variables.then_some(VARIABLES))
        .filter(|name| files.get(name).is_some())
        .map(str::to_owned)
        .collect();
    let modules = modules::with_dependencies(known, &names)?;
    Ok(modules.into_iter().map(|it| (it.name, it.data)).collect())
}

/// Copies a sparse file without filling its holes.
fn copy_sparse(from: &Path, to: &Path) -> Result<()> {
    let mut command = process::command("cp");
    command.arg("--sparse=always").arg(from).arg(to);
    process::run(&mut command)?;
    ensure!(
        fs::metadata(to)?.is_file(),
        "{} is not a file",
        to.display()
    );
    Ok(())
}

fn check_end(boot: Boot, outcome: &Outcome) -> Result<()> {
    match (boot.ends, outcome) {
        (End::InOrder, Outcome::Exited(0 | 1)) => Ok(()),
        (End::Panic, Outcome::Broken(why)) if why.contains("late-crash") => Ok(()),
        (end, outcome) => bail!("expected {end:?}, found {outcome:?}"),
    }
}

/// Checks metrics with promtool.
fn check_metrics(metrics: &str) -> Result<()> {
    let program = PROMTOOL.get(&Cache::open()?)?;
    let mut file = tempfile::tempfile().context("cannot make a temporary file")?;
    file.write_all(metrics.as_bytes())?;
    file.rewind()?;
    let mut command = process::command(&program);
    command.args(["check", "metrics"]).stdin(file);
    process::output(&mut command).map(drop)
}

/// Parses the output of a guest.
struct Guest {
    boot: Boot,
    /// klpctl's metrics, in Prometheus' format.
    metrics: String,
    /// The output of the page's commands, by number.
    page: BTreeMap<usize, String>,
    /// Whether the power was cut.
    is_cut: bool,
    cases: Vec<Case>,
}

impl Guest {
    fn new(boot: Boot) -> Self {
        Self {
            boot,
            metrics: String::new(),
            page: BTreeMap::new(),
            is_cut: false,
            cases: Vec::new(),
        }
    }

    /// Parses a line.
    ///
    /// # Errors
    ///
    /// The power is cut now: the machine has to stop.
    fn line(&mut self, line: &str) -> io::Result<()> {
        if let Some(case) = Case::parse(&self.script(), line) {
            self.add(case);
        } else if let Some(line) = line.strip_prefix("@metric ") {
            self.metrics.push_str(line);
            self.metrics.push('\n');
        } else if let Some(rest) = line.strip_prefix("@page ") {
            let (number, text) = rest.split_once(' ').unwrap_or((rest, ""));
            if let Ok(number) = number.parse() {
                let printed = self.page.entry(number).or_default();
                printed.push_str(text);
                printed.push('\n');
            }
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

    fn add_result(&mut self, name: &str, result: Result<()>) {
        self.add(Case::from_result(&self.script(), name, result));
    }

    fn add(&mut self, case: Case) {
        report::add(&case);
        self.cases.push(case);
    }
}
