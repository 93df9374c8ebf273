// SPDX-License-Identifier: GPL-2.0-only

//! Runs `openssl` for the cryptography: it is widely available, well maintained, and reads keys in all
//! formats.

use std::ffi::OsStr;
use std::fs;
use std::io::ErrorKind;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use super::Error;

/// The program.
const PROGRAM: &str = "openssl";

/// The environment variable with a key's passphrase, the same as for the kernel's `sign-file`.
const PASSPHRASE: &str = "KBUILD_SIGN_PIN";

/// The signer.
#[derive(Clone, Copy, Debug)]
pub struct Signer<'a> {
    /// The private key: a file, or a `pkcs11:` URI if openssl has a provider for it.
    pub key: &'a OsStr,
    /// The certificate of that key.
    pub certificate: &'a Path,
    /// `sha256` and the like.
    pub hash: &'a str,
}

/// Signs `content`: CMS in DER, detached, without attributes and certificates. The kernel accepts no other.
///
/// # Errors
///
/// When openssl fails.
pub(super) fn sign(content: &[u8], signer: Signer<'_>) -> Result<Vec<u8>, Error> {
    let dir = tempfile::tempdir().map_err(Error::Run)?;
    let (input, output) = (dir.path().join("module"), dir.path().join("signature"));
    write(&input, content)?;
    let mut command = Command::new(PROGRAM);
    command
        .args([
            "cms",
            "-sign",
            "-binary",
            "-noattr",
            "-nocerts",
            "-nosmimecap",
        ])
        .args(["-outform", "DER", "-md", signer.hash, "-signer"])
        .arg(signer.certificate)
        .arg("-inkey")
        .arg(signer.key)
        .arg("-in")
        .arg(&input)
        .arg("-out")
        .arg(&output);
    if std::env::var_os(PASSPHRASE).is_some() {
        command.args(["-passin", &format!("env:{PASSPHRASE}")]);
    }
    // openssl prompts for the passphrase on the terminal.
    let ran = run(command.stdin(Stdio::inherit()))?;
    if !ran.status.success() {
        return Err(Error::Sign(said(&ran)));
    }
    fs::read(&output).map_err(Error::Run)
}

/// Whether `signature` is one of `content` by this certificate's key. Its chain and validity period are not
/// checked: the kernel does not check them either.
///
/// # Errors
///
/// When openssl cannot be run.
pub fn is_signed_by(content: &[u8], signature: &[u8], certificate: &Path) -> Result<bool, Error> {
    let dir = tempfile::tempdir().map_err(Error::Run)?;
    let (module, detached) = (dir.path().join("module"), dir.path().join("signature"));
    write(&module, content)?;
    write(&detached, signature)?;
    let mut command = Command::new(PROGRAM);
    command
        .args(["cms", "-verify", "-binary", "-noverify", "-nointern"])
        .args(["-inform", "DER", "-out", "/dev/null", "-in"])
        .arg(&detached)
        .arg("-content")
        .arg(&module)
        .arg("-certfile")
        .arg(certificate);
    Ok(run(command.stdin(Stdio::null()))?.status.success())
}

/// The subject of a certificate in a file.
///
/// # Errors
///
/// When the file is not a certificate.
pub fn subject(certificate: &Path) -> Result<String, Error> {
    let mut command = Command::new(PROGRAM);
    command
        .args(["x509", "-noout", "-subject", "-nameopt", "RFC2253", "-in"])
        .arg(certificate);
    let ran = run(command.stdin(Stdio::null()))?;
    if !ran.status.success() {
        return Err(Error::NoCertificate {
            path: certificate.to_owned(),
            said: said(&ran),
        });
    }
    let text = String::from_utf8_lossy(&ran.stdout);
    let subject = text.trim();
    Ok(subject
        .strip_prefix("subject=")
        .unwrap_or(subject)
        .to_owned())
}

fn run(command: &mut Command) -> Result<Output, Error> {
    command.output().map_err(|error| match error.kind() {
        ErrorKind::NotFound => Error::NoOpenssl,
        _ => Error::Run(error),
    })
}

fn said(ran: &Output) -> String {
    let text = String::from_utf8_lossy(&ran.stderr);
    let lines = text.lines().map(|line| format!("  {line}"));
    lines.collect::<Vec<_>>().join("\n")
}

fn write(path: &Path, content: &[u8]) -> Result<(), Error> {
    fs::write(path, content).map_err(Error::Run)
}
