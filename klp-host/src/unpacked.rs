// SPDX-License-Identifier: GPL-2.0-only

//! Programs of Debian packages that are unpacked into the cache instead of installed.
//! They use the system's libraries.

use std::path::PathBuf;

use anyhow::{Context as _, Result};

use crate::apt::{Archive, Package};
use crate::cache::{Cache, Key, inherit_locks};
use crate::host::consent::check_online;
use crate::host::process;
use crate::host::progress::Step;

/// Checks metrics and alerts of Prometheus.
pub const PROMTOOL: Unpacked<'static> = Unpacked {
    name: "prometheus",
    suite: "bookworm",
    packages: &["prometheus"],
    program: "usr/bin/promtool",
    recipe: "1",
};

/// UEFI firmware for virtual machines.
pub const OVMF: Unpacked<'static> = Unpacked {
    name: "ovmf",
    suite: "bookworm",
    packages: &["ovmf"],
    program: "usr/share/OVMF/OVMF_CODE_4M.fd",
    recipe: "1",
};

/// A program, and where it is.
#[derive(Clone, Copy, Debug)]
pub struct Unpacked<'a> {
    /// Its name in the cache and in messages.
    pub name: &'a str,
    /// The suite of Debian's archive.
    pub suite: &'a str,
    /// The packages to unpack.
    pub packages: &'a [&'a str],
    /// The program's place in them.
    pub program: &'a str,
    /// Another one when something here changes.
    pub recipe: &'a str,
}

impl Unpacked<'_> {
    /// The program, fetched first when the cache does not have it.
    ///
    /// # Errors
    ///
    /// When it cannot be fetched.
    pub fn get(&self, cache: &Cache) -> Result<PathBuf> {
        let Self { suite, recipe, .. } = *self;
        let dir = cache
            .entry(self.name, suite, &Key::new().with("recipe", recipe))
            .get_or_create(|dir| self.fetch(cache, dir))?;
        Ok(dir.join(self.program))
    }

    fn fetch(&self, cache: &Cache, dir: &std::path::Path) -> Result<()> {
        let Self { name, suite, .. } = *self;
        check_online(&format!("the cache has no {name} of {suite}"))?;
        let step = Step::start(
            &format!("getting {name} from Debian's {suite}"),
            "a few seconds",
        );
        let archive = Archive::new(cache);
        let offers = archive.suite(suite, &step)?;
        let names: Vec<_> = self.packages.iter().map(|&name| name.to_owned()).collect();
        let offered = offers.packages(&names)?;
        for name in self.packages {
            let package = newest(&offered, name)
                .with_context(|| format!("Debian's suite {suite} no longer has {name}"))?;
            let deb = offers.download(package, &step)?.verify(cache)?;
            let mut unpack = process::command("dpkg-deb");
            unpack.arg("-x").arg(deb.path()).arg(dir);
            inherit_locks(&mut unpack);
            process::run(&mut unpack)?;
            deb.record(dir)?;
        }
        step.done();
        Ok(())
    }
}

/// apt lists the newest version of a package first.
fn newest<'a>(offered: &'a [Package], name: &str) -> Option<&'a Package> {
    offered.iter().find(|package| package.name == name)
}
