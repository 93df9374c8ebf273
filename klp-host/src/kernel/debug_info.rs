// SPDX-License-Identifier: GPL-2.0-only

//! Makes indices of a kernel's inlined functions from its debug information.
//!
//! A kernel built by klp has it in its `vmlinux`. Debian has a package of more than
//! a gigabyte, which is only fetched on request; the indices of the kernel and all its modules
//! are made in one pass, and the package is not kept.

use std::io::{self, Read};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};
use klp_elf::VMLINUX;
use klp_elf::inlined::{self, ENDING};

use super::debian_kernel::DebianKernel;
use super::{debian_packages, debian_release, package_files};
use crate::apt::Archive;
use crate::cache::{Cache, Key};
use crate::host::files::write_atomic;
use crate::host::progress::Step;

/// Changed when the indices change.
const RECIPE: &str = "1";

/// The maximal size of a file with debug information.
const LARGEST: u64 = 8 << 30;

/// Returns the folder with the index of this vmlinux, or of the file with its debug information; `None` if
/// it has none.
pub fn of_vmlinux(cache: &Cache, file: &Path) -> Result<Option<PathBuf>> {
    let Ok(Some(id)) = inlined::build_id(file) else {
        return Ok(None);
    };
    if !inlined::has_debug_info(file)? {
        return Ok(None);
    }
    let key = Key::new().with("recipe", RECIPE).with("build id", &id);
    let dir = cache.entry("inlined", VMLINUX, &key).get_or_create(|dir| {
        let step = Step::start(
            &format!("looking for inlined functions in {}", file.display()),
            "a few seconds",
        );
        write_index(file, VMLINUX, dir, false)?;
        step.done();
        Ok(())
    })?;
    Ok(Some(dir))
}

/// Writes the index of a module beside it, if it has debug information.
pub fn of_module(file: &Path) -> Result<()> {
    let dir = file.parent().unwrap_or(Path::new("."));
    let name = file
        .file_stem()
        .unwrap_or_default()
        .to_string_lossy()
        .replace('-', "_");
    match write_index(file, &name, dir, false) {
        Ok(()) => Ok(()),
        Err(error) if is_none(&error) => Ok(()),
        Err(error) => Err(error),
    }
}

/// Returns the folder with the indices of Debian's kernel and its modules, if the cache has it.
pub fn of_stock_if_there(cache: &Cache, kernel: DebianKernel) -> Option<PathBuf> {
    debian_packages::cached_debug_info(cache, kernel)
}

/// As [`of_stock_if_there`], fetching the debug information if needed.
pub fn of_stock(cache: &Cache, kernel: DebianKernel) -> Result<PathBuf> {
    let archive = Archive::new(cache);
    debian_release::with_release(&archive, kernel, false, |release| {
        debian_packages::debug_info(&archive, release, &index_package)
    })
}

/// Makes the indices of all files of a package.
fn index_package(package: &Path, dir: &Path) -> Result<()> {
    package_files::visit(package, &mut |path, size, file| {
        index_file(path, size, file, dir)
    })?;
    ensure!(
        dir.join(format!("{VMLINUX}.{ENDING}")).is_file(),
        "{} has no vmlinux with debug information",
        package.display()
    );
    Ok(())
}

fn index_file(path: &Path, size: u64, mut content: &mut dyn Read, dir: &Path) -> Result<()> {
    let Some(object) = object(path) else {
        return Ok(());
    };
    ensure!(
        size <= LARGEST,
        "{} is too large: {size} bytes",
        path.display()
    );
    let mut file = tempfile::NamedTempFile::new_in(dir).context("cannot make a file")?;
    io::copy(&mut content, file.as_file_mut()).context("cannot unpack the debug information")?;
    let is_module = object != VMLINUX;
    match write_index(file.path(), &object, dir, is_module) {
        Err(error) if !is_none(&error) => Err(error),
        _ => Ok(()),
    }
}

/// Returns the object that a file of the package belongs to.
fn object(path: &Path) -> Option<String> {
    let name = path.file_name()?.to_str()?;
    let name = name.strip_suffix(".debug").unwrap_or(name);
    if name.starts_with("vmlinux") {
        return Some(VMLINUX.to_owned());
    }
    let name = name.strip_suffix(".ko")?.replace('-', "_");
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '_';
    (!name.is_empty() && name.chars().all(plain)).then_some(name)
}

fn write_index(file: &Path, object: &str, dir: &Path, small: bool) -> Result<()> {
    let mut found = inlined::read(file)?;
    if small {
        found = found.without_headers();
    }
    write_atomic(&dir.join(format!("{object}.{ENDING}")), &found.text())
}

fn is_none(error: &anyhow::Error) -> bool {
    matches!(error.downcast_ref(), Some(inlined::Error::None { .. }))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn files_of_a_package_belong_to_objects() {
        let object = |path: &str| object(Path::new(path));
        let some = |name: &str| Some(name.to_owned());
        assert_eq!(
            object("./usr/lib/debug/lib/modules/7.2/vmlinux"),
            some("vmlinux")
        );
        assert_eq!(object("./usr/lib/debug/boot/vmlinux-7.2"), some("vmlinux"));
        assert_eq!(object("./a/kernel/nf-tables.ko"), some("nf_tables"));
        assert_eq!(object("./a/kernel/ext4.ko.debug"), some("ext4"));
        for path in ["./a/x.c", "./a/.ko", "./a/a b.ko", "./a/..ko"] {
            assert_eq!(object(path), None, "{path}");
        }
    }

    #[test]
    fn an_archive_without_debug_information_makes_no_index() {
        let dir = tempfile::tempdir().unwrap();
        let mut builder = tar::Builder::new(Vec::new());
        let mut header = tar::Header::new_gnu();
        header.set_size(4);
        header.set_cksum();
        builder
            .append_data(&mut header, "a/notes.txt", &b"text"[..])
            .unwrap();
        let index = |archive: &[u8]| {
            package_files::visit_archive(archive, &mut |path, size, file| {
                index_file(path, size, file, dir.path())
            })
        };
        let archive = builder.into_inner().unwrap();
        index(&archive).unwrap();
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
        // A file that is not a module is an error.
        let mut builder = tar::Builder::new(Vec::new());
        builder
            .append_data(&mut header, "a/bad.ko", &b"text"[..])
            .unwrap();
        let archive = builder.into_inner().unwrap();
        assert!(index(&archive).is_err());
        assert!(index(b"nonsense").is_err());
    }
}
