// SPDX-License-Identifier: GPL-2.0-only

//! `cargo xtask demo`: from a fresh machine to a live-patched kernel.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use clap::Args;
use klp_host::host::progress;
use klp_host::vm::{self, Outcome, Spec};

use super::KernelArgs;
use crate::checkout;

/// The patch that is shown.
const NAME: &str = "livepatch-sample";
const EXAMPLE: &str = "examples/livepatch-sample/livepatch-sample.rs";
const MODULE: &str = "livepatch-sample.ko";

#[derive(Args, Debug)]
pub(super) struct DemoArgs {
    #[command(flatten)]
    kernel: KernelArgs,
}

impl DemoArgs {
    pub(super) fn run(self) -> Result<ExitCode> {
        let start = Instant::now();
        self.kernel.needs()?.and(vm::needs()).get()?;
        let kernel = self.kernel.get()?;
        let built = checkout::build_example(&kernel, NAME)?;
        let module = built
            .module(MODULE)
            .with_context(|| format!("the build made no {MODULE}"))?;
        show_patch()?;

        let spec = Spec {
            copy: vec![(module.to_owned(), PathBuf::from("/root").join(MODULE))],
            timeout: Duration::from_secs(180),
            ..Spec::new(&kernel.image, include_str!("../demo/guest.sh"))
        };
        let report = vm::run_shown(&spec)?;
        if let Some(problem) = report.problem() {
            bail!("{problem}");
        }
        if report.outcome != Outcome::Exited(0) {
            bail!(
                "the patch did not do what it should, see above; \
                 `cargo xtask vm` boots the same kernel to look around"
            );
        }
        progress::say(&format!(
            "done in {} s: Linux {}, patched while it ran by {EXAMPLE}",
            start.elapsed().as_secs(),
            kernel.build.release,
        ));
        Ok(ExitCode::SUCCESS)
    }
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
