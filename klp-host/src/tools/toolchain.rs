// SPDX-License-Identifier: GPL-2.0-only

//! Rust toolchains: finds the version that a kernel needs, or installs it with
//! rustup.
//!
//! Configuration of the current folder is ignored, because it may be untrusted: rustup's programs read
//! `rust-toolchain.toml`, which can name a program to run, and cargo its own configuration.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, bail};

use crate::cache::{Cache, Lock};
use crate::host::consent::check_online;
use crate::host::process;
use crate::host::programs;
use crate::host::progress::Step;

/// The compiler for small kernels, lints and UI tests, whose expected output is from this
/// version. Other kernels need the version that built them.
pub const PINNED: &str = "1.95.0";

/// The compiler of patches for kernels without CONFIG_RUST.
pub const WITHOUT_KERNELS: &str = "1.97.1";

/// An installed toolchain.
#[derive(Clone, Debug)]
pub struct Toolchain {
    /// The folder with `bin` and `lib`.
    pub root: PathBuf,
    /// The output of `rustc --version`.
    pub version: String,
}

/// A component that rustup's minimal profile lacks, and a file that it contains.
type Component = (&'static str, &'static str);

/// The standard library's source, from which kernel builds compile `core`.
pub const SOURCE: Component = ("rust-src", "lib/rustlib/src/rust/library/core/src/lib.rs");
/// Clippy.
pub const CLIPPY: Component = ("clippy", "bin/cargo-clippy");
/// rustfmt.
pub const RUSTFMT: Component = ("rustfmt", "bin/rustfmt");

impl Toolchain {
    /// Returns the folder with `rustc` and `cargo`.
    pub fn bin(&self) -> PathBuf {
        self.root.join("bin")
    }

    /// Returns a cargo command that uses this toolchain, regardless of the folder and environment.
    pub fn cargo(&self) -> Command {
        self.program(&self.bin().join("cargo"))
    }

    /// Returns a command that uses this toolchain.
    pub fn program(&self, path: &Path) -> Command {
        let mut command = process::command(path);
        let mut path = self.bin().into_os_string();
        path.push(":");
        path.push(std::env::var_os("PATH").unwrap_or_default());
        // Cargo finds subcommands through it.
        command.env("PATH", path);
        command
    }

    fn at(root: &Path) -> Option<Self> {
        let version = process::output(probe(root.join("bin/rustc")).arg("--version")).ok()?;
        Some(Self {
            root: root.to_owned(),
            version: version.trim().to_owned(),
        })
    }

    /// Whether it has this version, these components, and cargo.
    fn is_suitable(&self, version: &str, components: &[Component]) -> bool {
        number(&self.version) == Some(version)
            && self.bin().join("cargo").is_file()
            && components
                .iter()
                .all(|(_, file)| self.root.join(file).is_file())
    }
}

/// Returns a command that runs in the root folder, so that it does not read configuration of the current one.
pub(super) fn probe(program: impl AsRef<OsStr>) -> Command {
    let mut command = process::command(program);
    command.current_dir("/");
    command
}

/// Parses the version number in the output of `rustc --version` or a kernel's
/// `CONFIG_RUSTC_VERSION_TEXT`: `rustc 1.97.1 (8bab26f4f 2026-07-14)`.
pub fn number(version_text: &str) -> Option<&str> {
    let number = version_text.strip_prefix("rustc ")?.split(' ').next()?;
    number
        .starts_with(|c: char| c.is_ascii_digit())
        .then_some(number)
}

/// Returns the toolchain of this version with these components; installs missing ones.
pub fn ensure(version: &str, components: &[Component]) -> Result<Toolchain> {
    if let Some(toolchain) = installed(version, components) {
        return Ok(toolchain);
    }
    let names: Vec<_> = components.iter().map(|(name, _)| *name).collect();
    let names = names.join(",");
    if programs::find("rustup").is_none() {
        bail!(
            "rustc {version} with its cargo and the components {names} is required: install \
             rustup, which fetches them, or this version of Rust"
        );
    }
    let cache = Cache::open()?;
    let _lock = lock(&cache)?;
    if let Some(toolchain) = installed(version, components) {
        return Ok(toolchain);
    }
    check_online(&format!(
        "rustc {version} with its cargo and the components {names} is not installed"
    ))?;
    let step = Step::start(
        &format!("installing rustc {version} by rustup"),
        "half a minute",
    );
    step.run(
        probe("rustup")
            .args(["toolchain", "install", version, "--profile", "minimal"])
            .args(["--component", &names, "--no-self-update"]),
        &cache.root().join("rustup.log"),
    )?;
    let toolchain = installed(version, components)
        .with_context(|| format!("rustup installed rustc {version}, but it cannot be found"))?;
    step.done();
    Ok(toolchain)
}

/// Takes the lock under which rustup changes toolchains.
pub(super) fn lock(cache: &Cache) -> Result<Lock> {
    cache.lock("rustup")
}

/// Searches rustup's toolchains, those named by the version first, and then `PATH`.
fn installed(version: &str, components: &[Component]) -> Option<Toolchain> {
    let mut roots: Vec<_> = rustup_home()
        .and_then(|home| home.join("toolchains").read_dir().ok())
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.path())
        .collect();
    // A toolchain named by a version does not change, unlike `stable`.
    roots.sort_by_key(|root| (!names(root, version), root.clone()));
    roots
        .iter()
        .filter_map(|root| Toolchain::at(root))
        .chain(on_path())
        .find(|toolchain| toolchain.is_suitable(version, components))
}

fn names(root: &Path, version: &str) -> bool {
    root.file_name()
        .and_then(|name| name.to_str())
        .is_some_and(|name| name.starts_with(&format!("{version}-")))
}

/// Returns the toolchain of the `rustc` in `PATH`, such as a distribution's.
fn on_path() -> Option<Toolchain> {
    let root = process::output(probe("rustc").args(["--print", "sysroot"])).ok()?;
    Toolchain::at(Path::new(root.trim()))
}

fn rustup_home() -> Option<PathBuf> {
    std::env::var_os("RUSTUP_HOME")
        .map(PathBuf::from)
        .or_else(|| Some(dirs::home_dir()?.join(".rustup")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn version_numbers_are_parsed() {
        assert_eq!(number("rustc 1.95.0 (abc 2026-04-14)"), Some("1.95.0"));
        assert_eq!(
            number("rustc 1.97.1 (8bab26f4f 2026-07-14) (built from a source tarball)"),
            Some("1.97.1")
        );
        assert_eq!(
            number("rustc 1.99.0-nightly (abc 2026-09-01)"),
            Some("1.99.0-nightly")
        );
        assert_eq!(number("gcc 16"), None);
        assert_eq!(number("rustc unknown"), None);
    }

    #[test]
    fn probes_do_not_see_the_current_folder() {
        let folder = process::output(probe("sh").args(["-c", "pwd"])).unwrap();
        assert_eq!(folder, "/\n");
    }

    #[test]
    fn toolchain_names_match_whole_versions() {
        assert!(names(
            Path::new("/t/1.95.0-x86_64-unknown-linux-gnu"),
            "1.95.0"
        ));
        assert!(!names(
            Path::new("/t/1.95.0-x86_64-unknown-linux-gnu"),
            "1.95"
        ));
        assert!(!names(
            Path::new("/t/stable-x86_64-unknown-linux-gnu"),
            "1.95.0"
        ));
    }
}
