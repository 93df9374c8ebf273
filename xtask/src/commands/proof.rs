// SPDX-License-Identifier: GPL-2.0-only

//! `cargo xtask proof`: runs checks that take too long for `cargo xtask test`.

use std::process::ExitCode;

use anyhow::Result;
use clap::Args;

use crate::case::Tally;
use crate::report;
use crate::suite::Proof;

#[derive(Args, Debug)]
pub(super) struct ProofArgs {
    /// Run only this kind; may be given more than once.
    #[arg(long, value_enum, value_name = "KIND")]
    only: Vec<Proof>,
}

impl ProofArgs {
    pub(super) fn run(self) -> Result<ExitCode> {
        let proofs = if self.only.is_empty() {
            Proof::ALL.to_vec()
        } else {
            self.only
        };
        let mut total = Tally::default();
        for proof in proofs {
            total += proof.run()?;
        }
        Ok(report::finish(total))
    }
}
