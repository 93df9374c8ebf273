// SPDX-License-Identifier: GPL-2.0-only

//! The guest's programs: full ones, with the shared libraries they need, and busybox for the rest.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};

use super::initramfs::Tree;
use super::userland::Userland;
use crate::host::needs::Needs;
use crate::host::packages::find;
use crate::host::process;

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

/// The Debian packages with everything that a guest needs.
pub(super) const PACKAGES: [&str; 11] = [
    "bash",
    "busybox-static",
    "coreutils",
    "diffutils",
    "gawk",
    "grep",
    "kmod",
    "libc-bin",
    "procps",
    "sed",
    "util-linux",
];

/// The packages that have them.
pub(super) fn needs() -> Needs {
    Needs::of(&PACKAGES)
}

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

/// Puts the shared libraries of these programs of this machine into the tree.
pub(super) fn add_libraries(tree: &mut Tree, programs: &[PathBuf]) -> Result<()> {
    if programs.is_empty() {
        return Ok(());
    }
    // It fails if one of several programs is statically linked; its output is still right.
    let listing = process::command("ldd")
        .args(programs)
        .output()
        .context("cannot run ldd, which tells what libraries the guest needs")?;
    process::check_interrupted()?;
    for library in &libraries(&String::from_utf8_lossy(&listing.stdout), &programs[0])? {
        tree.file(library, library)?;
    }
    // The loader finds libraries in other places through it.
    let cache = Path::new("/etc/ld.so.cache");
    if cache.exists() {
        tree.file(cache, cache)?;
    }
    Ok(())
}

/// The absolute paths in what ldd prints.
fn libraries(listing: &str, first: &Path) -> Result<BTreeSet<PathBuf>> {
    let mut libraries = BTreeSet::new();
    // ldd does not name the program when it is the only one.
    let mut program = first.display().to_string();
    for line in listing.lines() {
        // A line that is not indented names the program that the next ones are about.
        if let Some(name) = line
            .strip_suffix(':')
            .filter(|_| !line.starts_with(char::is_whitespace))
        {
            program = name.to_owned();
            continue;
        }
        let words: Vec<_> = line.split_whitespace().collect();
        match words.as_slice() {
            [name, "=>", "not", "found"] => {
                bail!(
                    "{program} needs {name}, which this machine does not have: install it, or link {program} statically"
                )
            }
            [name, "=>", path, ..] => {
                // The loader may be listed under the path that programs use.
                libraries.extend(
                    [name, path]
                        .into_iter()
                        .filter(|path| path.starts_with('/'))
                        .map(PathBuf::from),
                );
            }
            [path, address] if path.starts_with('/') && address.starts_with('(') => {
                libraries.insert(PathBuf::from(path));
            }
            _ => {}
        }
    }
    Ok(libraries)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn libraries_of_several_programs() {
        let listing = "\
/usr/bin/bash:
\tlinux-vdso.so.1 (0x00007ffd2d1f5000)
\tlibtinfo.so.6 => /lib/x86_64-linux-gnu/libtinfo.so.6 (0x00007f0000000000)
\tlibc.so.6 => /lib/x86_64-linux-gnu/libc.so.6 (0x00007f0000000000)
\t/lib64/ld-linux-x86-64.so.2 (0x00007f0000000000)
/bin/busybox:
\tnot a dynamic executable
/usr/bin/odd:
\tstatically linked
\t/lib64/ld-linux-x86-64.so.2 => /usr/lib64/ld-linux-x86-64.so.2 (0x00007f0000000000)
";
        let found: Vec<_> = libraries(listing, Path::new("/usr/bin/bash"))
            .expect("paths")
            .into_iter()
            .collect();
        assert_eq!(
            found,
            [
                "/lib/x86_64-linux-gnu/libc.so.6",
                "/lib/x86_64-linux-gnu/libtinfo.so.6",
                "/lib64/ld-linux-x86-64.so.2",
                "/usr/lib64/ld-linux-x86-64.so.2",
            ]
            .map(PathBuf::from)
        );
    }

    #[test]
    fn a_missing_library_is_named() {
        for listing in [
            "/opt/tool:\n\tlibodd.so.1 => not found\n",
            "\tlibodd.so.1 => not found\n",
        ] {
            let err = libraries(listing, Path::new("/opt/tool"))
                .expect_err("missing")
                .to_string();
            assert!(
                err.contains("/opt/tool") && err.contains("libodd.so.1"),
                "{err}"
            );
        }
    }

    #[test]
    fn libraries_of_a_real_program() {
        let mut tree = Tree::new();
        add_libraries(&mut tree, &[find("bash").expect("bash")]).expect("libraries");
        let mut archive = Vec::new();
        tree.write(&mut archive).expect("an archive");
        let text = String::from_utf8_lossy(&archive);
        assert!(text.contains("/libc.so"), "the C library is there");
        assert!(
            text.contains("ld-linux") || text.contains("ld-musl"),
            "so is the loader"
        );
    }

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
