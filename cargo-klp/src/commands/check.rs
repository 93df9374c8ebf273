// SPDX-License-Identifier: GPL-2.0-only

//! `cargo klp check`: checks a livepatch module without loading it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, Result};
use clap::Args;
use klp_elf::check::{Against, Finding, Report, Severity, check};
use klp_elf::{Kernel, Module, Shown, VMLINUX, read_module};
use klp_host::cache::Cache;
use klp_host::kernel::metadata::KernelMetadata;
use serde_json::{Value, json};

use super::stub::message_only;
use crate::exit_status::{BAD, UNCHECKED};
use crate::kernel::Choice;

#[derive(Args, Debug)]
pub(super) struct CheckArgs {
    /// Module to check, in Rust or C.
    #[arg(value_name = "MODULE.ko")]
    module: PathBuf,
    /// Kernel to check against: one of Debian's, which is fetched (`cargo klp kernels` lists them), `running`, or a kernel's
    /// build folder. Without one, only the module itself is checked.
    #[arg(long, value_name = "KERNEL", value_parser = Choice::parse)]
    kernel: Option<Choice>,
    /// Check against this file instead: an ELF `vmlinux`, or type information with symbols beside it.
    #[arg(long, value_name = "FILE", conflicts_with = "kernel")]
    vmlinux: Option<PathBuf>,
    /// Folder with modules that this one patches or depends on; may be given several times.
    #[arg(long, value_name = "DIR")]
    modules: Vec<PathBuf>,
    /// Print the report as JSON.
    #[arg(long)]
    json: bool,
}

impl CheckArgs {
    pub(super) fn run(self) -> ExitCode {
        match self.report() {
            Ok(report) => {
                self.print(&report);
                match report.is_good() {
                    true => ExitCode::SUCCESS,
                    false => ExitCode::from(BAD),
                }
            }
            Err(error) => {
                eprintln!("error: {error:#}");
                ExitCode::from(UNCHECKED)
            }
        }
    }

    fn report(&self) -> Result<Report> {
        let path = Shown::path(&self.module);
        let module = read_module(&self.module).map_err(message_only)?;
        let kernel = self.open(concerns_modules(&module))?;
        let against = match &kernel {
            Some(kernel) => self.against(kernel)?,
            None => Against::nothing(),
        };
        check(&module, &against)
            .map_err(message_only)
            .with_context(|| format!("{path} could not be checked"))
    }

    /// Opens the kernel, with its modules if `modules`.
    fn open(&self, modules: bool) -> Result<Option<Kernel>> {
        let known = match (&self.vmlinux, &self.kernel) {
            (Some(file), _) => KernelMetadata {
                modules: KernelMetadata::default().or_users().modules,
                ..KernelMetadata::of_vmlinux(file)
            },
            (None, Some(kernel)) => kernel.known(&Cache::open()?, modules)?,
            (None, None) => return Ok(None),
        };
        let mut sources = known.sources()?;
        sources.modules.splice(0..0, self.modules.iter().cloned());
        Kernel::open(sources).map(Some).map_err(message_only)
    }

    fn against<'kernel>(&self, kernel: &'kernel Kernel) -> Result<Against<'kernel>> {
        let against = Against::kernel(kernel).map_err(message_only)?;
        if self.kernel != Some(Choice::Running) {
            return Ok(against);
        }
        // Its type information is separate from its build folder.
        let release = fs::read_to_string("/proc/sys/kernel/osrelease")
            .context("cannot read the release of the running kernel")?;
        let build = Path::new("/lib/modules").join(release.trim()).join("build");
        let against = against.build_folder(&build).map_err(message_only)?;
        Ok(against.release(&release))
    }

    fn print(&self, report: &Report) {
        match self.json {
            true => println!("{:#}", json(&self.module, report)),
            // The path is not at the start of the line, where CI systems may take it for a command.
            false => println!("module {}\n{report}", Shown::path(&self.module)),
        }
    }
}

/// Whether a patch replaces functions of modules, or depends on modules.
fn concerns_modules(module: &[u8]) -> bool {
    let patches = check(module, &Against::nothing()).is_ok_and(|report| {
        let mut replaced = report.replaced.iter();
        report.more_replaced > 0 || replaced.any(|it| it.object != *VMLINUX)
    });
    let depends = Module::parse(module).and_then(|module| module.modinfo());
    let depends = depends.is_ok_and(|info| info.values("depends").any(|names| !names.is_empty()));
    patches || depends
}

/// The report as JSON.
fn json(module: &Path, report: &Report) -> Value {
    let replaced = report.replaced.iter().map(|it| {
        json!({
            "object": it.object.escaped(),
            "function": it.function.escaped(),
            "sympos": it.sympos,
            "by": it.by.escaped(),
        })
    });
    json!({
        "module": Shown::path(module).to_string(),
        "good": report.is_good(),
        "replaced": replaced.collect::<Vec<_>>(),
        "findings": report.findings.iter().map(finding).collect::<Vec<_>>(),
        // The numbers of entries that are not listed.
        "more": {
            "replaced": report.more_replaced,
            "errors": report.more(Severity::Error),
            "warnings": report.more(Severity::Warning),
            "notes": report.more(Severity::Note),
        },
    })
}

fn finding(finding: &Finding) -> Value {
    json!({
        "id": finding.problem.id(),
        "severity": finding.severity().to_string(),
        "place": finding.place.to_string(),
        "text": finding.problem.to_string(),
        "help": finding.problem.help(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use klp_elf::check::{Place, Problem, Replaced};

    #[test]
    fn json_contains_the_report() {
        let mut report = Report::default();
        report.replaced.push(Replaced {
            object: "vmlinux".into(),
            function: "show".into(),
            sympos: 2,
            by: "new_show".into(),
        });
        report.findings.push(Finding {
            place: Place::Modinfo("livepatch"),
            problem: Problem::NotMarked,
        });
        let value = json(Path::new("fix.ko"), &report);
        assert_eq!(value["module"], "fix.ko");
        assert_eq!(value["good"], false);
        assert_eq!(value["replaced"][0]["sympos"], 2);
        let finding = &value["findings"][0];
        assert_eq!(finding["id"], "not-marked");
        assert_eq!(finding["severity"], "error");
        assert_eq!(finding["place"], "modinfo `livepatch`");
        let help = finding["help"].as_str().unwrap();
        assert!(help.contains("MODULE_INFO"), "{help}");
    }
}
