// SPDX-License-Identifier: GPL-2.0-only

//! The guest's programs: full ones, with the shared libraries they need, and busybox for the rest.

use std::path::Path;

use anyhow::{Context as _, Result};

use super::initramfs::Tree;
use super::userland::Userland;
use crate::host::process;
use crate::host::programs::find;

/// Programs that must be the full ones (busybox' versions lack options that the kernel's
/// selftests use), each with the Debian package that has it.
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

/// Programs that are better when they are the full ones; busybox has most of them as well.
const PREFERRED: &[&str] = &[
    "basename", "cat", "chmod", "chrt", "comm", "cp", "cut", "dd", "dirname", "env", "expr",
    "find", "getopt", "head", "id", "kill", "ln", "ls", "mkdir", "mkfifo", "mktemp", "mv", "nproc",
    "od", "paste", "ps", "pgrep", "printf", "readlink", "realpath", "rm", "seq", "sleep", "sort",
    "stty", "tac", "tail", "taskset", "tee", "timeout", "touch", "tr", "uname", "uniq", "wc",
    "xargs", "xxd",
];

/// Other names of a program.
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

/// Puts the programs and their libraries into the tree.
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
    // A foreign one installs its applets in the guest.
    if userland.is_host() {
        add_applets(tree)?;
    }
    let paths: Vec<_> = programs.into_iter().map(|(_, path)| path).collect();
    userland.add_libraries(tree, &paths)
}

/// Links busybox to the names of its applets that nothing else has.
fn add_applets(tree: &mut Tree) -> Result<()> {
    let busybox = find("busybox").context("busybox has gone")?;
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
    fn every_link_has_its_program() {
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
