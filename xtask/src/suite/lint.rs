// SPDX-License-Identifier: GPL-2.0-only

//! The part `lint`: checks the sources, by formatting, clippy, documentation, licence lines and dependencies.

mod arch;
mod dependencies;

use anyhow::{Context as _, Result};
use klp_host::host::process;
use klp_host::tools::toolchain::Toolchain;

use crate::case::{Case, Tally};
use crate::{checkout, docs, report};

const SCRIPT: &str = "lint";

/// Runs all checks.
pub(super) fn run() -> Result<Tally> {
    let toolchain = checkout::toolchain()?;
    let cargo = |arguments: &[&str]| {
        let mut command = toolchain.cargo();
        command.current_dir(checkout::top()).args(arguments);
        process::output(&mut command)
    };
    let case = |name: &str, result| Case::from_result(SCRIPT, name, result);
    let mut cases = vec![
        case("formatting", cargo(&["fmt", "--all", "--check"]).map(drop)),
        case(
            "clippy",
            cargo(&[
                "clippy",
                "--quiet",
                "--workspace",
                "--all-targets",
                "--locked",
                "--",
                "-Dwarnings",
            ])
            .map(drop),
        ),
        case("documentation of klp", documentation(&toolchain)),
        case("tables of the documentation", docs::check(&checkout::top())),
        case("licence lines", licence_lines()),
        case("architecture-dependent code is in `arch`", architectures()),
    ];
    cases.extend(dependencies::cases(SCRIPT, &toolchain));
    Ok(report::add_all(&cases))
}

/// Checks that `cargo doc` has no warnings for the crates that patch authors use.
fn documentation(toolchain: &Toolchain) -> Result<()> {
    let mut command = toolchain.cargo();
    command
        .current_dir(checkout::top())
        .env("RUSTDOCFLAGS", "-Dwarnings")
        .args(["doc", "--quiet", "--no-deps", "--locked"])
        .args(["-p", "klp", "-p", "klp-macros"]);
    process::output(&mut command).map(drop)
}

/// Lists the files of the checkout, one per line.
fn files() -> Result<String> {
    process::output(
        process::command("git")
            .args(["ls-files", "--cached", "--others", "--exclude-standard"])
            .current_dir(checkout::top()),
    )
}

/// Checks that only architecture-dependent code names an architecture.
fn architectures() -> Result<()> {
    let listed = files()?;
    arch::check(&checkout::top(), &listed.lines().collect::<Vec<_>>())
}

/// Checks that every source file names its licence near the top.
fn licence_lines() -> Result<()> {
    const LINE: &str = "SPDX-License-Identifier: GPL-2.0-only";
    let listed = files()?;
    let mut without = Vec::new();
    for name in listed.lines().filter(|name| has_licence_line(name)) {
        let path = checkout::top().join(name);
        if !path.is_file() {
            continue;
        }
        let text = std::fs::read_to_string(&path)
            .with_context(|| format!("cannot read {}", path.display()))?;
        if !text.lines().take(3).any(|line| line.contains(LINE)) {
            without.push(name);
        }
    }
    if without.is_empty() {
        return Ok(());
    }
    anyhow::bail!(
        "these files lack the line `{LINE}` at their top:\n{}",
        without.join("\n")
    )
}

/// Whether a file needs a licence line. Prose, generated text and compiler output need none.
fn has_licence_line(name: &str) -> bool {
    const WITHOUT: [&str; 9] = [
        ".md",
        ".lock",
        ".stderr",
        "COPYING",
        ".gitattributes",
        "docs/dependencies.txt",
        "docs/figures.json",
        ".svg",
        ".cast",
    ];
    !WITHOUT.iter().any(|end| name.ends_with(end)) && !name.contains("/snapshots/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn code_has_licence_lines_and_prose_has_none() {
        for name in [
            "Kbuild",
            "klp/src/lib.rs",
            "a.sh",
            "x/Cargo.toml",
            ".ci/run",
        ] {
            assert!(has_licence_line(name), "{name}");
        }
        for name in [
            "README.md",
            "Cargo.lock",
            "COPYING",
            "klp/tests/ui/a.stderr",
            "docs/figures.json",
            "docs/plots/a.svg",
            "docs/a.cast",
        ] {
            assert!(!has_licence_line(name), "{name}");
        }
    }
}
