// SPDX-License-Identifier: GPL-2.0-only

//! The tests that Cargo runs, with the pinned toolchain.

use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result};
use klp_host::host::process::Group;
use klp_host::host::toolchain::{self, CLIPPY, PINNED};

use super::Form;
use super::libtest;
use super::proof::{self, Proof};
use crate::case::{Case, Tally};
use crate::checkout;
use crate::report;

/// So many preemptions of one task by another take seconds.
const PREEMPTIONS: &str = "3";

/// What tests that try random input do in the long form, unless the environment says otherwise.
const LONG: [(&str, &str); 2] = [("KLP_HISTORIES", "100000"), ("KLP_FUZZ_SECONDS", "1200")];

/// Runs them all.
pub(super) fn run(form: Form) -> Result<Tally> {
    let toolchain = toolchain::ensure(PINNED, &[CLIPPY])?;
    let mut command = toolchain.cargo();
    command.args(["test", "--workspace", "--locked", "--no-fail-fast"]);
    if form != Form::Short {
        command.envs(
            LONG.into_iter()
                .filter(|(name, _)| std::env::var_os(name).is_none()),
        );
    }
    let mut tally = tests(command)?;
    if form == Form::Short {
        tally += proof::memory_order(PREEMPTIONS)?;
        return Ok(tally);
    }
    for proof in Proof::ALL {
        tally += proof.run()?;
    }
    Ok(tally)
}

/// Runs the tests that `command` starts, reports and counts them.
pub(super) fn tests(mut command: Command) -> Result<Tally> {
    let (reader, writer) = std::io::pipe().context("cannot make a pipe")?;
    command
        .current_dir(checkout::top())
        .stdin(Stdio::null())
        .stdout(writer);
    let mut group = Group::spawn(&mut command)?;
    // The command holds the pipe's writing end: without it the reader sees the end.
    command.stdout(Stdio::null());

    let mut follower = libtest::Follower::new("host");
    for line in BufReader::new(reader).lines() {
        let line = line.context("cannot read what cargo test prints")?;
        follower.line(&line).iter().for_each(report::add);
    }
    let mut tally = follower.tally;
    let status = group.wait()?;
    if !status.success() && tally.failed == 0 {
        let case = Case::failed("host", "cargo test", format!("it ended with {status}"));
        report::add(&case);
        tally.count(&case);
    }
    Ok(tally)
}
