// SPDX-License-Identifier: GPL-2.0-only

//! How a command ended: the exit statuses, which are stable, and the errors that lead to them.

use std::fmt;
use std::process::ExitCode;

use klp_elf::sign;

/// An exit status. Scripts rely on the numbers.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[repr(u8)]
pub enum Status {
    /// Done; for `fixes`: fixed.
    Success = 0,
    /// Something else went wrong; for `fixes`: not fixed.
    Failed = 1,
    /// The command line is wrong. This is clap's number.
    Usage = 2,
    /// A transition runs.
    InTransition = 3,
    /// The patch does not fit the kernel, or the kernel refused it.
    Refused = 4,
    /// The signature is missing or wrong, or lockdown forbids it.
    Signature = 5,
    /// Something else holds a function of the patch, or a name.
    Conflict = 6,
    /// The transition did not end in time. Everything is as before.
    Reverted = 7,
    /// The transition did not end in time, and could not be reverted either.
    Stuck = 8,
}

impl Status {
    /// All of them, with what they mean: for the help text.
    pub const MEANINGS: [(Self, &'static str); 9] = [
        (Self::Success, "done; `fixes`: all are fixed"),
        (
            Self::Failed,
            "failed for another reason; `fixes`: one is not fixed",
        ),
        (Self::Usage, "wrong usage"),
        (Self::InTransition, "a transition is running"),
        (
            Self::Refused,
            "the patch does not fit the kernel, or the kernel refused it",
        ),
        (
            Self::Signature,
            "the signature is missing or wrong, or lockdown forbids it",
        ),
        (
            Self::Conflict,
            "something else holds a function or the name of the patch",
        ),
        (
            Self::Reverted,
            "the transition stalled and was reverted: all is as before",
        ),
        (
            Self::Stuck,
            "the transition stalled and could not be reverted",
        ),
    ];

    /// A word for JSON.
    pub fn word(self) -> &'static str {
        match self {
            Self::Success => "success",
            Self::Failed => "failed",
            Self::Usage => "usage",
            Self::InTransition => "in-transition",
            Self::Refused => "refused",
            Self::Signature => "signature",
            Self::Conflict => "conflict",
            Self::Reverted => "reverted",
            Self::Stuck => "stuck",
        }
    }
}

impl From<Status> for ExitCode {
    fn from(status: Status) -> Self {
        Self::from(status as u8)
    }
}

/// Why a command failed.
#[derive(Debug)]
pub struct Failure {
    /// What the process exits with.
    pub status: Status,
    /// What went wrong, and what to do.
    pub message: String,
}

impl Failure {
    pub fn new(status: Status, message: impl Into<String>) -> Self {
        Self {
            status,
            message: message.into(),
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl From<anyhow::Error> for Failure {
    fn from(error: anyhow::Error) -> Self {
        Self::new(Status::Failed, format!("{error:#}"))
    }
}

impl From<sign::Error> for Failure {
    fn from(error: sign::Error) -> Self {
        let status = match error {
            sign::Error::OtherKey(_) | sign::Error::Damaged(_) => Status::Signature,
            _ => Status::Failed,
        };
        Self::new(status, error.to_string())
    }
}

/// What commands return.
pub type Outcome<T = ()> = Result<T, Failure>;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_guide_lists_them() {
        let guide = include_str!("../../docs/operators.md");
        for (status, meaning) in Status::MEANINGS {
            let row = format!("| {} | {meaning} |", status as u8);
            assert!(guide.contains(&row), "{row}");
        }
    }
}
