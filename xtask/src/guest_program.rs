// SPDX-License-Identifier: GPL-2.0-only

//! Builds programs that scripts start in a virtual machine.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use klp_host::arch::Arch;
use klp_host::host::process;
use klp_host::tools::needs::Needs;
use klp_host::vm::{self, sysroot};

use crate::checkout;

/// The profile of klpctl. Without optimisation, its scenarios take three times as long.
const PROFILE: &str = "emulated";

/// The packages needed to build the programs and to run a machine.
pub fn needs(arch: Arch) -> Result<Needs> {
    Ok(vm::needs_for(arch).and(sysroot::compiler_needs(arch)?))
}

/// Builds klpctl for this machine. Its shared libraries are copied into a guest with it.
pub fn klpctl() -> Result<PathBuf> {
    let top = checkout::top();
    let mut command = checkout::toolchain()?.cargo();
    command
        .current_dir(&top)
        .args(["build", "--quiet", "--locked", "--package", "klpctl"])
        .args(["--profile", PROFILE, "--target-dir"])
        .arg(top.join("target"));
    process::output(&mut command)?;
    Ok(top.join("target").join(PROFILE).join("klpctl"))
}

/// Builds a program from one source file, statically linked: that starts fast and needs no libraries in the
/// guest.
pub fn build(arch: Arch, source: &Path) -> Result<PathBuf> {
    let mut target = checkout::top().join("target/guest");
    if arch != Arch::HOST {
        target.push(arch.name());
    }
    compile(arch, source, &target, &["-O2", "-Wall", "-static"])
}

/// Compiles a program from one source file into a folder, with these flags.
pub fn compile(arch: Arch, source: &Path, target: &Path, flags: &[&str]) -> Result<PathBuf> {
    let name = source
        .file_stem()
        .with_context(|| format!("{} has no name", source.display()))?
        .to_string_lossy();
    fs::create_dir_all(target).with_context(|| format!("cannot make {}", target.display()))?;
    // Replace it atomically: another run may be using the program.
    let program = target.join(&*name);
    let partial = tempfile::Builder::new()
        .prefix(&*name)
        .tempfile_in(target)
        .with_context(|| format!("cannot write in {}", target.display()))?
        .into_temp_path();
    let mut command = sysroot::compiler(arch)?;
    command.args(flags).arg("-o").arg(&partial).arg(source);
    process::output(&mut command)?;
    partial
        .persist(&program)
        .with_context(|| format!("cannot write {}", program.display()))?;
    Ok(program)
}
