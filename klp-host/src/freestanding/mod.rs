// SPDX-License-Identifier: GPL-2.0-only

//! Builds patches for kernels without Rust.
//!
//! - [`core`] compiles Rust's `core` with the kernel's mitigations;
//! - [`klp`] builds klp with bindings to the kernel's headers, and its C functions;
//! - [`patch`] links a patch with the used parts of both into an object for Kbuild.

pub mod core;
pub mod klp;
mod options;
pub mod patch;

use std::path::{Path, PathBuf};

pub use crate::build_folder::Freestanding;

/// Returns the first line of a Rust source that names the `kernel` crate, which kernels without Rust lack.
pub fn names_kernel_crate(source: &str) -> Option<usize> {
    let names = |line: &str| {
        let code = line.split("//").next().unwrap_or_default();
        code.match_indices("kernel::").any(|(at, _)| {
            let before = code[..at].chars().next_back();
            let is_inner = |c: char| c.is_alphanumeric() || c == '_';
            // `::kernel::` and `use kernel::`, but neither `klp::kernel::` nor `my_kernel::`.
            match before {
                Some(':') => !code[..at]
                    .trim_end_matches(':')
                    .ends_with(|c: char| is_inner(c) || c == '>'),
                before => !before.is_some_and(is_inner),
            }
        })
    };
    source.lines().position(names).map(|index| index + 1)
}

/// Returns the path of a part of klp in its output folder.
fn part(output: &Path, name: &str) -> PathBuf {
    output.join("klp").join(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uses_of_the_kernel_crate_are_found() {
        for (source, line) in [
            ("use klp::prelude::*;\n", None),
            ("use klp::prelude::*;\nuse kernel::task::Task;\n", Some(2)),
            ("use ::kernel::task::Task;", Some(1)),
            ("fn f(c: &kernel::cred::Credential) {}", Some(1)),
            ("// as kernel::task does", None),
            ("my_kernel::f(); klp::kernel::f();", None),
        ] {
            assert_eq!(names_kernel_crate(source), line, "{source}");
        }
    }
}
