// SPDX-License-Identifier: GPL-2.0-only

//! Prepares the output folder of a patch for one kernel. It is emptied for another kernel, but only if it has the mark
//! of this command.

use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use klp_host::host::files::write_atomic;

/// The mark, which contains the kernel's build folder.
const MARK: &str = ".klp-kernel";

/// Makes `dir` the output folder for `kernel`, and empties it if it was for another one.
pub fn prepare(dir: &Path, kernel: &Path) -> Result<()> {
    let this = kernel.display().to_string();
    match marked_for(dir)? {
        Some(kernel) if kernel == this => return Ok(()),
        Some(_) => empty(dir)?,
        None => {
            fs::create_dir_all(dir).with_context(|| format!("cannot create {}", dir.display()))?;
            ensure!(
                is_empty(dir)?,
                "{} has files in it, but no {MARK}, so `cargo klp` did not create it and does not \
                 empty it: move it away",
                dir.display()
            );
        }
    }
    write_atomic(&dir.join(MARK), &this)
}

/// The kernel in a folder's mark. A symbolic link does not count as a mark.
fn marked_for(dir: &Path) -> Result<Option<String>> {
    let mark = dir.join(MARK);
    match fs::symlink_metadata(&mark) {
        Ok(data) if data.is_file() => {
            let text =
                fs::read(&mark).with_context(|| format!("cannot read {}", mark.display()))?;
            Ok(Some(String::from_utf8_lossy(&text).into_owned()))
        }
        Err(error) if error.kind() != ErrorKind::NotFound => {
            Err(error).with_context(|| format!("cannot read {}", mark.display()))
        }
        _ => Ok(None),
    }
}

fn is_empty(dir: &Path) -> Result<bool> {
    let mut entries =
        fs::read_dir(dir).with_context(|| format!("cannot list {}", dir.display()))?;
    Ok(entries.next().is_none())
}

/// Removes everything except the mark, so that the next run continues if this one is interrupted.
fn empty(dir: &Path) -> Result<()> {
    let entries = fs::read_dir(dir).with_context(|| format!("cannot list {}", dir.display()))?;
    for entry in entries {
        let entry = entry.with_context(|| format!("cannot list {}", dir.display()))?;
        if entry.file_name() == MARK {
            continue;
        }
        let path = entry.path();
        let kind = entry.file_type();
        let removed = kind.and_then(|kind| {
            if kind.is_dir() {
                fs::remove_dir_all(&path)
            } else {
                fs::remove_file(&path)
            }
        });
        removed.with_context(|| format!("cannot remove {}", path.display()))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    const A: &str = "/kernels/a";
    const B: &str = "/kernels/b";

    #[test]
    fn the_folder_is_emptied_for_another_kernel() {
        let root = tempfile::tempdir().unwrap();
        let dir = root.path().join("target/klp/7.2.0");
        prepare(&dir, Path::new(A)).unwrap();
        fs::create_dir(dir.join("sub")).unwrap();
        fs::write(dir.join("sub/module.ko"), "").unwrap();
        fs::write(root.path().join("mine"), "").unwrap();
        symlink(root.path(), dir.join("link")).unwrap();
        prepare(&dir, Path::new(A)).unwrap();
        assert!(dir.join("sub/module.ko").exists());
        prepare(&dir, Path::new(B)).unwrap();
        let left: Vec<_> = fs::read_dir(&dir).unwrap().flatten().collect();
        assert_eq!(left.len(), 1, "only the mark is left");
        assert_eq!(fs::read_to_string(dir.join(MARK)).unwrap(), B);
        assert!(root.path().join("mine").exists(), "a link is not followed");
    }

    #[test]
    fn folders_without_a_mark_are_not_touched() {
        let root = tempfile::tempdir().unwrap();
        let file = root.path().join("thesis.tex");
        fs::write(&file, "mine").unwrap();
        let refuse = || {
            let text = prepare(root.path(), Path::new(A)).unwrap_err().to_string();
            assert!(text.contains("has files in it"), "{text}");
            assert_eq!(fs::read_to_string(&file).unwrap(), "mine");
        };
        refuse();
        let mark = root.path().join(MARK);
        symlink(&file, &mark).unwrap();
        refuse();
        fs::remove_file(&mark).unwrap();
        fs::create_dir(&mark).unwrap();
        refuse();
    }
}
