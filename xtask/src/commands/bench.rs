// SPDX-License-Identifier: GPL-2.0-only

//! `cargo xtask bench`: what live patches cost, with the livepatch cores side by side.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use clap::Args;
use klp_host::kernel::{Core, Profile};

use crate::bench::{self, Sizes, figures::Figures};
use crate::checkout;

#[derive(Args, Debug)]
pub(super) struct BenchArgs {
    /// Whose figures to take: kernels, by their livepatch core.
    #[arg(long, value_enum, value_delimiter = ',', default_values_t = [Core::C, Core::Rust])]
    core: Vec<Core>,
    /// How many functions the patches replace, up to 1000 [default: 10,100,1000].
    #[arg(long, value_name = "N", value_delimiter = ',', default_values_t = [10, 100, 1000],
          value_parser = clap::value_parser!(u32).range(1..=1000), hide_default_value = true)]
    functions: Vec<u32>,
    /// Let the C core, too, disable patches of more than a hundred functions: it takes minutes.
    #[arg(long)]
    all: bool,
    /// Where the results go, as JSON [default: target/bench.json].
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

impl BenchArgs {
    pub(super) fn run(self) -> Result<ExitCode> {
        let mut results = Vec::new();
        for core in self.core {
            let kernel = checkout::kernel(core, Profile::Base)?;
            let sizes = Sizes {
                functions: self.functions.clone(),
                // The C core waits for every function.
                disable_up_to: if core == Core::Rust || self.all {
                    u32::MAX
                } else {
                    100
                },
            };
            results.push((core.name().to_owned(), bench::run(&kernel, &sizes)?));
        }
        let figures = Figures::new(results);
        let json = self.json.unwrap_or_else(bench::default_json);
        figures.write(&json)?;
        print!("{figures}");
        println!("as JSON: {}", json.display());
        Ok(ExitCode::SUCCESS)
    }
}
