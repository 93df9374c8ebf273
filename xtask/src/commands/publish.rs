// SPDX-License-Identifier: GPL-2.0-only

//! `cargo xtask publish`: publishes the crates that users install with cargo. `cargo-klp` contains klp's sources,
//! which are outside its folder, as an archive.

use std::fs::{self, File};
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context as _, Result, bail, ensure};
use clap::Args;
use klp_host::host::process;

use crate::checkout;

/// The published crates, dependencies first.
const CRATES: [&str; 5] = ["klp-elf", "klp-package", "klp-host", "klpctl", "cargo-klp"];

/// The sources in the archive for `cargo-klp`. `cargo-klp/build.rs` uses a part of them.
const CARRIED: [&str; 13] = [
    "Cargo.lock",
    "Cargo.toml",
    "klp-elf/Cargo.toml",
    "klp-elf/src",
    "klp-macros/Cargo.toml",
    "klp-macros/src",
    "klp/Makefile.freestanding",
    "klp/Makefile.klp",
    "klp/arch",
    "klp/bindings",
    "klp/c",
    "klp/freestanding.lds",
    "klp/src",
];

#[derive(Args, Debug)]
pub(super) struct PublishArgs {
    /// Package and compile the crates without publishing them.
    #[arg(long)]
    dry_run: bool,
}

impl PublishArgs {
    pub(super) fn run(self) -> Result<ExitCode> {
        let top = checkout::top();
        if !self.dry_run {
            check_committed(&top)?;
        }
        let archive = top.join("cargo-klp/bundled.tar");
        write_archive(&top, &archive)?;
        let published = self.publish(&top);
        fs::remove_file(&archive)
            .with_context(|| format!("cannot remove {}", archive.display()))?;
        published.map(|()| ExitCode::SUCCESS)
    }

    fn publish(&self, top: &Path) -> Result<()> {
        let mut command = checkout::toolchain()?.cargo();
        command
            .current_dir(top)
            // The archive is in no commit.
            .args(["publish", "--locked", "--allow-dirty"])
            .args(CRATES.iter().flat_map(|name| ["--package", name]))
            .arg("--target-dir")
            .arg(top.join("target/publish"));
        if self.dry_run {
            command.arg("--dry-run");
        }
        let status = command.status().context("cannot run cargo")?;
        if !status.success() {
            bail!("cargo publish failed ({status})");
        }
        Ok(())
    }
}

/// Checks that the published sources are committed. Cargo's own check would reject the archive, which is in no
/// commit.
fn check_committed(top: &Path) -> Result<()> {
    let mut git = process::command("git");
    let changed = process::output(git.arg("-C").arg(top).args(["status", "--porcelain"]))?;
    ensure!(
        changed.is_empty(),
        "the checkout has uncommitted changes; commit them, or put them away with `git stash -u`:\n{}",
        changed.trim_end()
    );
    Ok(())
}

fn write_archive(top: &Path, path: &Path) -> Result<()> {
    let write = || format!("cannot write {}", path.display());
    let file = File::create(path).with_context(write)?;
    let mut builder = tar::Builder::new(file);
    builder.mode(tar::HeaderMode::Deterministic);
    for name in CARRIED {
        let from = top.join(name);
        let added = match from.is_dir() {
            true => builder.append_dir_all(name, &from),
            false => builder.append_path_with_name(&from, name),
        };
        added.with_context(|| format!("cannot add {}", from.display()))?;
    }
    builder.into_inner().with_context(write)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uncommitted_sources_are_not_published() {
        let dir = tempfile::tempdir().unwrap();
        let mut git = process::command("git");
        process::output(git.arg("-C").arg(dir.path()).args(["init", "--quiet"])).unwrap();
        check_committed(dir.path()).unwrap();
        fs::write(dir.path().join("new.rs"), "").unwrap();
        let error = check_committed(dir.path()).unwrap_err().to_string();
        assert!(error.contains("new.rs"), "{error}");
    }

    /// `cargo-klp/build.rs` names what it takes from the archive.
    #[test]
    fn the_archive_has_all_that_the_build_script_names() {
        let build = checkout::top().join("cargo-klp/build.rs");
        let build = fs::read_to_string(build).unwrap();
        let taken: Vec<_> = build
            .split('"')
            .skip(1)
            .step_by(2)
            .filter(|text| text.starts_with("klp") && !text.contains([' ', '{']))
            .filter(|path| checkout::top().join(path).exists())
            .collect();
        assert!(taken.contains(&"klp/arch"), "{taken:?}");
        for path in taken {
            let is_in = |it: &&str| it.starts_with(path) || path.starts_with(&format!("{it}/"));
            assert!(CARRIED.iter().any(is_in), "{path}");
        }
    }
}
