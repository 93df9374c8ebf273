// SPDX-License-Identifier: GPL-2.0-only

//! Checks the dependencies of the workspace: `cargo deny` compares them with `deny.toml`, and
//! `docs/dependencies.txt` lists them.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use klp_host::cache::Cache;
use klp_host::host::progress::say;
use klp_host::host::{process, programs};
use klp_host::tools::registry::Program;
use klp_host::tools::toolchain::Toolchain;

use crate::case::Case;
use crate::checkout;

const DENY: Program = Program {
    name: "cargo-deny",
    package: "cargo-deny",
    version: "0.20.2",
    optimised: false,
    usual: "about two minutes on two cores",
};

/// The list of dependencies.
const LIST: &str = "docs/dependencies.txt";

/// Runs the checks.
pub(super) fn cases(script: &str, toolchain: &Toolchain) -> Vec<Case> {
    let case = |name: &str, result| Case::from_result(script, name, result);
    let deny = match Deny::find(toolchain) {
        Ok(deny) => deny,
        Err(error) => return vec![case("dependencies", Err(error))],
    };
    let mut cases = vec![
        case(
            "licences and sources of dependencies",
            deny.check(&["bans", "licenses", "sources"]),
        ),
        case("list of dependencies", deny.compare_list()),
    ];
    if has_advisories() {
        cases.push(case(
            "advisories about dependencies",
            deny.check_advisories(),
        ));
    } else {
        say(
            "note: this machine has no advisory database, so dependencies are not compared with one \
             (`cargo deny fetch` gets it)",
        );
    }
    cases
}

/// cargo-deny, for this workspace.
struct Deny<'a> {
    toolchain: &'a Toolchain,
    program: PathBuf,
}

impl<'a> Deny<'a> {
    /// Finds the system's cargo-deny if it has the right version, else the cache's.
    fn find(toolchain: &'a Toolchain) -> Result<Self> {
        let has_version = |program: &PathBuf| {
            let printed = process::output(process::command(program).arg("--version"));
            printed.is_ok_and(|it| it.trim() == format!("{} {}", DENY.name, DENY.version))
        };
        let program = match programs::find(DENY.name).filter(has_version) {
            Some(program) => program,
            None => DENY
                .folder(&Cache::open()?, None)?
                .join("bin")
                .join(DENY.name),
        };
        Ok(Self { toolchain, program })
    }

    fn command(&self) -> Command {
        let mut command = self.toolchain.program(&self.program);
        command
            .env("CARGO", self.toolchain.bin().join("cargo"))
            .args(["--all-features", "--color", "never"])
            .current_dir(checkout::top());
        command
    }

    fn check(&self, what: &[&str]) -> Result<()> {
        let mut command = self.command();
        command.args(["check", "--hide-inclusion-graph"]).args(what);
        process::output(&mut command).map(drop)
    }

    /// Compares the dependencies with the existing database, which the user updates.
    fn check_advisories(&self) -> Result<()> {
        let mut command = self.command();
        command.args(["--offline", "check", "advisories"]);
        process::output(&mut command).map(drop)
    }

    /// Compares the list with the current dependencies.
    fn compare_list(&self) -> Result<()> {
        let words = ["list", "--format", "human", "--layout", "crate"];
        let current = process::output(self.command().args(words))?;
        let path = checkout::top().join(LIST);
        let listed = std::fs::read_to_string(&path)
            .with_context(|| format!("cannot read {}", path.display()))?;
        ensure!(
            listed == current,
            "{LIST} does not match the dependencies of the workspace; update it:\n    \
             cargo deny --all-features list --format human --layout crate > {LIST}"
        );
        Ok(())
    }
}

/// Whether cargo-deny has fetched a database of advisories on this machine.
fn has_advisories() -> bool {
    let home = std::env::var_os("CARGO_HOME")
        .map(PathBuf::from)
        .or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".cargo")));
    let Some(databases) = home.and_then(|home| home.join("advisory-dbs").read_dir().ok()) else {
        return false;
    };
    databases.flatten().any(|entry| entry.path().is_dir())
}
