// SPDX-License-Identifier: GPL-2.0-only

//! `cargo xtask scenarios`: runs this repository's test scenarios in a virtual machine.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Result, bail};
use clap::Args;
use klp_host::kernel::Core;

use super::kernel_args::KernelArgs;
use crate::case::Tally;
use crate::checkout;
use crate::report;
use crate::scenarios;
use crate::suite::kernels;

#[derive(Args, Debug)]
pub(super) struct ScenariosArgs {
    #[command(flatten)]
    kernel: KernelArgs,
    /// Run only these. For a kernel without Rust: names of examples and of test patches. For others: names from tests/vm/scenarios or tests/vm/long, or paths of scripts [default: all in tests/vm/scenarios].
    #[arg(value_name = "NAME")]
    names: Vec<String>,
}

impl ScenariosArgs {
    pub(super) fn run(self) -> Result<ExitCode> {
        if let Core::Debian(debian) = self.kernel.core
            && !debian.line.has_rust
        {
            self.kernel.vm_needs()?.get()?;
            let tally = kernels::run_on(self.kernel.core, &self.names)?;
            return Ok(report::finish(tally));
        }
        let all = scenarios::only_for(self.kernel.arch, scenarios::all()?)?;
        let scripts = chosen(&self.names, all, scenarios::long()?)?;
        self.kernel.vm_needs()?.get()?;
        let kernel = self.kernel.get()?;
        let built = checkout::build_all(&kernel)?;
        let cases = scenarios::run(&kernel, &built.modules, &scripts)?;
        let tally = Tally::of(&cases);
        Ok(report::finish(tally))
    }
}

/// The scripts of these names; without names, all short ones.
fn chosen(names: &[String], short: Vec<PathBuf>, long: Vec<PathBuf>) -> Result<Vec<PathBuf>> {
    if names.is_empty() {
        return Ok(short);
    }
    let all = [short, long].concat();
    names
        .iter()
        .map(|name| {
            let has_name = |path: &&PathBuf| {
                path.file_stem()
                    .is_some_and(|stem| stem == name.trim_end_matches(".sh"))
            };
            if let Some(path) = all.iter().find(has_name) {
                return Ok(path.clone());
            }
            let path = Path::new(name);
            if path.is_file() {
                return Ok(path.to_owned());
            }
            let known: Vec<_> = all
                .iter()
                .filter_map(|path| path.file_stem())
                .map(|stem| stem.to_string_lossy())
                .collect();
            bail!(
                "there is no scenario {name}; known scenarios: {}",
                known.join(" ")
            )
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scenarios_are_chosen_by_name_or_path() {
        let short = vec![PathBuf::from("/s/one.sh"), PathBuf::from("/s/two.sh")];
        let long = PathBuf::from("/l/three.sh");
        let pick = |names: &[&str]| {
            let names: Vec<_> = names.iter().map(|&name| name.to_owned()).collect();
            chosen(&names, short.clone(), vec![long.clone()])
        };
        assert_eq!(pick(&[]).unwrap(), short);
        assert_eq!(
            pick(&["two", "one.sh", "three"]).unwrap(),
            [short[1].clone(), short[0].clone(), long.clone()]
        );
        assert_eq!(pick(&["/bin/sh"]).unwrap(), [PathBuf::from("/bin/sh")]);
        let err = pick(&["four"]).unwrap_err().to_string();
        assert!(
            err.contains("four") && err.contains("one two three"),
            "{err}"
        );
    }
}
