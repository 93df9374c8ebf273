// SPDX-License-Identifier: GPL-2.0-only

//! Installs Python programs into virtual environments in the cache, without changing the system.

use std::path::PathBuf;

use anyhow::{Result, ensure};

use crate::cache::{Cache, Key};
use crate::host::consent::check_online;
use crate::host::process;
use crate::host::progress::Step;
use crate::tools::needs::Needs;

/// Ansible, and its linter.
pub const ANSIBLE: Venv<'static> = Venv {
    name: "ansible",
    packages: &["ansible-core==2.19.14", "ansible-lint==26.10.1"],
    program: "ansible-playbook",
};

/// Salt, with the programs of the master and the minion.
pub const SALT: Venv<'static> = Venv {
    name: "salt",
    packages: &["salt==3008.4"],
    program: "salt-call",
};

/// The types of Grafana's dashboards, published by Grafana.
pub const GRAFANA_TYPES: Venv<'static> = Venv {
    name: "grafana-types",
    packages: &["grafana-foundation-sdk==1769699379!11.6.0"],
    program: "python3",
};

/// A program that writes variables of UEFI firmware.
pub const VIRT_FIRMWARE: Venv<'static> = Venv {
    name: "virt-firmware",
    packages: &["virt-firmware==26.10"],
    program: "virt-fw-vars",
};

/// The Python that creates virtual environments.
const PYTHON: &str = "/usr/bin/python3";

/// Returns the host packages for creating one. One of Salt's libraries is built from source.
pub fn needs() -> Needs {
    Needs::of(&["python3", "python3-venv", "python3-dev", "gcc"])
}

/// A virtual environment.
#[derive(Clone, Copy, Debug)]
pub struct Venv<'a> {
    /// Its name in the cache and in messages.
    pub name: &'a str,
    /// The packages for pip, with pinned versions.
    pub packages: &'a [&'a str],
    /// A program that it has to contain.
    pub program: &'a str,
}

impl Venv<'_> {
    /// Returns the folder of its programs, created first if the cache does not have it.
    ///
    /// # Errors
    ///
    /// It cannot be created.
    pub fn bin(&self, cache: &Cache) -> Result<PathBuf> {
        let Self { name, program, .. } = *self;
        let packages = self.packages.join(" ");
        // An environment works with one version of Python.
        let python = process::output(process::command(PYTHON).arg("--version"))?;
        let key = Key::new()
            .with("packages", &packages)
            .with("python", python.trim());
        // It contains absolute paths, so it is created in its final place.
        let dir = cache.entry("venv", name, &key).get_or_resume(|dir| {
            check_online(&format!("the cache has no {packages}"))?;
            let step = Step::start(&format!("installing {packages} with pip"), "some minutes");
            let log = dir.join("install.log");
            step.run(
                process::command(PYTHON)
                    .args(["-m", "venv", "--clear"])
                    .arg(dir.join("env")),
                &log,
            )?;
            step.run(
                process::command(dir.join("env/bin/pip"))
                    .args(["install", "--disable-pip-version-check"])
                    .args(self.packages),
                &log,
            )?;
            step.done();
            Ok(())
        })?;
        let bin = dir.join("env/bin");
        ensure!(
            bin.join(program).is_file(),
            "{packages} did not install {program}"
        );
        Ok(bin)
    }
}
