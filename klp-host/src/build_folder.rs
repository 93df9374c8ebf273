// SPDX-License-Identifier: GPL-2.0-only

//! A kernel's build folder, which modules are built against, with its tools.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::arch::Arch;
use crate::cache::inherit_locks;
use crate::host::process;
use crate::tools::toolchain::Toolchain;

/// A kernel's build folder, which modules are built against, and its tools.
#[derive(Clone, Debug)]
pub struct BuildFolder {
    /// The output of `uname -r`.
    pub release: String,
    /// The architecture.
    pub arch: Arch,
    /// The folder for `make -C`.
    pub dir: PathBuf,
    /// Environment variables for every `make` (PATH with the kernel's rustc and bindgen first,
    /// RUSTC_FORCE_RUSTC_VERSION ...).
    pub env: Vec<(String, String)>,
    /// Variables on the command line of every `make` (LLVM=, KERNELRELEASE=).
    pub vars: Vec<(String, String)>,
    /// The tools for Rust patches, if the kernel was built without Rust.
    pub freestanding: Option<Freestanding>,
}

impl BuildFolder {
    /// Returns a make command in it, with its tools, on all CPUs.
    pub fn make(&self) -> Command {
        make(&self.dir, &self.env, &self.vars)
    }
}

/// The tools that build Rust code for a kernel without Rust.
#[derive(Clone, Debug)]
pub struct Freestanding {
    pub(crate) toolchain: Toolchain,
    /// The suffix of LLVM's programs, such as `-19`.
    pub(crate) llvm_suffix: String,
}

impl Freestanding {
    /// Returns a rustc command that accepts unstable options, as in the kernel's builds.
    pub(crate) fn rustc(&self) -> Command {
        let mut command = self.toolchain.program(&self.toolchain.bin().join("rustc"));
        command.env("RUSTC_BOOTSTRAP", "1");
        command
    }

    /// Returns a command for one of LLVM's programs.
    pub(crate) fn llvm(&self, name: &str) -> Command {
        process::command(format!("{name}{}", self.llvm_suffix))
    }
}

/// Returns a make command with this environment and these variables, on all CPUs. It inherits the locks
/// of the cache entry that it builds: if this process is killed, the next run waits for make to end.
fn make(dir: &Path, env: &[(String, String)], vars: &[(String, String)]) -> Command {
    let jobs = std::thread::available_parallelism().map_or(1, usize::from);
    let mut command = process::command("make");
    command
        .arg("-C")
        .arg(dir)
        .arg(format!("-j{jobs}"))
        .envs(env.iter().map(|(name, value)| (name, value)))
        .args(vars.iter().map(|(name, value)| format!("{name}={value}")));
    inherit_locks(&mut command);
    command
}

/// Returns a make command in a source tree, with a separate build folder.
pub(crate) fn make_in(
    source: &Path,
    build: &Path,
    env: &[(String, String)],
    vars: &[(String, String)],
) -> Command {
    let mut output = std::ffi::OsString::from("O=");
    output.push(build);
    let mut command = make(source, env, vars);
    command.arg(output);
    command
}
