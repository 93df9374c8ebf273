// SPDX-License-Identifier: GPL-2.0-only

//! `sign` and `verify`: module signatures.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use klp_elf::sign::{self, Signer};
use klp_elf::{is_compressed, read_module};
use serde_json::json;

use super::{Answer, Context};
use crate::cli::{Sign, Verify};
use crate::durable;
use crate::outcome::{Failure, Outcome, Status};

pub fn sign(context: &mut Context, args: &Sign) -> Outcome<Answer> {
    let cannot_read = |error: klp_elf::Error| Failure::new(Status::Failed, error.to_string());
    let output = args.output.as_ref().unwrap_or(&args.file);
    if args.output.is_none() && is_compressed(&args.file).map_err(cannot_read)? {
        return Err(Failure::new(
            Status::Usage,
            format!(
                "{} is compressed, and a signature is appended to the uncompressed module; name a file for that with \
                 `--output`",
                args.file.display()
            ),
        ));
    }
    let data = read_module(&args.file).map_err(cannot_read)?;
    let parts = split(&args.file, &data)?;
    let signer = Signer {
        key: &args.key,
        certificate: &args.cert,
        hash: &args.hash,
    };
    let signed = sign::sign(parts.module, signer)?;
    if !context.dry_run {
        durable::write(output, &signed)?;
    }
    let again = match parts.signature {
        Some(_) => " again",
        None => "",
    };
    let done = match context.dry_run {
        true => "would be signed",
        false => "signed",
    };
    Ok(Answer::new(
        format!("{}: {done}{again}\n", output.display()),
        json!({ "status": "success", "output": output, "dry_run": context.dry_run }),
    ))
}

pub fn verify(context: &Context, args: &Verify) -> Outcome<Answer> {
    let data =
        read_module(&args.file).map_err(|error| Failure::new(Status::Failed, error.to_string()))?;
    let parts = split(&args.file, &data)?;
    let path = args.file.display();
    let failure = |why: String| Failure::new(Status::Signature, format!("{path} {why}"));
    let Some(signature) = parts.signature else {
        return Err(failure("is not signed; `klpctl sign` signs it".to_owned()));
    };
    let dir = tempfile::tempdir().context("cannot make a temporary folder")?;
    let enrolled = match args.certs.is_empty() {
        true => enrolled_certificates(context, dir.path())?,
        false => Vec::new(),
    };
    for certificate in args.certs.iter().chain(&enrolled) {
        let subject = sign::subject(certificate)?;
        if sign::is_signed_by(parts.module, signature, certificate)? {
            return Ok(Answer::new(
                format!("{path}: signed by {subject}\n"),
                json!({ "status": "success", "signer": subject }),
            ));
        }
    }
    Err(failure(if !args.certs.is_empty() {
        "is not signed by any of these certificates, or was changed since".to_owned()
    } else if enrolled.is_empty() {
        "is signed, but no machine owner keys (MOK) are enrolled, and keys built into the kernel cannot be read; name \
         a certificate with `--cert`"
            .to_owned()
    } else {
        "is not signed by an enrolled machine owner key (MOK), or was changed since; keys built into the kernel cannot \
         be read, name a certificate with `--cert`"
            .to_owned()
    }))
}

fn split<'data>(path: &Path, data: &'data [u8]) -> Outcome<sign::Parts<'data>> {
    sign::split(data).map_err(|why| {
        Failure::new(
            Status::Signature,
            format!("{} is damaged: {why}", path.display()),
        )
    })
}

/// Writes the certificates of the enrolled machine owner keys to files in `dir`.
fn enrolled_certificates(context: &Context, dir: &Path) -> Outcome<Vec<PathBuf>> {
    let mut paths = Vec::new();
    for (number, certificate) in context.kernel.owner_certificates().iter().enumerate() {
        let path = dir.join(format!("{number}.der"));
        fs::write(&path, certificate)
            .with_context(|| format!("cannot write {}", path.display()))?;
        paths.push(path);
    }
    Ok(paths)
}
