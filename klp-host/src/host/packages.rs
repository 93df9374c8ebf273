// SPDX-License-Identifier: GPL-2.0-only

//! Programs and libraries of the host: which Debian package has them, and
//! installing what is missing.

use std::io::IsTerminal as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, bail};

use super::process;
use super::progress::{Step, say};
use crate::cache::Cache;

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

/// Makes sure that these Debian packages' contents are there: what is missing is installed when
/// that is possible without asking, else the error holds the one command to run.
pub fn ensure(packages: &[&str]) -> Result<()> {
    if missing(packages).is_empty() {
        return Ok(());
    }
    let cache = Cache::open()?;
    let _lock = cache.lock("packages")?;
    // Another process may have installed them while we waited.
    let wanted = missing(packages);
    if wanted.is_empty() {
        return Ok(());
    }
    install(&wanted, &cache.root().join("packages.log"))?;
    let left = missing(&wanted);
    if !left.is_empty() {
        bail!(
            "{} installed without an error, but still not found: is /usr/sbin or /usr/bin missing in PATH?",
            left.join(" ")
        );
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

fn missing<'a>(packages: &[&'a str]) -> Vec<&'a str> {
    packages
        .iter()
        .copied()
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

/// How commands get root's rights.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Root {
    /// We are root.
    Already,
    /// sudo works without a question.
    Sudo,
    /// sudo may ask for a password, and there is somebody to ask.
    SudoAsks,
    /// Not at all.
    No,
}

fn root() -> Root {
    if rustix::process::geteuid().is_root() {
        return Root::Already;
    }
    if find("sudo").is_none() {
        return Root::No;
    }
    if process::output(process::command("sudo").args(["-n", "true"])).is_ok() {
        Root::Sudo
    } else if std::io::stdin().is_terminal() {
        Root::SudoAsks
    } else {
        Root::No
    }
}

fn install(packages: &[&str], log: &Path) -> Result<()> {
    let names = packages.join(" ");
    if find("apt-get").is_none() {
        bail!(
            "missing: {names} (Debian's names). Install them with this system's package manager, then run this again"
        );
    }
    let root = root();
    if root == Root::No {
        bail!(
            "missing: {names}. Run this as root, then this command again:\n    {}",
            by_hand(packages)
        );
    }
    if root == Root::SudoAsks {
        say(&format!(
            "installing {names}: sudo may ask for your password"
        ));
        ask_for_password()?;
    }
    let step = Step::start(&format!("installing {names}"), "a minute or less");
    let result = step
        .run(&mut apt_get(root, &[&["install"], packages].concat()), log)
        // The package lists may be missing or old.
        .or_else(|_| {
            process::check_interrupted()?;
            step.run(&mut apt_get(root, &["update"]), log)?;
            step.run(&mut apt_get(root, &[&["install"], packages].concat()), log)
        })
        .with_context(|| {
            format!(
                "when it cannot be done from here, run as root: {}",
                by_hand(packages)
            )
        });
    if result.is_ok() {
        step.done();
    }
    result
}

fn by_hand(packages: &[&str]) -> String {
    format!(
        "apt-get update && apt-get install --no-install-recommends {}",
        packages.join(" ")
    )
}

/// Lets sudo ask on the terminal, so that later calls need no terminal.
fn ask_for_password() -> Result<()> {
    // Not in a process group of its own: it could not read from the terminal there.
    let status = process::command("sudo")
        .arg("-v")
        .stdin(Stdio::inherit())
        .status()
        .context("cannot run sudo")?;
    if !status.success() {
        bail!("sudo was refused");
    }
    Ok(())
}

fn apt_get(root: Root, args: &[&str]) -> Command {
    let mut command = if root == Root::Already {
        process::command("env")
    } else {
        let mut sudo = process::command("sudo");
        sudo.args(["-n", "env"]);
        sudo
    };
    command
        .args([
            "DEBIAN_FRONTEND=noninteractive",
            "apt-get",
            "--yes",
            "--quiet",
        ])
        // Another package manager may be at work.
        .args(["-o", "DPkg::Lock::Timeout=600", "--no-install-recommends"])
        .args(args);
    command
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
    fn the_command_by_hand_is_complete() {
        assert_eq!(
            by_hand(&["flex", "bc"]),
            "apt-get update && apt-get install --no-install-recommends flex bc"
        );
    }
}
