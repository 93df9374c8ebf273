// SPDX-License-Identifier: GPL-2.0-only

//! bindgen, which kernel builds need: distributions' versions are often too old.

use std::path::PathBuf;
use std::process::Command;

use anyhow::Result;

use super::progress::Step;
use super::toolchain;
use crate::cache::{Cache, Key};

/// The version for all kernels. Linux 7.2 asks for 0.71.1 or newer.
pub const VERSION: &str = "0.73.2";

/// Gives the folder with `bindgen`; builds it into the cache when it is not there.
pub fn ensure(cache: &Cache) -> Result<PathBuf> {
    let entry = cache.entry("tools", "bindgen", &Key::new().with("version", VERSION));
    let dir = entry.get_or_resume(|dir| {
        let step = Step::start(
            &format!("building bindgen {VERSION}"),
            "about a minute on two cores",
        );
        step.run(
            cargo()
                .args(["install", "--locked", "--force", "bindgen-cli"])
                .args(["--version", VERSION])
                .arg("--root")
                .arg(dir)
                .arg("--target-dir")
                .arg(dir.join("target")),
            &dir.join("build.log"),
        )?;
        std::fs::remove_dir_all(dir.join("target"))?;
        step.done();
        Ok(())
    })?;
    Ok(dir.join("bin"))
}

/// The cargo that runs us, with its own rustc: there is no better one to count on.
fn cargo() -> Command {
    let Some(cargo) = std::env::var_os("CARGO").map(PathBuf::from) else {
        return toolchain::probe("cargo");
    };
    let rustc = cargo.with_file_name("rustc");
    let mut command = toolchain::probe(&cargo);
    if rustc.is_absolute() && rustc.is_file() {
        command.env("RUSTC", rustc);
    }
    command
}
