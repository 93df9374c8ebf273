// SPDX-License-Identifier: GPL-2.0-only

//! The target kernel of a patch: the option `--kernel`, and what is read or built for it.

use std::path::{Path, PathBuf};

use anyhow::{Result, ensure};
use klp_host::arch::Arch;
use klp_host::cache::Cache;
use klp_host::kernel::external::ExternalKernel;
use klp_host::kernel::metadata::KernelMetadata;
use klp_host::kernel::{
    self, BuildFolder, Core, DebianKernel, Options, Profile, modules, release, stock,
    stock_metadata,
};
use klp_host::tools::needs::Needs;
use klp_host::vm;

/// The value of `--kernel`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Choice {
    /// A Debian kernel, which is fetched.
    Debian(DebianKernel),
    /// The running kernel.
    Running,
    /// The kernel with this build folder.
    Folder(PathBuf),
}

/// A kernel's metadata and source, without a build folder.
#[derive(Clone, Debug)]
pub struct Described {
    /// The kernel release, as `uname -r` prints it.
    pub release: String,
    pub known: KernelMetadata,
    /// The source tree.
    pub source: Option<PathBuf>,
    /// The configuration file.
    pub config: Option<PathBuf>,
}

/// A kernel to build patches for.
#[derive(Clone, Debug)]
pub struct Target {
    pub build: BuildFolder,
    /// The image that QEMU boots, which may not exist.
    pub image: PathBuf,
    pub known: KernelMetadata,
}

impl Choice {
    /// Parses the argument of `--kernel`.
    ///
    /// # Errors
    ///
    /// It begins with the name of a Debian kernel, but is not a valid one.
    pub fn parse(text: &str) -> Result<Self> {
        Ok(match (DebianKernel::parse(text)?, text) {
            (Some(kernel), _) => Self::Debian(kernel),
            (None, "running") => Self::Running,
            (None, dir) => Self::Folder(PathBuf::from(dir)),
        })
    }

    /// The metadata of the kernel, and of its modules if `modules`. This needs no compilers, only packages to fetch and
    /// boot Debian's kernel.
    pub fn known(&self, cache: &Cache, modules: bool) -> Result<KernelMetadata> {
        let known = match self {
            Self::Debian(kernel) => {
                stock_metadata::needs(cache, *kernel).get()?;
                let known = KernelMetadata::of_stock(cache, *kernel)?;
                match modules {
                    true => with_modules(known, cache, *kernel)?,
                    false => known,
                }
            }
            Self::Running => KernelMetadata::of_running(cache)?,
            Self::Folder(dir) => {
                ensure!(
                    dir.is_dir(),
                    "there is no kernel build folder {}",
                    dir.display()
                );
                KernelMetadata::of_folder(dir)
            }
        };
        Ok(known.or_users())
    }

    /// Finds the metadata and source of the kernel. Those of a Debian kernel are fetched if necessary.
    pub fn describe(&self, cache: &Cache) -> Result<Described> {
        if let Self::Debian(kernel) = self {
            stock::source_needs(cache, *kernel).get()?;
            let known = self.known(cache, true)?;
            let source = stock::source(cache, *kernel)?;
            return Ok(Described {
                release: source.release,
                known,
                source: Some(source.dir),
                config: Some(source.config),
            });
        }
        let known = self.known(cache, true)?;
        let (release, dir) = match self {
            Self::Folder(dir) => (release::of_build(dir)?, dir.clone()),
            _ => {
                let release = release::of_running()?;
                let dir = Path::new("/lib/modules").join(&release).join("build");
                (release, dir)
            }
        };
        let config = ["include/config/auto.conf", ".config"].map(|name| dir.join(name));
        let is_tree =
            |dir: &PathBuf| dir.join("kernel/fork.c").is_file() && dir.join("fs").is_dir();
        Ok(Described {
            release,
            known,
            source: [dir.join("source"), dir].into_iter().find(is_tree),
            config: config.into_iter().find(|path| path.is_file()),
        })
    }

    /// The packages needed to boot it in a virtual machine.
    pub fn vm_needs(&self) -> Result<Needs> {
        Ok(vm::needs_for(match self {
            Self::Debian(_) => Arch::default(),
            Self::Running => Arch::HOST,
            Self::Folder(dir) => ExternalKernel::arch_at(dir)?,
        }))
    }

    /// The packages needed by [`Self::get`].
    pub fn needs(&self) -> Result<Needs> {
        match self {
            Self::Debian(kernel) => {
                kernel::needs(Core::Debian(*kernel), Profile::Base, &Options::default())
            }
            Self::Running => match running_debian_kernel()? {
                Some(kernel) => Self::Debian(kernel).needs(),
                None => ExternalKernel::needs_running(),
            },
            Self::Folder(dir) => ExternalKernel::needs_at(dir),
        }
    }

    /// Gets the kernel. A Debian kernel is fetched if necessary.
    pub fn get(&self, cache: &Cache) -> Result<Target> {
        let target = self.find(cache)?;
        Ok(Target {
            known: target.known.or_users(),
            ..target
        })
    }

    fn find(&self, cache: &Cache) -> Result<Target> {
        let external = match self {
            Self::Debian(debian) => {
                let core = Core::Debian(*debian);
                let kernel = kernel::get(core, Profile::Base, &Options::default())?;
                let known = KernelMetadata::of_folder(&kernel.build.dir);
                return Ok(Target {
                    known: with_modules(known, cache, *debian)?,
                    build: kernel.build,
                    image: kernel.image,
                });
            }
            Self::Running => match running_debian_kernel()? {
                Some(kernel) => return Self::Debian(kernel).find(cache),
                None => ExternalKernel::running(cache)?,
            },
            Self::Folder(dir) => ExternalKernel::at(dir)?,
        };
        Ok(Target {
            build: external.build,
            image: external.image,
            known: external.known,
        })
    }
}

/// The running kernel, if it is a Debian kernel without a usable build folder on this machine. Its packages are fetched
/// then.
fn running_debian_kernel() -> Result<Option<DebianKernel>> {
    let release = release::of_running()?;
    Ok(debian_kernel(
        &release,
        ExternalKernel::needs_running().is_ok(),
    ))
}

fn debian_kernel(release: &str, has_folder: bool) -> Option<DebianKernel> {
    // Other releases do not parse.
    let kernel = DebianKernel::parse(release).ok().flatten();
    kernel.filter(|_| !has_folder)
}

/// Adds the modules of a Debian kernel, unless the user has set KLP_MODULES.
fn with_modules(
    known: KernelMetadata,
    cache: &Cache,
    kernel: DebianKernel,
) -> Result<KernelMetadata> {
    if std::env::var_os("KLP_MODULES").is_some() {
        return Ok(known);
    }
    Ok(KernelMetadata {
        modules: modules::of_stock(cache, kernel)?,
        ..known
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use klp_host::kernel::debian_line;

    #[test]
    fn a_build_folder_is_described_without_tools() {
        let dir = tempfile::tempdir().unwrap();
        let describe = || {
            let cache = Cache::at(&dir.path().join("cache"));
            Choice::Folder(dir.path().to_owned()).describe(&cache.unwrap())
        };
        assert!(describe().is_err(), "no release");
        for (path, text) in [
            ("include/config/kernel.release", "7.2.0\n"),
            ("include/config/auto.conf", ""),
            ("source/kernel/fork.c", ""),
            ("source/fs/Makefile", ""),
        ] {
            let path = dir.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        let described = describe().unwrap();
        assert_eq!(described.release, "7.2.0");
        assert_eq!(described.source, Some(dir.path().join("source")));
        let config = dir.path().join("include/config/auto.conf");
        assert_eq!(described.config, Some(config));
    }

    #[test]
    fn the_running_kernel_can_be_debians() {
        let of =
            |release: &str, has_folder| debian_kernel(release, has_folder).map(DebianKernel::name);
        let release = "6.12.107+deb13-amd64";
        assert_eq!(of(release, false), Some("debian-13/6.12.107+deb13-amd64"));
        assert_eq!(of(release, true), None, "its build folder takes precedence");
        assert_eq!(of("6.12.107-custom", false), None);
    }

    #[test]
    fn a_kernel_is_a_name_or_a_folder() {
        let parse = |text: &str| Choice::parse(text).unwrap();
        let debian = |line| Choice::Debian(DebianKernel::plain(line));
        assert_eq!(parse("stock"), debian(&debian_line::STOCK));
        assert_eq!(parse("debian-13"), debian(&debian_line::DEBIAN_13));
        assert_eq!(parse("running"), Choice::Running);
        assert_eq!(parse("./stock"), Choice::Folder(PathBuf::from("./stock")));
        assert!(Choice::parse("stock/build").is_err());
    }
}
