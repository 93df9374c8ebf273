// SPDX-License-Identifier: GPL-2.0-only

//! Why a module cannot be signed, or its signature not be checked.

use crate::text::Shown;
use std::io;
use std::path::PathBuf;

/// Why a module could not be signed, or its signature not be checked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// There is no openssl.
    #[error("openssl is missing, which does the cryptography: install the package `openssl`")]
    NoOpenssl,
    /// openssl could not be run, or given its files.
    #[error("cannot run openssl: {0}")]
    Run(#[source] io::Error),
    /// openssl could not sign.
    #[error("openssl could not sign:\n{0}")]
    Sign(String),
    /// It is no certificate.
    #[error("{} is no certificate:\n{said}", Shown::path(path))]
    NoCertificate {
        /// The file.
        path: PathBuf,
        /// What openssl said.
        said: String,
    },
    /// The key is not that of the certificate.
    #[error("the signature is not by the key of {}", Shown::path(.0))]
    OtherKey(PathBuf),
    /// The signature that the module has is damaged.
    #[error("{0}")]
    Damaged(&'static str),
    /// The signature is longer than the format allows.
    #[error("the signature is too long")]
    TooLong,
}
