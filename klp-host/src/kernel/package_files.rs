// SPDX-License-Identifier: GPL-2.0-only

//! Reads the files of a Debian package, without unpacking it to disk.

use std::io::Read;
use std::path::Path;
use std::process::Stdio;

use anyhow::{Context as _, Result, ensure};

use crate::host::process::{self, Group};

/// The callback for a file of a package: its path in the package, its size and its content.
pub(super) type Visit<'a> = &'a mut dyn FnMut(&Path, u64, &mut dyn Read) -> Result<()>;

/// Calls `visit` for each regular file of a Debian package.
pub(super) fn visit(package: &Path, visit: Visit<'_>) -> Result<()> {
    let mut command = process::command("dpkg-deb");
    command
        .arg("--fsys-tarfile")
        .arg(package)
        .stdin(Stdio::null())
        .stdout(Stdio::piped());
    let mut unpacker = Group::spawn(&mut command)?;
    let output = unpacker.child().stdout.take();
    visit_archive(output.context("dpkg-deb has no output")?, visit)?;
    let status = unpacker.wait()?;
    ensure!(
        status.success(),
        "dpkg-deb could not unpack {}: {status}",
        package.display()
    );
    Ok(())
}

/// Calls `visit` for each regular file of a tar archive.
pub(super) fn visit_archive(archive: impl Read, visit: Visit<'_>) -> Result<()> {
    const DAMAGED: &str = "the package is damaged";
    let mut archive = tar::Archive::new(archive);
    for entry in archive.entries().context(DAMAGED)? {
        let mut entry = entry.context(DAMAGED)?;
        process::check_interrupted()?;
        let path = entry.path().context(DAMAGED)?.into_owned();
        if entry.header().entry_type().is_file() {
            let size = entry.size();
            visit(&path, size, &mut entry)?;
        }
    }
    // Reads the rest of the stream, so that its writer does not fail.
    std::io::copy(&mut archive.into_inner(), &mut std::io::sink()).context(DAMAGED)?;
    Ok(())
}
