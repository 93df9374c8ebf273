// SPDX-License-Identifier: GPL-2.0-only

//! Selects the indices of a kernel's inlined functions, which are made from its debug information.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail, ensure};
use clap::Args;
use klp_elf::inlined::VARIABLE;
use klp_host::cache::Cache;
use klp_host::host::progress::say;
use klp_host::kernel::debug_info;
use klp_host::kernel::metadata::KernelMetadata;

use crate::kernel::Choice;

/// The option for debug information.
#[derive(Args, Clone, Debug, Default)]
pub struct DebugInfo {
    /// Find inlined functions, using a vmlinux with debug information. Without FILE, that of Debian's kernel is
    /// fetched: more than a gigabyte, once.
    #[arg(long, value_name = "FILE", num_args = 0..=1, require_equals = true)]
    debug_info: Option<Option<PathBuf>>,
}

impl DebugInfo {
    /// The folders with the indices of this kernel. Creates them if they are requested, or need no download.
    pub fn indices(
        &self,
        cache: &Cache,
        choice: &Choice,
        known: &KernelMetadata,
    ) -> Result<Vec<PathBuf>> {
        match &self.debug_info {
            Some(Some(file)) => Ok(vec![of_file(cache, file)?]),
            requested => available(cache, choice, known, requested.is_some()),
        }
    }
}

/// The environment variable for a patch's compiler. The user's setting takes precedence.
pub fn variable(indices: &[PathBuf]) -> Result<(String, String)> {
    let folders = match std::env::var_os(VARIABLE) {
        Some(folders) => folders,
        None => std::env::join_paths(indices).context("a folder's path has a colon")?,
    };
    let folders = folders.to_string_lossy().into_owned();
    Ok((VARIABLE.to_owned(), folders))
}

fn of_file(cache: &Cache, file: &Path) -> Result<PathBuf> {
    ensure!(file.is_file(), "there is no file {}", file.display());
    debug_info::of_vmlinux(cache, file)?.with_context(|| {
        format!(
            "{} has no debug information: give the vmlinux of a kernel built with CONFIG_DEBUG_INFO, or the \
             distribution's debug file",
            file.display()
        )
    })
}

fn available(
    cache: &Cache,
    choice: &Choice,
    known: &KernelMetadata,
    requested: bool,
) -> Result<Vec<PathBuf>> {
    match choice {
        Choice::Debian(kernel) if requested => {
            return Ok(vec![debug_info::of_stock(cache, *kernel)?]);
        }
        Choice::Debian(kernel) => {
            let there = debug_info::of_stock_if_there(cache, *kernel);
            return Ok(there.into_iter().collect());
        }
        Choice::Running | Choice::Folder(_) => {}
    }
    let mut files: Vec<PathBuf> = known.vmlinux.clone().into_iter().collect();
    if *choice == Choice::Running {
        files.extend(of_running());
    }
    for file in files {
        match debug_info::of_vmlinux(cache, &file) {
            Ok(Some(dir)) => return Ok(vec![dir]),
            Ok(None) => {}
            Err(error) if requested => return Err(error),
            Err(error) => say(&format!("note: inlined functions are unknown: {error:#}")),
        }
    }
    if requested {
        bail!(
            "no debug information was found for that kernel: name a vmlinux that has it, with --debug-info=FILE"
        );
    }
    Ok(Vec::new())
}

/// The distributions' files with the debug information of the running kernel, if they exist.
fn of_running() -> Vec<PathBuf> {
    let release = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let release = release.trim();
    [
        format!("/usr/lib/debug/lib/modules/{release}/vmlinux"),
        format!("/usr/lib/debug/boot/vmlinux-{release}"),
        format!("/lib/modules/{release}/build/vmlinux"),
    ]
    .into_iter()
    .map(PathBuf::from)
    .filter(|path| path.is_file())
    .collect()
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Command {
        #[command(flatten)]
        debug_info: DebugInfo,
    }

    #[test]
    fn the_file_is_optional() {
        let parsed = |options: &[&str]| {
            let options = ["klp"].iter().chain(options);
            let command = Command::try_parse_from(options).map_err(|error| error.to_string());
            command.map(|command| command.debug_info.debug_info)
        };
        assert_eq!(parsed(&[]), Ok(None));
        assert_eq!(parsed(&["--debug-info"]), Ok(Some(None)));
        let file = Some(Some(PathBuf::from("vmlinux")));
        assert_eq!(parsed(&["--debug-info=vmlinux"]), Ok(file));
        assert!(parsed(&["--debug-info", "vmlinux"]).is_err());
    }
}
