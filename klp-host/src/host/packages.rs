// SPDX-License-Identifier: GPL-2.0-only

//! Programs and libraries of the host: which Debian package has them, and which are missing.
//!
//! A command collects what it needs at its beginning, so that the user is asked once
//! ([`Needs::get`]). Who uses a package later makes sure that it is there ([`ensure`]).

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use anyhow::{Result, bail};

use super::{apt_get, process};

/// By what one sees that a package's contents are there, whoever put them there.
#[derive(Clone, Copy, Debug)]
enum Sign {
    /// A program on the search path.
    Program(&'static str),
    /// A file.
    File(&'static str),
}

/// Debian's name of each package that we may need, and its sign.
const PACKAGES: &[(&str, Sign)] = &[
    ("bash", Sign::Program("bash")),
    ("bc", Sign::Program("bc")),
    ("binutils", Sign::Program("objdump")),
    ("bison", Sign::Program("bison")),
    ("busybox-static", Sign::Program("busybox")),
    ("coreutils", Sign::Program("stat")),
    ("cpio", Sign::Program("cpio")),
    (
        "debian-archive-keyring",
        Sign::File("/usr/share/keyrings/debian-archive-keyring.gpg"),
    ),
    ("diffutils", Sign::Program("diff")),
    ("flex", Sign::Program("flex")),
    ("gawk", Sign::Program("gawk")),
    ("gcc", Sign::Program("gcc")),
    ("grep", Sign::Program("grep")),
    ("kmod", Sign::Program("modinfo")),
    ("libc-bin", Sign::Program("getconf")),
    ("libc6-dev", Sign::File("/usr/include/stdio.h")),
    ("libelf-dev", Sign::File("/usr/include/gelf.h")),
    ("libssl-dev", Sign::File("/usr/include/openssl/evp.h")),
    ("make", Sign::Program("make")),
    ("pahole", Sign::Program("pahole")),
    ("perl", Sign::Program("perl")),
    ("procps", Sign::Program("sysctl")),
    ("python3", Sign::Program("python3")),
    ("qemu-system-x86", Sign::Program("qemu-system-x86_64")),
    ("rsync", Sign::Program("rsync")),
    ("sed", Sign::Program("sed")),
    ("tar", Sign::Program("tar")),
    ("util-linux", Sign::Program("dmesg")),
    ("xz-utils", Sign::Program("xz")),
];

/// The packages that a command needs.
#[must_use = "`get` asks for them"]
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Needs {
    /// Without them the command fails.
    pub(crate) required: BTreeSet<String>,
    /// Without them it does less.
    pub(crate) helpful: BTreeSet<String>,
}

impl Needs {
    /// Needs these.
    pub fn of<T: AsRef<str>>(packages: &[T]) -> Self {
        Self {
            required: packages.iter().map(|it| it.as_ref().to_owned()).collect(),
            helpful: BTreeSet::new(),
        }
    }

    /// Needs these, too.
    pub fn and(mut self, other: Self) -> Self {
        self.required.extend(other.required);
        self.helpful.extend(other.helpful);
        self
    }

    /// The same, but the command works without them.
    pub fn only_helpful(mut self) -> Self {
        self.helpful.append(&mut self.required);
        self
    }

    /// Installs what is missing, if the user allows it. Nobody is asked for packages that are
    /// only helpful.
    ///
    /// # Errors
    ///
    /// When packages are missing that the command cannot do without: the error has the one
    /// command that installs them.
    pub fn get(&self) -> Result<()> {
        apt_get::get(self)
    }

    /// Makes sure that all that is required is there.
    pub(crate) fn check(&self) -> Result<()> {
        ensure(&self.required.iter().collect::<Vec<_>>())
    }
}

/// Makes sure that the contents of these Debian packages are there.
///
/// # Errors
///
/// When one is missing: the error has the one command that installs them.
pub fn ensure<T: AsRef<str>>(packages: &[T]) -> Result<()> {
    let missing = missing(packages);
    if !missing.is_empty() {
        bail!("{}", apt_get::how_to_install(&missing));
    }
    Ok(())
}

/// The path of a program, from `PATH` and the places where only root's `PATH` looks.
pub fn find(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .chain(["/usr/sbin", "/sbin"].map(PathBuf::from))
        .map(|dir| dir.join(program))
        .find(|path| is_executable(path))
}

fn is_executable(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    path.metadata()
        .is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o111 != 0)
}

/// Those whose contents are not there.
pub(crate) fn missing<T: AsRef<str>>(packages: impl IntoIterator<Item = T>) -> Vec<String> {
    packages
        .into_iter()
        .map(|package| package.as_ref().to_owned())
        .filter(|package| !is_there(package))
        .collect()
}

fn is_there(package: &str) -> bool {
    match PACKAGES.iter().find(|(name, _)| *name == package) {
        Some((_, Sign::Program(program))) => find(program).is_some(),
        Some((_, Sign::File(file))) => Path::new(file).exists(),
        None => is_installed(package),
    }
}

/// Asks dpkg, for packages that are not in the table.
fn is_installed(package: &str) -> bool {
    process::output(process::command("dpkg-query").args([
        "-W",
        "-f",
        "${db:Status-Status}",
        package,
    ]))
    .is_ok_and(|status| status == "installed")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_sorted_and_has_no_doubles() {
        assert!(PACKAGES.windows(2).all(|pair| pair[0].0 < pair[1].0));
    }

    #[test]
    fn programs_are_found_where_they_are() {
        assert!(find("sh").is_some());
        assert!(find("klp-no-such-program").is_none());
    }

    #[test]
    fn needs_add_up_and_what_is_required_stays_so() {
        let needs = Needs::of(&["bc"])
            .and(Needs::of(&["qemu", "bc"]).only_helpful())
            .and(Needs::of(&["flex"]));
        let names = |set: &BTreeSet<String>| set.iter().cloned().collect::<Vec<_>>().join(" ");
        assert_eq!(names(&needs.required), "bc flex");
        assert_eq!(names(&needs.helpful), "bc qemu");
    }

    #[test]
    fn a_missing_package_is_named_with_the_command_that_installs_it() {
        ensure(&["bash"]).unwrap();
        let text = ensure(&["bash", "klp-no-such-package"])
            .unwrap_err()
            .to_string();
        assert!(
            text.contains("klp-no-such-package") && !text.contains("bash"),
            "{text}"
        );
    }
}
