// SPDX-License-Identifier: GPL-2.0-only

//! The Debian packages of programs and libraries, and which of them are missing.
//!
//! Users of a package call [`ensure`]; missing ones are asked for at the
//! beginning of a command ([`super::needs`]).

use std::collections::BTreeSet;
use std::path::Path;

use anyhow::{Result, bail};

use super::apt_get;
use crate::arch::Arch;
use crate::host::process;
use crate::host::programs::find;

/// A file or program that shows that a package is installed, by whatever means.
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
    ("findutils", Sign::Program("find")),
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
    ("openssl", Sign::Program("openssl")),
    ("pahole", Sign::Program("pahole")),
    ("perl", Sign::Program("perl")),
    ("procps", Sign::Program("sysctl")),
    ("python3", Sign::Program("python3")),
    ("rsync", Sign::Program("rsync")),
    ("sed", Sign::Program("sed")),
    ("tar", Sign::Program("tar")),
    ("util-linux", Sign::Program("dmesg")),
    ("xz-utils", Sign::Program("xz")),
];

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

/// The missing ones.
pub(super) fn missing<T: AsRef<str>>(packages: impl IntoIterator<Item = T>) -> BTreeSet<String> {
    packages
        .into_iter()
        .filter(|package| !is_there(package.as_ref()))
        .map(|package| package.as_ref().to_owned())
        .collect()
}

fn is_there(package: &str) -> bool {
    let machines = Arch::ALL.map(|arch| &arch.facts().machine);
    if let Some(machine) = machines.iter().find(|it| it.package == package) {
        return find(machine.program).is_some();
    }
    match PACKAGES.iter().find(|(name, _)| *name == package) {
        Some((_, Sign::Program(program))) => find(program).is_some(),
        Some((_, Sign::File(file))) => Path::new(file).exists(),
        None => is_installed(package),
    }
}

/// Queries dpkg, for packages that are not in the table.
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
    fn packages_of_authors_are_found_without_dpkg() {
        // `cargo klp build --kernel running --sign` works on other distributions, too.
        for package in ["gcc", "make", "openssl"] {
            assert!(
                PACKAGES.iter().any(|(name, _)| *name == package),
                "{package}"
            );
        }
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
