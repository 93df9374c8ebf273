// SPDX-License-Identifier: GPL-2.0-only

//! The kernel that a patch is for.

use std::convert::Infallible;
use std::path::PathBuf;

use anyhow::{Result, ensure};
use klp_host::cache::Cache;
use klp_host::host::needs::Needs;
use klp_host::kernel::given::Given;
use klp_host::kernel::known::Known;
use klp_host::kernel::{self, BuildFolder, Core, Options, Profile, facts, modules};

/// Which kernel, as the user says it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Choice {
    /// Debian's, which is fetched.
    Stock,
    /// The one that runs here.
    Running,
    /// The one built in this folder.
    Folder(PathBuf),
}

/// A kernel, ready for builds.
#[derive(Clone, Debug)]
pub struct Target {
    pub build: BuildFolder,
    /// What QEMU boots, if it is there.
    pub image: PathBuf,
    pub known: Known,
}

impl Choice {
    /// Takes the word or path of a command line.
    pub fn parse(text: &str) -> Result<Self, Infallible> {
        Ok(match text {
            "stock" => Self::Stock,
            "running" => Self::Running,
            dir => Self::Folder(PathBuf::from(dir)),
        })
    }

    /// What is known of its functions, and of those of its modules where `modules` asks for them. That
    /// takes no compilers, and no packages but those that fetch and boot Debian's kernel.
    pub fn known(&self, cache: &Cache, modules: bool) -> Result<Known> {
        let known = match self {
            Self::Stock => {
                facts::needs(cache).get()?;
                let known = Known::of_stock(cache)?;
                match modules {
                    true => with_stock_modules(known, cache)?,
                    false => known,
                }
            }
            Self::Running => Known::of_running(cache)?,
            Self::Folder(dir) => {
                ensure!(
                    dir.is_dir(),
                    "there is no kernel build folder {}",
                    dir.display()
                );
                Known::of_folder(dir)
            }
        };
        Ok(known.or_users())
    }

    /// The packages that [`Self::get`] needs.
    pub fn needs(&self) -> Result<Needs> {
        match self {
            Self::Stock => kernel::needs(Core::Stock, Profile::Base, &Options::default()),
            Self::Running => Given::needs_running(),
            Self::Folder(dir) => Given::needs_at(dir),
        }
    }

    /// Gets it; a stock kernel is fetched first when it has to be.
    pub fn get(&self, cache: &Cache) -> Result<Target> {
        let target = self.find(cache)?;
        Ok(Target {
            known: target.known.or_users(),
            ..target
        })
    }

    fn find(&self, cache: &Cache) -> Result<Target> {
        let given = match self {
            Self::Stock => {
                let kernel = kernel::get(Core::Stock, Profile::Base, &Options::default())?;
                let known = Known::of_folder(&kernel.build.dir);
                return Ok(Target {
                    known: with_stock_modules(known, cache)?,
                    build: kernel.build,
                    image: kernel.image,
                });
            }
            Self::Running => Given::running(cache)?,
            Self::Folder(dir) => Given::at(dir)?,
        };
        Ok(Target {
            build: given.build,
            image: given.image,
            known: given.known,
        })
    }
}

/// Adds the modules of Debian's kernel, unless the user has others in mind.
fn with_stock_modules(known: Known, cache: &Cache) -> Result<Known> {
    if std::env::var_os("KLP_MODULES").is_some() {
        return Ok(known);
    }
    Ok(Known {
        modules: modules::of_stock(cache)?,
        ..known
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kernel_is_a_word_or_a_folder() {
        assert_eq!(Choice::parse("stock"), Ok(Choice::Stock));
        assert_eq!(Choice::parse("running"), Ok(Choice::Running));
        assert_eq!(
            Choice::parse("./stock"),
            Ok(Choice::Folder(PathBuf::from("./stock")))
        );
    }
}
