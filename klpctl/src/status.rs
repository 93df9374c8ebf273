// SPDX-License-Identifier: GPL-2.0-only

//! The exit statuses.
//!
//! `cargo xtask docs` also compiles this file, to generate the table in the guide, so it uses only the standard
//! library.

use std::process::ExitCode;

/// An exit status. The numbers are stable: scripts rely on them.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[repr(u8)]
pub enum Status {
    /// Done; for `fixes`: fixed.
    Success = 0,
    /// Something else went wrong; for `fixes`: not fixed.
    Failed = 1,
    /// The command line is wrong. This is clap's number.
    Usage = 2,
    /// A transition is running.
    InTransition = 3,
    /// The patch does not fit the kernel, or the kernel refused it.
    Refused = 4,
    /// The signature is missing or wrong, or lockdown forbids it.
    Signature = 5,
    /// Something else holds a function of the patch, or a name.
    Conflict = 6,
    /// The transition did not end in time, and was reverted.
    Reverted = 7,
    /// The transition did not end in time, and could not be reverted.
    Stuck = 8,
}

impl Status {
    /// What each status means, for the help text and the guide.
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

    /// The name in JSON.
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
