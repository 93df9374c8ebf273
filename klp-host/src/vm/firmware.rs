// SPDX-License-Identifier: GPL-2.0-only

//! UEFI firmware with variables for a guest, to test what the kernel reads from them, such as trusted keys.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

use crate::cache::Cache;
use crate::host::process;
use crate::unpacked::OVMF;
use crate::venv::VIRT_FIRMWARE;

/// The firmware's empty variables.
const VARIABLES: &str = "OVMF_VARS_4M.fd";

/// The owner of the enrolled keys.
const OWNER: &str = "8a3f7e52-5b0b-4d56-9a6c-1f0c8c0c5d11";

/// Firmware and its variables. The guest gets copies of both.
#[derive(Clone, Debug)]
pub struct Firmware {
    /// The firmware's code.
    pub code: PathBuf,
    /// The initial variables.
    pub variables: PathBuf,
}

impl Firmware {
    /// Returns firmware with a certificate (PEM or DER) in its signature database (`db`). The variables are written to
    /// the file `variables`, with those in `json`, a file in the format of `virt-fw-vars`.
    ///
    /// # Errors
    ///
    /// The firmware cannot be fetched, or the file cannot be written.
    pub fn with_key(
        cache: &Cache,
        certificate: &Path,
        json: &Path,
        variables: PathBuf,
    ) -> Result<Self> {
        let code = OVMF.get(cache)?;
        let empty = code.with_file_name(VARIABLES);
        let program = VIRT_FIRMWARE.bin(cache)?.join(VIRT_FIRMWARE.program);
        let mut command = process::command(program);
        command
            .arg("--input")
            .arg(&empty)
            .arg("--output")
            .arg(&variables)
            .args(["--add-db", OWNER])
            .arg(certificate)
            .arg("--set-json")
            .arg(json);
        process::output(&mut command)?;
        fs::metadata(&variables)
            .with_context(|| format!("{} was not written", variables.display()))?;
        Ok(Self { code, variables })
    }
}
