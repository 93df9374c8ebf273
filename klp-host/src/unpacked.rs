// SPDX-License-Identifier: GPL-2.0-only

//! Unpacks programs of Debian packages into the cache, without installing them. They use the system's
//! libraries.

use std::path::PathBuf;

use anyhow::{Context as _, Result};

use crate::apt::{Archive, Package};
use crate::cache::{Cache, Key, inherit_locks};
use crate::host::consent::check_online;
use crate::host::process;
use crate::host::progress::Step;

/// The program that checks metrics and alerts of Prometheus.
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

/// A program, and the packages that contain it.
#[derive(Clone, Copy, Debug)]
pub struct Unpacked<'a> {
    /// Its name in the cache and in messages.
    pub name: &'a str,
    /// The Debian suite.
    pub suite: &'a str,
    /// The packages to unpack.
    pub packages: &'a [&'a str],
    /// The program's path in them.
    pub program: &'a str,
    /// Changed when the entry's contents change.
    pub recipe: &'a str,
}

impl Unpacked<'_> {
    /// Returns the program, fetched first if the cache does not have it.
    ///
    /// # Errors
    ///
    /// It cannot be fetched.
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

/// Returns the newest version of a package, which apt lists first.
fn newest<'a>(offered: &'a [Package], name: &str) -> Option<&'a Package> {
    offered.iter().find(|package| package.name == name)
}
