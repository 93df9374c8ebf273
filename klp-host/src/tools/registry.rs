// SPDX-License-Identifier: GPL-2.0-only

//! Builds programs from the crate registry into the cache, in fixed versions. Cargo
//! verifies downloads by the registry's checksums.

use std::path::PathBuf;
use std::process::Command;

use anyhow::Result;

use super::toolchain;
use crate::cache::{Cache, Key};
use crate::host::consent::check_online;
use crate::host::progress::{Step, say};

/// A program and its package.
#[derive(Clone, Copy, Debug)]
pub struct Program {
    /// The program's name.
    pub name: &'static str,
    /// The package's name.
    pub package: &'static str,
    /// The package's version.
    pub version: &'static str,
    /// Whether to build with optimisations, for programs that run long enough.
    pub optimised: bool,
    /// The usual build time, for the progress message.
    pub usual: &'static str,
}

impl Program {
    /// Returns a folder with the program in `bin`, built first if needed. `why` is the reason not to use
    /// the system's.
    ///
    /// # Errors
    ///
    /// It cannot be built, or the network is forbidden.
    pub fn folder(&self, cache: &Cache, why: Option<&str>) -> Result<PathBuf> {
        let key = Key::new().with("version", self.version);
        cache.entry("tools", self.name, &key).get_or_resume(|dir| {
            let Self { name, version, .. } = self;
            check_online(&format!("the cache has no {name} {version}"))?;
            if let Some(why) = why {
                say(&format!("the system's {name} is not suitable: {why}"));
            }
            // A toolchain has no compiler while rustup adds a component to it.
            let _lock = toolchain::lock(cache)?;
            let step = Step::start(
                &format!("building {name} {version} from the registry"),
                self.usual,
            );
            step.run(
                cargo()
                    .args(["install", "--locked", "--force", self.package])
                    .args(["--version", version])
                    .args((!self.optimised).then_some("--debug"))
                    .arg("--root")
                    .arg(dir)
                    .arg("--target-dir")
                    .arg(dir.join("target")),
                &dir.join("build.log"),
            )?;
            std::fs::remove_dir_all(dir.join("target"))?;
            step.done();
            Ok(())
        })
    }
}

/// Returns a command of the cargo that runs this process, with its rustc.
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
