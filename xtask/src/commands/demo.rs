// SPDX-License-Identifier: GPL-2.0-only

//! `cargo xtask demo`: boots a kernel and patches it while it runs, from a fresh machine on.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use clap::Args;
use klp_host::arch::Arch;
use klp_host::host::progress;
use klp_host::kernel::{Core, Profile};
use klp_host::tools::needs::Needs;
use klp_host::vm::{self, Outcome, Spec};

use super::kernel_args::KernelArgs;
use crate::bench;
use crate::checkout;
use crate::demo::{self, Recording};
use crate::guest_program;

/// The patch that is shown.
const NAME: &str = "livepatch-sample";
const EXAMPLE: &str = "examples/livepatch-sample/livepatch-sample.rs";
const MODULE: &str = "livepatch-sample.ko";

/// klp-core as a module.
const CORE_MODULE: &str = "klp-core.ko";

/// The folder in the guest, which its script names too.
const GUEST: &str = "/root";

#[derive(Args, Debug)]
pub(super) struct DemoArgs {
    #[command(flatten)]
    kernel: KernelArgs,
    /// Record the guest's terminal as an asciicast, with an animated SVG beside it.
    #[arg(long, value_name = "FILE.cast")]
    record: Option<PathBuf>,
}

impl DemoArgs {
    pub(super) fn run(self) -> Result<ExitCode> {
        let start = Instant::now();
        self.needs()?.get()?;
        let kernel = self.kernel.get()?;
        let second_act = self.second_act()?;
        let built = checkout::build_example(&kernel, NAME)?;
        let module = built
            .module(MODULE)
            .with_context(|| format!("the build produced no {MODULE}"))?;
        show_patch()?;

        let mut copy = vec![(module.to_owned(), Path::new(GUEST).join(MODULE))];
        copy.extend(second_act);
        let spec = Spec {
            // The figures of the second act count instructions.
            icount: copy.len() > 1,
            copy,
            timeout: Duration::from_secs(300),
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
                "the patch did not work, see above; \
                 `cargo xtask vm` boots the same kernel for inspection"
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

    /// Whether the patch is also shown with klp-core as a module, which exists for one kernel only.
    fn has_second_act(&self) -> bool {
        self.kernel.core == Core::STOCK && self.kernel.arch == Arch::default()
    }

    fn needs(&self) -> Result<Needs> {
        let first = self.kernel.needs()?.and(vm::needs_for(self.kernel.arch));
        if !self.has_second_act() {
            return Ok(first);
        }
        let core = checkout::needs(Core::StockRust, Profile::Base)?;
        Ok(first.and(core).and(guest_program::needs(self.kernel.arch)?))
    }

    /// The files for the second act, each with its path in the guest.
    fn second_act(&self) -> Result<Vec<(PathBuf, PathBuf)>> {
        if !self.has_second_act() {
            return Ok(Vec::new());
        }
        let kernel = checkout::kernel(Core::StockRust, Profile::Base)?;
        let core = kernel
            .core_module
            .context("the kernel stock+rust has no klp-core module")?;
        let program =
            guest_program::build(self.kernel.arch, &checkout::top().join(bench::PROGRAM))?;
        Ok([(core, CORE_MODULE), (program, "klp-bench")]
            .map(|(file, name)| (file, Path::new(GUEST).join(name)))
            .into())
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

/// Prints the patch's source, from the first line of code on.
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
