// SPDX-License-Identifier: GPL-2.0-only

//! `cargo klp link`: the last step of a module build, for modules in Rust or C that were not built by `cargo klp`.

use std::path::PathBuf;

use anyhow::{Result, ensure};
use clap::Args;
use klp_elf::Shown;
use klp_host::host::progress::say;
use klp_host::link;

#[derive(Args, Debug)]
pub(super) struct LinkArgs {
    /// Modules with references to livepatch symbols, which are linked in place.
    #[arg(value_name = "MODULE.ko", required = true)]
    modules: Vec<PathBuf>,
    /// Write the linked module to this file instead of linking in place.
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
}

impl LinkArgs {
    pub(super) fn run(self) -> Result<()> {
        if let Some(output) = &self.output {
            ensure!(
                self.modules.len() == 1,
                "--output takes one module, but {} are given",
                self.modules.len()
            );
            return link::into(&self.modules[0], output);
        }
        for module in &self.modules {
            if !link::in_place(module)? {
                say(&format!(
                    "note: nothing to link in {}, which is unchanged",
                    Shown::path(module)
                ));
            }
        }
        Ok(())
    }
}
