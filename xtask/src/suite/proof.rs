// SPDX-License-Identifier: GPL-2.0-only

//! Checks of klp-core beyond its unit tests: all memory orders, undefined behaviour, and
//! mutation testing. `docs/proof.md` describes them.

use std::collections::BTreeSet;
use std::path::Path;

use anyhow::{Context as _, Result, bail, ensure};
use klp_host::cache::Cache;
use klp_host::host::process;
use klp_host::host::process::Group;
use klp_host::host::progress::say;
use klp_host::tools::registry::Program;

use super::libtest;
use crate::case::{Case, Tally};
use crate::checkout;
use crate::report;

/// A kind of proof.
#[derive(Clone, Copy, Debug, Eq, PartialEq, clap::ValueEnum)]
pub enum Proof {
    /// The model checker loom, with up to five preemptions: about ten minutes.
    MemoryOrder,
    /// Miri, which needs a nightly toolchain: minutes.
    Miri,
    /// cargo-mutants: hours.
    Mutants,
}

impl Proof {
    /// All proofs, the quick ones first.
    pub const ALL: [Self; 3] = [Self::MemoryOrder, Self::Miri, Self::Mutants];

    /// Runs this proof.
    pub fn run(self) -> Result<Tally> {
        match self {
            Self::MemoryOrder => memory_order(PREEMPTIONS),
            Self::Miri => miri(),
            Self::Mutants => mutants(),
        }
    }
}

/// The highest number of preemptions with which all of loom's scenarios have finished.
const PREEMPTIONS: &str = "5";

/// Runs klp-core in loom, with all orders of memory accesses and at most `preemptions` preemptions of one thread by
/// another.
pub(super) fn memory_order(preemptions: &str) -> Result<Tally> {
    let toolchain = checkout::toolchain()?;
    let mut command = toolchain.cargo();
    command
        .args(["test", "--package", "klp-core", "--lib", "--release"])
        // A separate target folder, because the flags differ.
        .args(["--locked", "--target-dir", "target/loom", "memory_order"])
        .env("RUSTFLAGS", "--cfg loom")
        .env("KLP_PREEMPTIONS", preemptions);
    libtest::run(command)
}

/// Runs the unit tests of the crates with `unsafe` code in Miri.
fn miri() -> Result<Tally> {
    const TOOLCHAIN: &str = "nightly";
    let rustup = |arguments: &[&str]| {
        let mut command = process::command("rustup");
        command.args(["run", TOOLCHAIN, "cargo", "miri"]);
        command.args(arguments);
        command
    };
    if process::output(&mut rustup(&["--version"])).is_err() {
        bail!(
            "Miri is missing: rustup toolchain install {TOOLCHAIN} --profile minimal --component \
             miri,rust-src"
        );
    }
    let mut total = Tally::default();
    for (package, flags) in MIRI_FLAGS {
        let mut command = rustup(&["test", "--package", package, "--lib"]);
        command
            .args(["--locked", "--target-dir", "target/miri"])
            .env("MIRIFLAGS", flags);
        total += libtest::run(command)?;
    }
    Ok(total)
}

/// Packages and Miri's flags. The tests read the clock. klp accesses whole C structures through references to their
/// beginning, as `container_of!` of the `kernel` crate does, which Stacked Borrows does not allow.
const MIRI_FLAGS: [(&str, &str); 2] = [
    ("klp", "-Zmiri-disable-isolation -Zmiri-tree-borrows"),
    ("klp-core", "-Zmiri-disable-isolation"),
];

const MUTANTS: Program = Program {
    name: "cargo-mutants",
    package: "cargo-mutants",
    version: "27.1.0",
    optimised: false,
    usual: "about two minutes on two cores",
};

/// The list of mutants that may survive, with reasons.
const ACCEPTED: &str = "klp-core/mutants-accepted.txt";

/// The percentage of mutants that tests have to catch. Accepted mutants count as missed.
const MIN_CAUGHT: usize = 90;

/// Makes small mistakes in klp-core's logic, one after the other, and checks that a test catches each.
fn mutants() -> Result<Tally> {
    let toolchain = checkout::toolchain()?;
    let folder = MUTANTS.folder(&Cache::open()?, None)?;
    let output = checkout::top().join("target/mutants");
    std::fs::create_dir_all(&output)
        .with_context(|| format!("cannot make {}", output.display()))?;
    let mut command = toolchain.program(&folder.join("bin").join(MUTANTS.name));
    command
        .args(["mutants", "--package", "klp-core", "--colors", "never"])
        .args(["--timeout", "20", "--output"])
        .arg(&output)
        .current_dir(checkout::top())
        .env("CARGO_PROFILE_TEST_DEBUG", "0")
        .env("KLP_HISTORIES", "100");
    // It fails if mutants survive, and lists them in files.
    let status = Group::spawn(&mut command)?.wait()?;
    say(&format!("cargo-mutants ended with {status}"));
    let accepted = checkout::top().join(ACCEPTED);
    let case = judge(&output.join("mutants.out"), &accepted).map_or_else(
        |error| Case::failed("mutants", "survivors", format!("{error:#}")),
        |summary| {
            say(&summary);
            Case {
                script: "mutants".to_owned(),
                name: "survivors".to_owned(),
                failure: None,
            }
        },
    );
    report::add(&case);
    Ok(Tally::of([&case]))
}

/// Compares the survivors with the accepted mutants. Returns a summary.
fn judge(results: &Path, accepted: &Path) -> Result<String> {
    let lines = |name: &str| {
        let path = results.join(name);
        std::fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))
    };
    let caught = lines("caught.txt")?.lines().count() + lines("timeout.txt")?.lines().count();
    let missed = lines("missed.txt")?;
    let accepted = std::fs::read_to_string(accepted)
        .with_context(|| format!("cannot read {}", accepted.display()))?;
    let accepted: BTreeSet<&str> = accepted
        .lines()
        .filter(|line| !line.starts_with('#') && !line.is_empty())
        .collect();
    let new: Vec<&str> = missed
        .lines()
        .filter(|line| !accepted.contains(without_position(line).as_str()))
        .collect();
    let all = caught + missed.lines().count();
    let summary = format!("{caught} of {all} mutants were caught");
    ensure!(
        new.is_empty(),
        "{summary}; these survived, and are not in {ACCEPTED}:\n{}",
        new.join("\n")
    );
    ensure!(all > 0, "no mutant was tried");
    ensure!(
        caught * 100 >= all * MIN_CAUGHT,
        "{summary}: fewer than {MIN_CAUGHT} %"
    );
    Ok(summary)
}

/// Converts `FILE:LINE:COLUMN: MUTATION` to `FILE: MUTATION`, which does not depend on line numbers.
fn without_position(line: &str) -> String {
    let mut parts = line.splitn(4, ':');
    match (parts.next(), parts.next(), parts.next(), parts.next()) {
        (Some(file), Some(_), Some(_), Some(mutation)) => format!("{file}:{mutation}"),
        _ => line.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_are_removed() {
        assert_eq!(
            without_position("a/b.rs:48:63: replace && with || in P<T>::c"),
            "a/b.rs: replace && with || in P<T>::c"
        );
        assert_eq!(without_position("something else"), "something else");
    }

    #[test]
    fn survivors_are_judged() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| {
            std::fs::write(folder.path().join(name), text).unwrap();
        };
        let judge = || judge(folder.path(), &folder.path().join("accepted"));
        write("caught.txt", &"a.rs:1:2: x\n".repeat(8));
        write("timeout.txt", "a.rs:1:2: y\n");
        write("missed.txt", "a.rs:3:4: z\n");
        write("accepted", "# why\na.rs: z\n");
        assert_eq!(judge().unwrap(), "9 of 10 mutants were caught");
        write("accepted", "# why\na.rs: x\n");
        assert!(judge().unwrap_err().to_string().contains("a.rs:3:4: z"));
        write("accepted", "a.rs: z\n");
        write("timeout.txt", "");
        assert!(judge().unwrap_err().to_string().ends_with("90 %"));
    }
}
