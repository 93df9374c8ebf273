// SPDX-License-Identifier: GPL-2.0-only

//! Builds the packages that the machines install: klpctl, patches in several versions, and a fake package of
//! their kernel.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use klp_elf::livepatch::rename;
use klp_host::cache::{Cache, Scratch};
use klp_host::kernel::Profile;
use klp_package::{Format, LivePatch, Package, time};

use super::super::author_build::Author;
use super::stories::CORE;
use crate::checkout;
use crate::files::read;
use crate::klpctl_package::{self, Publisher};

/// The maintainer of the packages.
const MAINTAINER: &str = "Jane Doe <jane@example.org>";

/// The cumulative patch and its versions, of which the last one is bad.
const VERSIONED: &str = "versioned";
const VERSIONS: [&str; 3] = ["1.1", "1.2", "1.3"];

/// A patch that is not cumulative.
const STEADY: &str = "steady";

/// The packages, the kernel and the modules.
pub(super) struct Packages {
    /// The kernel's image.
    pub(super) image: PathBuf,
    /// The built patches.
    pub(super) modules: Vec<PathBuf>,
    folder: Scratch,
    /// Contains the modules.
    _author: Author,
}

impl Packages {
    /// Builds everything.
    ///
    /// # Errors
    ///
    /// A module or package cannot be built or written.
    pub(super) fn new() -> Result<Self> {
        let kernel = checkout::kernel(CORE, Profile::Base)?;
        let author = Author::new()?;
        let modules = author.build(&author.copy(&checkout::top().join("tests/image"))?, CORE)?;
        let all = Self {
            image: kernel.image,
            modules,
            folder: Cache::open()?.scratch()?,
            _author: author,
        };
        let dir = all.folder();
        fs::create_dir(&dir).with_context(|| format!("cannot make {}", dir.display()))?;
        klpctl_package::write(&[Format::Deb], &dir, &publisher())?;
        kernel_package(&kernel.build.release)?.write(Format::Deb, &dir)?;
        let versioned = all.module(VERSIONED)?;
        for version in VERSIONS {
            let module = with_version(&versioned, version)?;
            let name = format!("{VERSIONED}_{}", version.replace('.', "_"));
            patch(rename(&module, &name)?, Format::Deb)?.write(Format::Deb, &dir)?;
        }
        patch(all.module(STEADY)?, Format::Deb)?.write(Format::Deb, &dir)?;
        Ok(all)
    }

    /// Writes RPM packages: those of klpctl, and one of a patch.
    ///
    /// # Errors
    ///
    /// A package cannot be built or written.
    pub(super) fn write_rpms(&self, dir: &Path) -> Result<()> {
        klpctl_package::write(&[Format::Rpm], dir, &publisher())?;
        patch(self.module(STEADY)?, Format::Rpm)?.write(Format::Rpm, dir)?;
        Ok(())
    }

    /// The folder with the packages.
    pub(super) fn folder(&self) -> PathBuf {
        self.folder.path().join("packages")
    }

    fn module(&self, name: &str) -> Result<Vec<u8>> {
        let is_it = |path: &&PathBuf| path.file_stem().is_some_and(|stem| stem == name);
        let path = self.modules.iter().find(is_it);
        let path = path.with_context(|| format!("{name}.ko was not built"))?;
        read(path)
    }
}

/// Changes the version of the module to another one of the same length.
fn with_version(module: &[u8], version: &str) -> Result<Vec<u8>> {
    const OLD: &[u8] = b"version=1.0";
    let new = format!("version={version}");
    let place = module.windows(OLD.len()).position(|it| it == OLD);
    let place = place.context("the module has no version 1.0")?;
    let mut module = module.to_vec();
    module[place..place + OLD.len()].copy_from_slice(new.as_bytes());
    Ok(module)
}

fn publisher() -> Publisher {
    Publisher {
        maintainer: MAINTAINER.to_owned(),
        homepage: Some("https://example.org/".to_owned()),
    }
}

fn patch(module: Vec<u8>, format: Format) -> Result<Package> {
    LivePatch {
        module,
        maintainer: Some(MAINTAINER.to_owned()),
        revision: 1,
        kernel_package: None,
        supersedes: Vec::new(),
        time: time()?,
    }
    .package(format)
}

/// A fake package of the kernel, on which packages of patches depend.
fn kernel_package(release: &str) -> Result<Package> {
    Ok(Package {
        name: format!("linux-image-{release}"),
        version: "1".to_owned(),
        summary: "Placeholder for the running kernel".to_owned(),
        section: "kernel",
        ..klpctl_package::bare(&publisher())?
    })
}
