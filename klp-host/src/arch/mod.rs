// SPDX-License-Identifier: GPL-2.0-only

//! Processor architectures, with the differences of their kernels, machines and Debian packages.
//! Each has its own file; the rest of this crate does not depend on the architecture.

mod arm64;
mod facts;
mod x86;

use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use anyhow::{Context as _, Result, bail};
use flate2::read::GzDecoder;

pub(crate) use facts::Compiler;
use facts::Facts;

/// A processor architecture.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd, clap::ValueEnum)]
pub enum Arch {
    /// x86-64.
    #[default]
    #[value(name = x86::FACTS.name, alias = x86::FACTS.debian, alias = x86::FACTS.gnu)]
    X86,
    /// 64-bit Arm.
    #[value(name = arm64::FACTS.name, alias = arm64::FACTS.gnu)]
    Arm64,
}

impl Arch {
    /// All architectures.
    pub const ALL: [Self; 2] = [Self::X86, Self::Arm64];

    /// The architecture whose Debian kernels support live patches.
    pub(crate) const DEBIANS: Self = Self::X86;

    /// The architecture of this machine.
    pub const HOST: Self = if cfg!(target_arch = "aarch64") {
        Self::Arm64
    } else {
        Self::X86
    };

    pub(crate) const fn facts(self) -> &'static Facts {
        match self {
            Self::X86 => &x86::FACTS,
            Self::Arm64 => &arm64::FACTS,
        }
    }

    /// Returns its name on the command line.
    pub fn name(self) -> &'static str {
        self.facts().name
    }

    /// Returns the Rust target for statically linked programs.
    pub fn rust_target(self) -> String {
        format!("{}-unknown-linux-gnu", self.facts().gnu)
    }

    /// Returns the suffix of its cache entries and configurations. Empty for x86, whose names predate the others.
    pub(crate) fn suffix(self) -> String {
        match self {
            Self::X86 => String::new(),
            other => format!("-{}", other.name()),
        }
    }

    /// Returns the architecture whose configuration option is set, if any.
    pub(crate) fn with_option(is_on: impl Fn(&str) -> bool) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|arch| is_on(arch.facts().option))
    }

    /// Returns the variables for make, whose default is the host's architecture.
    pub(crate) fn make_vars(self) -> Vec<(String, String)> {
        match self {
            Self::HOST => Vec::new(),
            other => vec![("ARCH".to_owned(), other.name().to_owned())],
        }
    }

    /// Returns the architecture of a kernel image.
    ///
    /// # Errors
    ///
    /// It cannot be read, or is not a kernel image.
    pub(crate) fn of_image(image: &Path) -> Result<Self> {
        let file = || {
            File::open(image)
                .with_context(|| format!("cannot read the kernel image {}", image.display()))
        };
        let mut head = Vec::new();
        file()?
            .take(HEAD)
            .read_to_end(&mut head)
            .with_context(|| format!("cannot read the kernel image {}", image.display()))?;
        // Some images are decompressed by the boot loader.
        if head.starts_with(GZIP) {
            let mut unpacked = Vec::new();
            // The check below refuses truncated and damaged files.
            let _ = GzDecoder::new(file()?)
                .take(HEAD)
                .read_to_end(&mut unpacked);
            head = unpacked;
        }
        let is = |arch: &Self| {
            let (at, magic) = arch.facts().image.magic;
            head.get(at..at + magic.len()) == Some(magic)
        };
        let Some(arch) = Self::ALL.into_iter().find(is) else {
            let paths = Self::ALL.map(|arch| format!("`{}`", arch.facts().image.path));
            bail!(
                "{} is not a bootable kernel image: give {} or `vmlinuz`, not `vmlinux`",
                image.display(),
                paths.join(", ")
            );
        };
        Ok(arch)
    }
}

/// The number of bytes at the start of an image that identify it.
const HEAD: u64 = 0x400;

/// The magic number of gzip files.
const GZIP: &[u8] = b"\x1f\x8b";

impl std::fmt::Display for Arch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use clap::ValueEnum as _;
    use flate2::write::GzEncoder;

    use super::*;

    fn image(arch: Arch) -> Vec<u8> {
        let (at, magic) = arch.facts().image.magic;
        let mut image = vec![0; 4096];
        image[at..at + magic.len()].copy_from_slice(magic);
        image
    }

    #[test]
    fn the_architecture_of_an_image_is_detected() {
        let dir = tempfile::tempdir().expect("a folder");
        let path = dir.path().join("image");
        for arch in Arch::ALL {
            std::fs::write(&path, image(arch)).expect("written");
            assert_eq!(Arch::of_image(&path).expect("an image"), arch);
            let mut packed = GzEncoder::new(Vec::new(), flate2::Compression::fast());
            packed.write_all(&image(arch)).expect("packed");
            std::fs::write(&path, packed.finish().expect("packed")).expect("written");
            assert_eq!(Arch::of_image(&path).expect("an image"), arch);
        }
        std::fs::write(&path, b"\x1f\x8bno").expect("written");
        assert!(Arch::of_image(&path).is_err());
    }

    #[test]
    fn other_files_are_refused() {
        let err = Arch::of_image(Path::new("/bin/sh"))
            .expect_err("no kernel")
            .to_string();
        for arch in Arch::ALL {
            assert!(err.contains(arch.facts().image.path), "{err}");
        }
        let err = Arch::of_image(Path::new("/nonexistent")).expect_err("no file");
        assert!(format!("{err:#}").contains("/nonexistent"), "{err:#}");
    }

    #[test]
    fn names_of_the_kernel_debian_and_gnu_are_parsed() {
        for (name, arch) in [
            ("x86", Arch::X86),
            ("amd64", Arch::X86),
            ("x86_64", Arch::X86),
            ("arm64", Arch::Arm64),
            ("aarch64", Arch::Arm64),
        ] {
            assert_eq!(Arch::from_str(name, false), Ok(arch));
        }
        assert!(Arch::from_str("riscv", false).is_err());
    }
}
