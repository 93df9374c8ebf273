// SPDX-License-Identifier: GPL-2.0-only

//! The Debian packages of programs and libraries, and which of them are missing.
//!
//! Users of a package call [`ensure`]; missing packages are installed at the
//! start of a command ([`super::needs`]).

use std::collections::BTreeSet;
use std::path::Path;

use anyhow::{Result, bail};

use super::apt_get;
use crate::arch::Arch;
use crate::host::process;
use crate::host::programs::find;

/// A file or program that exists if a package or its equivalent is installed.
#[derive(Clone, Copy, Debug)]
enum Marker {
    /// A program on the search path.
    Program(&'static str),
    /// A file.
    File(&'static str),
}

/// The Debian packages that commands may need, with their markers.
const PACKAGES: &[(&str, Marker)] = &[
    ("bash", Marker::Program("bash")),
    ("bc", Marker::Program("bc")),
    ("binutils", Marker::Program("objdump")),
    ("bison", Marker::Program("bison")),
    ("busybox-static", Marker::Program("busybox")),
    ("coreutils", Marker::Program("stat")),
    ("cpio", Marker::Program("cpio")),
    (
        "debian-archive-keyring",
        Marker::File("/usr/share/keyrings/debian-archive-keyring.gpg"),
    ),
    ("diffutils", Marker::Program("diff")),
    ("findutils", Marker::Program("find")),
    ("flex", Marker::Program("flex")),
    ("gawk", Marker::Program("gawk")),
    ("gcc", Marker::Program("gcc")),
    ("grep", Marker::Program("grep")),
    ("kmod", Marker::Program("modinfo")),
    ("libc-bin", Marker::Program("getconf")),
    ("libc6-dev", Marker::File("/usr/include/stdio.h")),
    ("libelf-dev", Marker::File("/usr/include/gelf.h")),
    ("libssl-dev", Marker::File("/usr/include/openssl/evp.h")),
    ("make", Marker::Program("make")),
    ("openssl", Marker::Program("openssl")),
    ("pahole", Marker::Program("pahole")),
    ("perl", Marker::Program("perl")),
    ("procps", Marker::Program("sysctl")),
    ("python3", Marker::Program("python3")),
    ("rsync", Marker::Program("rsync")),
    ("sed", Marker::Program("sed")),
    ("tar", Marker::Program("tar")),
    ("util-linux", Marker::Program("dmesg")),
    ("xz-utils", Marker::Program("xz")),
];

/// Fails if one of these Debian packages is missing.
///
/// # Errors
///
/// The error names the command that installs the missing ones.
pub fn ensure<T: AsRef<str>>(packages: &[T]) -> Result<()> {
    let missing = missing(packages);
    if !missing.is_empty() {
        bail!("{}", apt_get::missing_message(&missing));
    }
    Ok(())
}

/// Returns the missing packages.
pub(super) fn missing<T: AsRef<str>>(packages: impl IntoIterator<Item = T>) -> BTreeSet<String> {
    packages
        .into_iter()
        .filter(|package| !is_present(package.as_ref()))
        .map(|package| package.as_ref().to_owned())
        .collect()
}

fn is_present(package: &str) -> bool {
    let machines = Arch::ALL.map(|arch| &arch.facts().machine);
    if let Some(machine) = machines.iter().find(|it| it.package == package) {
        return find(machine.program).is_some();
    }
    match PACKAGES.iter().find(|(name, _)| *name == package) {
        Some((_, Marker::Program(program))) => find(program).is_some(),
        Some((_, Marker::File(file))) => Path::new(file).exists(),
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
    fn the_table_is_sorted_and_has_no_duplicates() {
        assert!(PACKAGES.windows(2).all(|pair| pair[0].0 < pair[1].0));
    }

    #[test]
    fn packages_of_authors_are_found_without_dpkg() {
        // `cargo klp build --kernel running --sign` also works on other distributions.
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
