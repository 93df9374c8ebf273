// SPDX-License-Identifier: GPL-2.0-only

//! The last step of a module build: refuses patches with problems that are only visible after the build,
//! and links livepatch symbols.

use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use klp_elf::{Module, Shown, is_compressed, livepatch, read_module};

use crate::replace;

/// Links a module in place, and returns whether it changed. The file's attributes are kept. A module that
/// is linked already, or has nothing to link, is not written, so that make sees no change.
pub fn in_place(module: &Path) -> Result<bool> {
    let data = read(module)?;
    let needed = livepatch::needs_link(&data).with_context(|| cannot(module))?;
    if needed {
        write(module, &data, module)?;
    }
    Ok(needed)
}

/// Links a module, and writes the result to another file.
pub fn into(module: &Path, output: &Path) -> Result<()> {
    write(module, &read(module)?, output)
}

/// Reads a module. Refuses a patch of `#[livepatch]` that must not be loaded.
fn read(module: &Path) -> Result<Vec<u8>> {
    ensure!(
        !is_compressed(module)?,
        "{}: it is compressed: link the .ko file, and compress the result",
        cannot(module)
    );
    let data = read_module(module)?;
    let unfit = unfit(&data).with_context(|| cannot(module))?;
    ensure!(
        unfit.is_empty(),
        "{} must not be loaded:\n  {}",
        Shown::path(module),
        unfit.join("\n  ")
    );
    Ok(data)
}

fn unfit(data: &[u8]) -> Result<Vec<String>, klp_elf::Error> {
    let module = Module::parse(data)?;
    if !module.is_of_klp() {
        return Ok(Vec::new());
    }
    let unfit = module.unfit()?;
    Ok(unfit.iter().map(ToString::to_string).collect())
}

fn write(module: &Path, data: &[u8], output: &Path) -> Result<()> {
    let linked = livepatch::link(data).with_context(|| cannot(module))?;
    replace::contents(output, &linked)
}

fn cannot(module: &Path) -> String {
    format!("cannot link {}", Shown::path(module))
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::{Compression, write::GzEncoder};
    use std::fs;
    use std::io::Write as _;

    #[test]
    fn other_files_are_refused_and_not_changed() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("x.ko");
        fs::write(&file, "text").unwrap();
        let error = format!("{:#}", in_place(&file).unwrap_err());
        assert!(error.contains("x.ko: not a readable ELF file"), "{error}");
        assert!(into(&file, &dir.path().join("y.ko")).is_err());
        assert_eq!(fs::read_to_string(&file).unwrap(), "text");
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_compressed_module_is_refused_and_not_changed() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("x.ko.gz");
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(b"text").unwrap();
        let packed = encoder.finish().unwrap();
        fs::write(&file, &packed).unwrap();
        let error = format!("{:#}", into(&file, &file).unwrap_err());
        assert!(error.contains("it is compressed: link the .ko"), "{error}");
        assert_eq!(fs::read(&file).unwrap(), packed);
    }
}
