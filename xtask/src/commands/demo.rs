// SPDX-License-Identifier: GPL-2.0-only

//! `cargo xtask demo`: from a fresh machine to a live-patched kernel.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use clap::Args;
use klp_host::host::progress;
use klp_host::vm::{self, Outcome, Spec};

use super::kernel_args::KernelArgs;
use crate::checkout;
use crate::demo::{self, Recording};

/// The patch that is shown.
const NAME: &str = "livepatch-sample";
const EXAMPLE: &str = "examples/livepatch-sample/livepatch-sample.rs";
const MODULE: &str = "livepatch-sample.ko";

#[derive(Args, Debug)]
pub(super) struct DemoArgs {
    #[command(flatten)]
    kernel: KernelArgs,
    /// Record the guest's terminal as an asciicast, and beside it as an animated SVG.
    #[arg(long, value_name = "FILE.cast")]
    record: Option<PathBuf>,
}

impl DemoArgs {
    pub(super) fn run(self) -> Result<ExitCode> {
        let start = Instant::now();
        self.kernel
            .needs()?
            .and(vm::needs_for(self.kernel.arch))
            .get()?;
        let kernel = self.kernel.get()?;
        let built = checkout::build_example(&kernel, NAME)?;
        let module = built
            .module(MODULE)
            .with_context(|| format!("the build made no {MODULE}"))?;
        show_patch()?;

        let spec = Spec {
            copy: vec![(module.to_owned(), PathBuf::from("/root").join(MODULE))],
            timeout: Duration::from_secs(180),
            ..kernel.spec(demo::GUEST)
        };
        let mut recording = Recording::new("klp: a live patch in Rust");
        let report = vm::run(&spec, &mut |bytes| {
            recording.push(bytes);
            let mut stdout = std::io::stdout().lock();
            stdout.write_all(bytes)?;
            stdout.flush()
        })?;
        if let Some(problem) = report.problem() {
            bail!("{problem}");
        }
        if report.outcome != Outcome::Exited(0) {
            bail!(
                "the patch did not do what it should, see above; \
                 `cargo xtask vm` boots the same kernel to look around"
            );
        }
        if let Some(file) = &self.record {
            save(&recording, file)?;
        }
        progress::say(&format!(
            "done in {} s: Linux {}, patched while it ran by {EXAMPLE}",
            start.elapsed().as_secs(),
            kernel.build.release,
        ));
        Ok(ExitCode::SUCCESS)
    }
}

/// Writes the recording and its SVG.
fn save(recording: &Recording, file: &Path) -> Result<()> {
    let asciicast = recording.asciicast()?;
    let picture = file.with_extension("svg");
    for (path, text) in [(file, &asciicast), (&picture, &demo::svg(&asciicast)?)] {
        fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))?;
        progress::say(&format!("wrote {}", path.display()));
    }
    Ok(())
}

/// Prints the patch as its author wrote it, from the first line of code on.
fn show_patch() -> Result<()> {
    let path = checkout::top().join(EXAMPLE);
    let text = std::fs::read_to_string(&path)
        .with_context(|| format!("cannot read {}", path.display()))?;
    println!("\nThe patch, {EXAMPLE}:\n");
    for line in text.lines().skip_while(|line| !line.starts_with("use ")) {
        println!("    {line}");
    }
    println!();
    Ok(())
}
