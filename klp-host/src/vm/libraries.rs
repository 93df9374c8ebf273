// SPDX-License-Identifier: GPL-2.0-only

//! Finds the shared libraries of the host's programs, with ldd.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};

use super::initramfs::Tree;
use crate::host::process;

/// Adds the shared libraries of these host programs to the tree.
pub(super) fn add(tree: &mut Tree, programs: &[PathBuf]) -> Result<()> {
    if programs.is_empty() {
        return Ok(());
    }
    // Its status is ignored: it fails if one of several programs is statically linked, with correct output.
    let listing = process::command("ldd")
        .args(programs)
        .output()
        .context("cannot run ldd, which lists the libraries that the guest needs")?;
    process::check_interrupted()?;
    for library in &libraries(&String::from_utf8_lossy(&listing.stdout), &programs[0])? {
        tree.file(library, library)?;
    }
    // The loader needs it to find libraries outside of the standard folders.
    let cache = Path::new("/etc/ld.so.cache");
    if cache.exists() {
        tree.file(cache, cache)?;
    }
    Ok(())
}

/// Returns the absolute paths in the output of ldd. `first` is the first program.
fn libraries(listing: &str, first: &Path) -> Result<BTreeSet<PathBuf>> {
    let mut libraries = BTreeSet::new();
    // ldd does not name the program when it is the only one.
    let mut program = first.display().to_string();
    for line in listing.lines() {
        // A line without indentation names the program of the next lines.
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
                    "{program} needs {name}, which this machine lacks: install it, or link {program} statically"
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
    use crate::host::programs::find;

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
        add(&mut tree, &[find("bash").expect("bash")]).expect("libraries");
        let mut archive = Vec::new();
        tree.write(&mut archive).expect("an archive");
        let text = String::from_utf8_lossy(&archive);
        assert!(text.contains("/libc.so"), "the C library is there");
        assert!(
            text.contains("ld-linux") || text.contains("ld-musl"),
            "so is the loader"
        );
    }
}
