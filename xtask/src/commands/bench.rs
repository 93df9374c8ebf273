// SPDX-License-Identifier: GPL-2.0-only

//! `cargo xtask bench`: measures what live patches cost, with the livepatch cores side by side.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use clap::Args;
use klp_host::arch::Arch;
use klp_host::kernel::{self, Core, Options, Profile};

use crate::bench::{self, docs, figures::Figures, plan::Plan, plots, table};
use crate::checkout;
use crate::guest_program;

/// The end of `--help`.
const HELP: &str = "\
A complete run, of both cores and without --quick, --functions, --arch or --profile, also updates the figures in docs/.";

#[derive(Args, Debug)]
#[command(after_help = HELP)]
pub(super) struct BenchArgs {
    /// The kernels to measure, by their livepatch core.
    #[arg(long, value_name = "CORE", value_delimiter = ',', default_values_t = CORES)]
    core: Vec<Core>,
    /// The kernels' architecture.
    #[arg(long, value_enum, default_value_t = Arch::default())]
    arch: Arch,
    /// The kernels' configuration. With `debian`, patches of many functions are measured with as many traceable
    /// functions as Debian's kernel has.
    #[arg(long, value_enum, default_value_t = Profile::Base)]
    profile: Profile,
    /// Measure less of everything, in less than three minutes.
    #[arg(long)]
    quick: bool,
    /// How many functions the patches replace, up to 1000 [default: 1,10,100,1000].
    #[arg(long, value_name = "N", value_delimiter = ',',
          value_parser = clap::value_parser!(u32).range(1..=1000))]
    functions: Option<Vec<u32>>,
    /// Write the results to this file, as JSON [default: target/bench.json].
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Measure nothing, but make the table and the plots from these results.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["core", "arch", "profile", "quick", "functions", "json"])]
    from: Option<PathBuf>,
}

/// The cores of a complete run.
const CORES: [Core; 2] = [Core::C, Core::Rust];

impl BenchArgs {
    pub(super) fn run(self) -> Result<ExitCode> {
        let figures = match &self.from {
            Some(file) => Figures::read(file)?,
            None => self.measure()?,
        };
        print!("{}", table::all(&figures));
        println!();
        for file in files(&figures)? {
            println!("wrote {}", file.display());
        }
        Ok(ExitCode::SUCCESS)
    }

    fn measure(&self) -> Result<Figures> {
        let mut plan = if self.quick {
            Plan::quick()
        } else {
            Plan::full()
        };
        if let Some(functions) = &self.functions {
            plan.functions.clone_from(functions);
        }
        plan.more_traceable = self.profile == Profile::Debian;
        let options = Options {
            arch: self.arch,
            ..checkout::kernel_options()
        };
        let mut needs = guest_program::needs(self.arch)?;
        for &core in &self.core {
            needs = needs.and(kernel::needs(core, self.profile, &options)?);
        }
        needs.get()?;
        let kernels: Vec<_> = self
            .core
            .iter()
            .map(|&core| kernel::get(core, self.profile, &options))
            .collect::<Result<_>>()?;
        let figures = Figures {
            whole: self.core == CORES
                && self.arch == Arch::default()
                && self.profile == Profile::Base
                && !self.quick
                && self.functions.is_none(),
            kernels: bench::run(&kernels, &plan)?,
        };
        let json = self.json.clone().unwrap_or_else(bench::default_json);
        figures.write(&json)?;
        println!("as JSON: {}", json.display());
        Ok(figures)
    }
}

/// Writes the plots. For a complete run, they go into the documentation, with the tables.
fn files(figures: &Figures) -> Result<Vec<PathBuf>> {
    if figures.whole {
        docs::publish(figures, &checkout::top().join("docs"))
    } else {
        plots::draw(figures, &checkout::top().join("target/plots"))
    }
}
