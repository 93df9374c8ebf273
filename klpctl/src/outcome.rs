// SPDX-License-Identifier: GPL-2.0-only

//! The error of a command, with its exit status.

use std::fmt;

use klp_elf::sign;

pub use crate::status::Status;

/// Why a command failed.
#[derive(Debug)]
pub struct Failure {
    /// The exit status.
    pub status: Status,
    /// The error, and the remedy.
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

/// The result of a command.
pub type Outcome<T = ()> = Result<T, Failure>;
