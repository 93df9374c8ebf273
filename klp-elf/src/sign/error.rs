// SPDX-License-Identifier: GPL-2.0-only

//! Errors of signing a module or verifying its signature.

use crate::text::Shown;
use std::io;
use std::path::PathBuf;

/// A module that cannot be signed, or whose signature cannot be verified.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// openssl is not installed.
    #[error("openssl is missing, which does the cryptography: install the package `openssl`")]
    NoOpenssl,
    /// openssl could not be run, or given its files.
    #[error("cannot run openssl: {0}")]
    Run(#[source] io::Error),
    /// openssl could not sign.
    #[error("openssl could not sign:\n{0}")]
    Sign(String),
    /// A file is not a certificate.
    #[error("{} is no certificate:\n{said}", Shown::path(path))]
    NoCertificate {
        /// The file.
        path: PathBuf,
        /// openssl's message.
        said: String,
    },
    /// The key does not belong to the certificate.
    #[error("the signature is not by the key of {}", Shown::path(.0))]
    OtherKey(PathBuf),
    /// The module's existing signature is damaged.
    #[error("{0}")]
    Damaged(&'static str),
    /// The signature is longer than the format allows.
    #[error("the signature is too long")]
    TooLong,
}
