// SPDX-License-Identifier: GPL-2.0-only

//! `cargo xtask vm`: boots a kernel and runs one command in it.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Result, bail};
use clap::Args;
use klp_host::vm::{self, Outcome, Spec, Warnings};

use super::kernel_args::KernelArgs;

/// The exit status if the kernel crashed, hung, or stopped before the command ended.
const BROKEN: u8 = 125;

/// The exit status after a timeout, as that of `timeout`.
const TIMED_OUT: u8 = 124;

/// The end of `--help`.
const HELP: &str = "\
The exit status is the command's; 125 if the kernel crashed, hung or stopped before the \
command ended; 124 after a timeout.

KLP_QEMU names another QEMU; KLP_ACCEL=kvm or KLP_ACCEL=tcg selects its accelerator.";

#[derive(Args, Debug)]
#[command(after_help = HELP)]
pub(super) struct VmArgs {
    #[command(flatten)]
    kernel: KernelArgs,
    /// Boot this kernel image.
    #[arg(long = "kernel", value_name = "IMAGE", conflicts_with_all = ["arch", "core", "profile", "source"])]
    image: Option<PathBuf>,
    /// Number of CPUs [default: 2].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=255))]
    smp: Option<u32>,
    /// Memory in MiB.
    #[arg(long, value_name = "M", default_value_t = 1024)]
    memory: u32,
    /// Let virtual time count instructions, with one CPU, so that runs are reproducible.
    #[arg(long)]
    icount: bool,
    /// Stop the machine after this many seconds.
    #[arg(long, value_name = "S", default_value = "600", value_parser = seconds)]
    timeout: Duration,
    /// Copy this file or folder into the guest; if DST ends with a slash, under its own name.
    #[arg(long, value_name = "SRC:DST", value_parser = vm::copy::parse)]
    copy: Vec<(PathBuf, PathBuf)>,
    /// Append this to the kernel's command line.
    #[arg(long = "append", value_name = "WORDS", allow_hyphen_values = true)]
    kernel_parameters: Vec<String>,
    /// Do not fail when the kernel warns.
    #[arg(long)]
    allow_warnings: bool,
    /// Show the kernel's console (on standard error).
    #[arg(long)]
    console: bool,
    /// The command: one word is a script for bash, several are a program and its arguments.
    #[arg(last = true, required = true, value_name = "COMMAND")]
    command: Vec<String>,
}

impl VmArgs {
    pub(super) fn run(self) -> Result<ExitCode> {
        if self.icount && self.smp.is_some_and(|smp| smp != 1) {
            bail!("--icount needs a single CPU: omit --smp, or pass --smp 1");
        }
        let command = script(&self.command);
        let spec = match &self.image {
            Some(image) => {
                vm::needs_of(image)?.get()?;
                Spec::new(image, command)
            }
            None => {
                self.kernel
                    .needs()?
                    .and(vm::needs_for(self.kernel.arch))
                    .get()?;
                self.kernel.get()?.spec(command)
            }
        };
        let spec = Spec {
            kernel_parameters: self.kernel_parameters,
            smp: self.smp.unwrap_or(2),
            memory: self.memory,
            icount: self.icount,
            timeout: self.timeout,
            copy: self.copy,
            accepted: Warnings::all_if(self.allow_warnings),
            show_console: self.console,
            ..spec
        };
        let report = vm::run_shown(&spec)?;
        let ready = report
            .ready
            .map_or("the command did not start".to_owned(), |ready| {
                format!("the command started after {:.1} s", ready.as_secs_f32())
            });
        eprintln!("{ready}; all took {:.1} s", report.took.as_secs_f32());
        if let Some(problem) = report.problem() {
            eprintln!("error: {problem}");
        }
        Ok(ExitCode::from(status(&report.outcome)))
    }
}

/// The script for bash. Several words are quoted, so that bash passes them on unchanged.
fn script(words: &[String]) -> String {
    match words {
        [script] => script.clone(),
        words => shell_words::join(words),
    }
}

fn status(outcome: &Outcome) -> u8 {
    match outcome {
        Outcome::Exited(code) => u8::try_from(*code).unwrap_or(BROKEN),
        Outcome::Broken(_) => BROKEN,
        Outcome::TimedOut(_) => TIMED_OUT,
    }
}

fn seconds(text: &str) -> Result<Duration, String> {
    let seconds: f64 = text
        .parse()
        .map_err(|_| "expected a number of seconds".to_owned())?;
    Duration::try_from_secs_f64(seconds)
        .ok()
        .filter(|time| !time.is_zero())
        .ok_or_else(|| "expected a number of seconds above zero".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &[&str]) -> Vec<String> {
        text.iter().map(|&word| word.to_owned()).collect()
    }

    #[test]
    fn one_word_is_a_script_and_several_are_a_command() {
        assert_eq!(script(&words(&["echo a; exit 7"])), "echo a; exit 7");
        assert_eq!(
            script(&words(&["bash", "-c", "echo a; exit 7"])),
            "bash -c 'echo a; exit 7'"
        );
        assert_eq!(
            script(&words(&["cat", "/proc/cmdline"])),
            "cat /proc/cmdline"
        );
    }

    #[test]
    fn statuses() {
        assert_eq!(status(&Outcome::Exited(7)), 7);
        assert_eq!(status(&Outcome::Broken("x".into())), 125);
        assert_eq!(status(&Outcome::TimedOut(Duration::from_secs(1))), 124);
    }

    #[test]
    fn times() {
        assert_eq!(seconds("2.5"), Ok(Duration::from_millis(2500)));
        for bad in ["", "x", "0", "-1", "1s", "inf"] {
            assert!(seconds(bad).is_err(), "{bad}");
        }
    }
}
