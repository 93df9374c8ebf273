// SPDX-License-Identifier: GPL-2.0-only

//! Makes a key that a machine's kernel trusts: the firmware has it, and passes it on as a machine owner key (MOK), too.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use klp_host::cache::Cache;
use klp_host::host::process;
use klp_host::vm::firmware::Firmware;
use serde_json::json;

/// The variable in which shim passes on the machine owner's keys, and shim's GUID.
const MOK: &str = "MokListRT";
const SHIM: &str = "605dab50-e046-4300-abb6-3dd810dd8b23";

/// EFI_CERT_X509_GUID, in memory order.
const X509: [u8; 16] = [
    0xa1, 0x59, 0xc0, 0xa5, 0xe4, 0x94, 0xa7, 0x4a, 0x87, 0xb5, 0xab, 0x15, 0x5c, 0x2b, 0xf0, 0x72,
];

/// Makes a key in a folder, `key.pem` and `key.der`, and firmware with it.
///
/// # Errors
///
/// The key or the firmware cannot be made.
pub(super) fn make(cache: &Cache, dir: &Path) -> Result<(Firmware, [PathBuf; 2])> {
    let [key, certificate] = ["key.pem", "key.der"].map(|name| dir.join(name));
    let options = "req -new -x509 -newkey rsa:2048 -nodes -days 100 -subj /CN=owner \
                   -addext basicConstraints=critical,CA:FALSE -addext keyUsage=digitalSignature -outform DER -out";
    let mut openssl = process::command("openssl");
    openssl
        .args(options.split_whitespace())
        .arg(&certificate)
        .arg("-keyout")
        .arg(&key);
    process::output(&mut openssl)?;
    let data = fs::read(&certificate).context("openssl wrote no certificate")?;
    let list: String = list(&data).iter().map(|it| format!("{it:02x}")).collect();
    let variables = json!({
        "version": 2,
        // Attributes: non-volatile, boot service access, runtime access.
        "variables": [{ "name": MOK, "guid": SHIM, "attr": 7, "data": list }],
    });
    let json = dir.join("variables.json");
    fs::write(&json, variables.to_string())
        .with_context(|| format!("cannot write {}", json.display()))?;
    let firmware = Firmware::with_key(cache, &certificate, &json, dir.join("variables"))?;
    Ok((firmware, [key, certificate]))
}

/// Formats an EFI_SIGNATURE_LIST of one certificate.
fn list(certificate: &[u8]) -> Vec<u8> {
    const OWNER: [u8; 16] = [0; 16];
    const HEAD: usize = 28;
    let signature = OWNER.len() + certificate.len();
    let word = |size: usize| u32::try_from(size).unwrap_or(u32::MAX).to_le_bytes();
    [
        &X509[..],
        &word(HEAD + signature),
        &word(0),
        &word(signature),
        &OWNER,
        certificate,
    ]
    .concat()
}
