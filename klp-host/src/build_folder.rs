// SPDX-License-Identifier: GPL-2.0-only

//! What modules are built against: a kernel's build folder with its tools.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::arch::Arch;
use crate::cache::inherit_locks;
use crate::host::process;
use crate::tools::toolchain::Toolchain;

/// What modules are built against: a kernel's full build folder, and the tools that go with it.
#[derive(Clone, Debug)]
pub struct BuildFolder {
    /// What `uname -r` prints in this kernel.
    pub release: String,
    /// The architecture.
    pub arch: Arch,
    /// The folder for `make -C`.
    pub dir: PathBuf,
    /// Environment that every `make` against it needs (PATH with the kernel's rustc and bindgen
    /// first, RUSTC_FORCE_RUSTC_VERSION ...).
    pub env: Vec<(String, String)>,
    /// Variables for the command line of every `make` against it (LLVM=, KERNELRELEASE=).
    pub vars: Vec<(String, String)>,
    /// What builds patches in Rust, for a kernel that was built without Rust.
    pub freestanding: Option<Freestanding>,
}

impl BuildFolder {
    /// A make in it, with its tools, on all CPUs.
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
    /// A compiler that takes unstable options, as kernels' builds do.
    pub(crate) fn rustc(&self) -> Command {
        let mut command = self.toolchain.program(&self.toolchain.bin().join("rustc"));
        command.env("RUSTC_BOOTSTRAP", "1");
        command
    }

    /// One of LLVM's programs.
    pub(crate) fn llvm(&self, name: &str) -> Command {
        process::command(format!("{name}{}", self.llvm_suffix))
    }
}

/// A make with this environment and these variables, on all CPUs. It shares the locks of the
/// entry that it builds: if this process is killed, the next run must wait for it.
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

/// The same in a source tree, for a build folder elsewhere.
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
