// SPDX-License-Identifier: GPL-2.0-only

//! This checkout: its path, and builds of its modules.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use klp_host::kernel::{self, Core, Kernel, Profile};
use klp_host::module::{self, Built, Options};
use klp_host::tools::needs::Needs;
use klp_host::tools::toolchain::{self, CLIPPY, PINNED, RUSTFMT, SOURCE, Toolchain};

/// The top of this checkout.
pub fn top() -> PathBuf {
    // `cargo run` sets the variable; a binary that is started directly uses that of its build.
    let manifest = std::env::var_os("CARGO_MANIFEST_DIR")
        .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")), PathBuf::from);
    manifest.parent().map_or(manifest.clone(), PathBuf::from)
}

/// The livepatch core in Rust.
pub fn klp_core() -> PathBuf {
    top().join("klp-core")
}

/// Gets the toolchain that compiles this checkout for the host, with all components that anything here needs. Always the
/// same ones, because the compiler's messages about the standard library quote its source if that is installed.
pub fn toolchain() -> Result<Toolchain> {
    toolchain::ensure(PINNED, &[CLIPPY, RUSTFMT, SOURCE])
}

/// Options to build kernels with this checkout's klp-core.
pub fn kernel_options() -> kernel::Options {
    kernel::Options {
        klp_core: Some(klp_core()),
        ..kernel::Options::default()
    }
}

/// The packages that [`kernel`] needs.
pub fn needs(core: Core, profile: Profile) -> Result<Needs> {
    kernel::needs(core, profile, &kernel_options())
}

/// Gets a kernel, with this checkout's klp-core if it has klp-core.
pub fn kernel(core: Core, profile: Profile) -> Result<Kernel> {
    kernel::get(core, profile, &kernel_options())
}

/// Builds a folder of modules for this kernel, into the checkout's `target/`.
pub fn build(kernel: &Kernel, dir: &Path) -> Result<Built> {
    build_with(kernel, dir, Vec::new(), Vec::new())
}

/// Builds one of the examples.
pub fn build_example(kernel: &Kernel, name: &str) -> Result<Built> {
    build_folders(kernel, &[&format!("examples/{name}/")])
}

/// Builds the modules of these folders of the checkout.
pub fn build_folders(kernel: &Kernel, folders: &[&str]) -> Result<Built> {
    let vars = vec![("KLP_PATCHES".into(), folders.join(" "))];
    let patched = folders.iter().map(PathBuf::from).collect();
    build_with(kernel, &top(), vars, patched)
}

/// Builds the examples and the test patches.
pub fn build_all(kernel: &Kernel) -> Result<Built> {
    let mut folders = vec![PathBuf::from("tests/patches")];
    for entry in fs::read_dir(top().join("examples")).context("cannot read examples")? {
        folders.push(Path::new("examples").join(entry?.file_name()));
    }
    folders.sort();
    let vars = vec![("KLP_TESTS".into(), "1".into())];
    build_with(kernel, &top(), vars, folders)
}

/// Options to build modules of the checkout.
pub fn build_options(mut make_vars: Vec<(String, String)>, patched: Vec<PathBuf>) -> Options {
    let output = top().join("target/kmod");
    // All kernels of one compiler share klp-macros. make expands the compiler's version.
    let macros = output.join("klp-macros-$(CONFIG_RUSTC_VERSION)");
    make_vars.push(("KLP_CARGO_TARGET".to_owned(), macros.display().to_string()));
    Options {
        output,
        make_vars,
        patched,
    }
}

fn build_with(
    kernel: &Kernel,
    dir: &Path,
    make_vars: Vec<(String, String)>,
    patched: Vec<PathBuf>,
) -> Result<Built> {
    module::build(&kernel.build, dir, &build_options(make_vars, patched))
}
