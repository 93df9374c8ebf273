// SPDX-License-Identifier: GPL-2.0-only

//! The LLVM that builds kernels: clang, lld, the binary tools, and libclang for bindgen.

use std::path::{Path, PathBuf};

use anyhow::{Result, bail};

use super::needs::Needs;
use super::packages;
use crate::host::process;
use crate::host::programs;

/// Major versions, in order of preference. The kernel's minimum is 17 (`scripts/min-tool-version.sh`).
const VERSIONS: &[u32] = &[19, 20, 21, 22, 23, 18, 17];

/// The programs that a kernel build calls.
const PROGRAMS: &[&str] = &[
    "clang",
    "ld.lld",
    "llvm-ar",
    "llvm-nm",
    "llvm-objcopy",
    "llvm-strip",
];

/// An installed LLVM.
#[derive(Clone, Debug)]
pub struct Llvm {
    /// The value of the kernel's `LLVM=`: a suffix of the programs' names (`-19`), or `1` for
    /// programs without one.
    pub make_value: String,
    /// clang's version text, for the keys of builds.
    pub version: String,
    /// The folder with libclang, if bindgen does not find it by itself.
    pub libclang: Option<PathBuf>,
}

impl Llvm {
    /// Returns the suffix of its programs' names.
    pub fn suffix(&self) -> &str {
        match &*self.make_value {
            "1" => "",
            suffix => suffix,
        }
    }
}

/// Returns LLVM's packages if no suitable version is installed.
pub fn needs() -> Result<Needs> {
    Ok(match installed()? {
        Some(_) => Needs::default(),
        None => Needs::of(&names(offered())),
    })
}

/// Finds a suitable LLVM.
pub fn find() -> Result<Llvm> {
    if let Some(llvm) = installed()? {
        return Ok(llvm);
    }
    let version = offered();
    let names = names(version);
    packages::ensure(&names)?;
    bail!(
        "{} are installed, but clang-{version} or libclang cannot be found",
        names.join(" ")
    )
}

/// Returns the preferred version among those in the system's package lists.
fn offered() -> u32 {
    let mut versions = VERSIONS.iter().copied();
    versions
        .find(|version| is_offered(*version))
        .unwrap_or(VERSIONS[0])
}

/// Returns Debian's packages of a version.
fn names(version: u32) -> [String; 4] {
    [
        format!("clang-{version}"),
        format!("lld-{version}"),
        format!("llvm-{version}"),
        format!("libclang-{version}-dev"),
    ]
}

fn installed() -> Result<Option<Llvm>> {
    for version in VERSIONS {
        let suffix = format!("-{version}");
        let libclang = PathBuf::from(format!("/usr/lib/llvm-{version}/lib"));
        if has_programs(&suffix) && has_libclang(&libclang) {
            return Ok(Some(Llvm {
                version: clang_version(&format!("clang{suffix}"))?,
                make_value: suffix,
                libclang: Some(libclang),
            }));
        }
    }
    // Other distributions have one LLVM, without a version in the programs' names.
    if has_programs("") {
        let version = clang_version("clang")?;
        if major(&version).is_some_and(|major| VERSIONS.contains(&major)) {
            return Ok(Some(Llvm {
                make_value: "1".to_owned(),
                version,
                libclang: None,
            }));
        }
        if programs::find("apt-get").is_none() {
            bail!(
                "this kernel needs LLVM 17 or newer (clang, lld, llvm, libclang); found: {version}"
            );
        }
    }
    Ok(None)
}

fn has_programs(suffix: &str) -> bool {
    PROGRAMS
        .iter()
        .all(|program| programs::find(&format!("{program}{suffix}")).is_some())
}

fn has_libclang(dir: &Path) -> bool {
    dir.read_dir().is_ok_and(|files| {
        files
            .flatten()
            .any(|file| is_libclang(&file.file_name().to_string_lossy()))
    })
}

/// Whether bindgen finds libclang under this name; `libclang-cpp` is another library.
fn is_libclang(name: &str) -> bool {
    name.starts_with("libclang.so")
        || name
            .strip_prefix("libclang-")
            .is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()))
}

/// Returns the first line of `clang --version`.
fn clang_version(clang: &str) -> Result<String> {
    let text = process::output(process::command(clang).arg("--version"))?;
    Ok(text.lines().next().unwrap_or_default().to_owned())
}

/// Parses the major version: `Debian clang version 19.1.7 (3)`.
fn major(version: &str) -> Option<u32> {
    let (_, rest) = version.split_once("version ")?;
    rest.split('.').next()?.parse().ok()
}

/// Whether the system's package lists have this version.
fn is_offered(version: u32) -> bool {
    process::output(process::command("apt-cache").args(["show", &format!("clang-{version}")]))
        .is_ok_and(|text| !text.trim().is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_major_version_is_read() {
        assert_eq!(major("Debian clang version 19.1.7 (3~deb12u1)"), Some(19));
        assert_eq!(major("clang version 21.0.0git"), Some(21));
        assert_eq!(major("clang"), None);
    }

    #[test]
    fn libclang_is_found_among_similar_files() {
        assert!(is_libclang("libclang.so.1"));
        assert!(is_libclang("libclang-19.so"));
        assert!(!is_libclang("libclang-cpp.so.19.1"));
        assert!(!is_libclang("libclangAST.a"));
    }
}
