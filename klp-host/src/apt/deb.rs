// SPDX-License-Identifier: GPL-2.0-only

//! Package files: [`Download`] is unverified, [`Deb`] has the hash in the signed lists. Only the
//! latter can be unpacked.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail, ensure};
use rustix::fs::OFlags;
use sha2::{Digest as _, Sha256};

use super::mirror;
use crate::cache::{Cache, Scratch};

/// The part of a download folder that apt writes to. As root, apt's sandbox user owns it.
pub(super) const FILES: &str = "files";

/// One version of a package, from a signed list.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Package {
    pub name: String,
    pub version: String,
    pub architecture: String,
    pub size: u64,
    pub sha256: String,
}

impl std::fmt::Display for Package {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {} {}", self.name, self.version, self.architecture)
    }
}

impl Package {
    /// Returns apt's name of its file.
    pub(super) fn file_name(&self) -> String {
        let version = self.version.replace(':', "%3a");
        format!("{}_{version}_{}.deb", self.name, self.architecture)
    }
}

/// A file that apt reports as downloaded.
///
/// apt neither downloads nor verifies an existing file of the right name and size, such
/// as one of an interrupted download.
#[derive(Debug)]
pub(crate) struct Download {
    pub(super) package: Package,
    pub(super) folder: Scratch,
}

/// A package's verified file, in a folder that only this user can write to.
#[derive(Debug)]
pub(crate) struct Deb {
    package: Package,
    path: PathBuf,
    _folder: Scratch,
}

impl Download {
    /// Compares the file with the signed lists.
    ///
    /// # Errors
    ///
    /// It differs.
    pub(crate) fn verify(self, cache: &Cache) -> Result<Deb> {
        let folder = cache.scratch()?;
        let path = folder.path().join("package.deb");
        // Verify a private copy: as root, apt's sandbox user could modify the original.
        copy_verified(&self.path(), &path, &self.package)?;
        Ok(Deb {
            package: self.package,
            path,
            _folder: folder,
        })
    }

    pub(super) fn path(&self) -> PathBuf {
        self.folder
            .path()
            .join(FILES)
            .join(self.package.file_name())
    }
}

impl Deb {
    /// Returns the file.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Records the package in the folder that it was unpacked into.
    pub(crate) fn record(&self, dir: &Path) -> Result<()> {
        let path = dir.join(".klp-packages");
        let Package {
            name,
            version,
            architecture,
            sha256,
            ..
        } = &self.package;
        File::options()
            .create(true)
            .append(true)
            .open(&path)
            .and_then(|mut file| writeln!(file, "{sha256}  {name}_{version}_{architecture}"))
            .with_context(|| format!("cannot write {}", path.display()))
    }
}

/// Copies a file, and verifies the size and hash of the copied bytes.
fn copy_verified(from: &Path, to: &Path, package: &Package) -> Result<()> {
    let source = File::options()
        .read(true)
        .custom_flags((OFlags::NOFOLLOW | OFlags::NONBLOCK).bits().cast_signed())
        .open(from)
        .with_context(|| {
            format!(
                "apt downloaded {package}, but left no file {}",
                from.display()
            )
        })?;
    let read = || format!("cannot read {}", from.display());
    let is_file = source.metadata().with_context(read)?.is_file();
    ensure!(is_file, "{} is not a plain file", from.display());
    let write = || format!("cannot write {}", to.display());
    let mut target = File::create_new(to).with_context(write)?;
    let mut hash = Sha256::new();
    let mut size = 0;
    let mut buffer = vec![0; 1 << 18];
    // One more byte detects a longer file, and bounds the read.
    let mut left = (&source).take(package.size.saturating_add(1));
    loop {
        let count = left.read(&mut buffer).with_context(read)?;
        if count == 0 {
            break;
        }
        size += count as u64;
        hash.update(&buffer[..count]);
        target.write_all(&buffer[..count]).with_context(write)?;
    }
    let found = hex(&hash.finalize());
    if size != package.size || found != package.sha256 {
        bail!(
            "the file of {package} is not the one in the signed package lists, and is not used: \
             its SHA256 is {found}, the lists have {}; its size is {}{size}, the lists have {}. \
             Try again; if this persists, the mirror or a proxy is broken or malicious: set {} to \
             another mirror",
            package.sha256,
            if size > package.size { "at least " } else { "" },
            package.size,
            mirror::VARIABLE,
        );
    }
    Ok(())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Returns the SHA256 of data.
#[cfg(test)]
pub(super) fn sha256(data: &[u8]) -> String {
    hex(&Sha256::digest(data))
}
