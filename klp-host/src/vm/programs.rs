// SPDX-License-Identifier: GPL-2.0-only

//! Adds the guest's programs and their shared libraries: standard ones, and busybox for the rest.

use std::path::Path;

use anyhow::{Context as _, Result};

use super::initramfs::Tree;
use super::userland::Userland;
use crate::host::process;
use crate::host::programs::find;

/// Required programs, with their Debian packages. The applets of busybox lack options that the kernel's selftests
/// use.
const REQUIRED: &[(&str, &str)] = &[
    ("bash", "bash"),
    ("busybox", "busybox-static"),
    ("cmp", "diffutils"),
    ("date", "coreutils"),
    ("diff", "diffutils"),
    ("dmesg", "util-linux"),
    ("gawk", "gawk"),
    ("getconf", "libc-bin"),
    ("grep", "grep"),
    ("kmod", "kmod"),
    ("sed", "sed"),
    ("setpriv", "util-linux"),
    ("stat", "coreutils"),
    ("sysctl", "procps"),
];

/// Optional programs, which are preferred to the applets of busybox.
const PREFERRED: &[&str] = &[
    "basename", "cat", "chmod", "chrt", "comm", "cp", "cut", "dd", "dirname", "env", "expr",
    "find", "getopt", "head", "id", "kill", "ln", "ls", "mkdir", "mkfifo", "mktemp", "mv", "nproc",
    "od", "paste", "ps", "pgrep", "printf", "readlink", "realpath", "rm", "seq", "sleep", "sort",
    "stty", "tac", "tail", "taskset", "tee", "timeout", "touch", "tr", "uname", "uniq", "wc",
    "xargs", "xxd",
];

/// Links to programs: name and target.
const LINKS: &[(&str, &str)] = &[
    ("awk", "gawk"),
    ("sh", "bash"),
    ("depmod", "kmod"),
    ("insmod", "kmod"),
    ("lsmod", "kmod"),
    ("modinfo", "kmod"),
    ("modprobe", "kmod"),
    ("rmmod", "kmod"),
];

/// Adds the programs and their libraries to the tree.
pub(super) fn add(tree: &mut Tree, userland: &Userland) -> Result<()> {
    let mut programs = Vec::new();
    for &(name, package) in REQUIRED {
        let path = userland
            .find(name)
            .with_context(|| format!("the guest needs {name}: install the package {package}"))?;
        programs.push((name, path));
    }
    programs.extend(
        PREFERRED
            .iter()
            .filter_map(|&name| Some((name, userland.find(name)?))),
    );

    let bin = Path::new("/usr/bin");
    for (name, path) in &programs {
        tree.file(&bin.join(name), path)?;
    }
    for (name, target) in LINKS {
        tree.symlink(&bin.join(name), Path::new(target))?;
    }
    // A busybox of another architecture installs its applets in the guest.
    if userland.is_host() {
        add_applets(tree)?;
    }
    let paths: Vec<_> = programs.into_iter().map(|(_, path)| path).collect();
    userland.add_libraries(tree, &paths)
}

/// Adds links to busybox for its applets, except for names that exist.
fn add_applets(tree: &mut Tree) -> Result<()> {
    let busybox = find("busybox").context("busybox is missing")?;
    let applets = process::output(process::command(busybox).arg("--list"))?;
    for applet in applets
        .lines()
        .map(str::trim)
        .filter(|name| !name.is_empty())
    {
        let guest = Path::new("/usr/bin").join(applet);
        if !tree.contains(&guest) {
            tree.symlink(&guest, Path::new("busybox"))?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::userland::PACKAGES;
    use super::*;

    #[test]
    fn links_and_packages_are_consistent() {
        for (name, target) in LINKS {
            assert!(
                REQUIRED.iter().any(|(program, _)| program == target),
                "{name} -> {target}"
            );
        }
        for (name, package) in REQUIRED {
            assert!(PACKAGES.contains(package), "{name} comes from {package}");
        }
    }
}
