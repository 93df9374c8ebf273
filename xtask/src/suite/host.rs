// SPDX-License-Identifier: GPL-2.0-only

//! The part `host`: the tests that Cargo runs, with the pinned toolchain.

use anyhow::Result;

use super::form::Form;
use super::libtest;
use super::proof::{self, Proof};
use crate::case::Tally;
use crate::{checkout, parallel};

/// The number of preemptions for loom in the short form, which takes seconds.
const PREEMPTIONS: &str = "3";

/// Variables for tests with random input in the long form, unless they are set already.
const LONG: [(&str, &str); 2] = [("KLP_HISTORIES", "100000"), ("KLP_FUZZ_SECONDS", "1200")];

/// Runs all tests.
pub(super) fn run(form: Form) -> Result<Tally> {
    let toolchain = checkout::toolchain()?;
    let mut command = toolchain.cargo();
    command.args(["test", "--workspace", "--locked", "--no-fail-fast"]);
    if form != Form::Short {
        command.envs(
            LONG.into_iter()
                .filter(|(name, _)| std::env::var_os(name).is_none()),
        );
    }
    if form == Form::Short {
        // The slowest tests measure memory, one at a time, and leave a processor idle.
        let [tests, order] = parallel::both(
            || libtest::run(command),
            || proof::memory_order(PREEMPTIONS),
        );
        let mut tally = tests?;
        tally += order?;
        return Ok(tally);
    }
    let mut tally = libtest::run(command)?;
    for proof in Proof::ALL {
        tally += proof.run()?;
    }
    Ok(tally)
}
