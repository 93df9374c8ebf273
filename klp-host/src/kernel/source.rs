// SPDX-License-Identifier: GPL-2.0-only

//! Kernel source trees: Debian's, or one named by the user.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};

use super::release;
use crate::arch::Arch;
use crate::cache::Key;
use crate::host::paths::check_for_make;

/// The kernel series that klp-core supports.
pub(super) const SUPPORTED: [&str; 2] = ["7.2", "7.3"];

/// A source tree to build from.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Source {
    pub dir: PathBuf,
    /// The version, used in folder names: `7.2.12-1`, `7.2.0-rc1`.
    pub version: String,
    /// Whether the user named it. It may change, so it is built incrementally each time.
    pub is_local: bool,
}

impl Source {
    /// Checks a tree named by the user.
    pub(super) fn local(dir: &Path) -> Result<Self> {
        let dir = dir
            .canonicalize()
            .with_context(|| format!("there is no kernel source tree in {}", dir.display()))?;
        check_for_make(&dir)?;
        let makefile = fs::read_to_string(dir.join("Makefile")).unwrap_or_default();
        let Some(version) = kernel_version(&makefile) else {
            bail!(
                "{} is not a kernel source tree: its Makefile names no kernel version",
                dir.display()
            );
        };
        release::check(&version)
            .with_context(|| format!("the version in {}/Makefile", dir.display()))?;
        if !dir.join("kernel/livepatch").is_dir() {
            bail!(
                "the kernel source tree {} has no kernel/livepatch",
                dir.display()
            );
        }
        if let Some(left) = in_tree_build(&dir) {
            bail!(
                "a kernel was configured or built in the source tree ({}), so Kbuild refuses to \
                 build it in another folder: save your .config, run make -C {} mrproper, then this \
                 again",
                left.display(),
                dir.display()
            );
        }
        Ok(Self {
            dir,
            version,
            is_local: true,
        })
    }

    /// Adds it to the key of a build. The contents of a local tree are not part of the key: make
    /// detects their changes.
    pub(super) fn key(&self, key: Key) -> Key {
        let key = key.with("source version", &self.version);
        if self.is_local {
            key.with("source tree", self.dir.as_os_str().as_encoded_bytes())
        } else {
            key
        }
    }
}

/// Returns the version in a kernel's top-level Makefile.
pub(super) fn kernel_version(makefile: &str) -> Option<String> {
    let value = |name: &str| {
        makefile.lines().find_map(|line| {
            let rest = line.strip_prefix(name)?.trim_start();
            Some(rest.strip_prefix('=')?.trim().to_owned())
        })
    };
    Some(format!(
        "{}.{}.{}{}",
        value("VERSION")?,
        value("PATCHLEVEL")?,
        value("SUBLEVEL")?,
        value("EXTRAVERSION")?
    ))
}

/// Returns a file by which Kbuild detects that a tree is not clean.
fn in_tree_build(dir: &Path) -> Option<PathBuf> {
    let generated = Arch::ALL.map(|arch| format!("arch/{arch}/include/generated"));
    [".config", "include/config"]
        .into_iter()
        .chain(generated.iter().map(String::as_str))
        .map(|path| dir.join(path))
        .find(|path| path.exists())
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAKEFILE: &str =
        "# SPDX\nVERSION = 7\nPATCHLEVEL = 2\nSUBLEVEL = 0\nEXTRAVERSION = -rc1\n\nNAME = x\n";

    fn tree() -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir_all(dir.path().join("kernel/livepatch")).unwrap();
        fs::write(dir.path().join("Makefile"), MAKEFILE).unwrap();
        dir
    }

    #[test]
    fn a_clean_tree_is_accepted() {
        let dir = tree();
        assert_eq!(Source::local(dir.path()).unwrap().version, "7.2.0-rc1");
    }

    #[test]
    fn an_in_tree_build_is_refused_with_advice() {
        let dir = tree();
        fs::write(dir.path().join(".config"), "").unwrap();
        let err = Source::local(dir.path()).unwrap_err().to_string();
        assert!(err.contains("mrproper") && err.contains(".config"), "{err}");
    }

    #[test]
    fn a_version_with_path_traversal_is_refused() {
        let dir = tree();
        let text = MAKEFILE.replace("-rc1", "/../../x");
        fs::write(dir.path().join("Makefile"), text).unwrap();
        let err = format!("{:#}", Source::local(dir.path()).unwrap_err());
        assert!(err.contains("is not a kernel release"), "{err}");
    }

    #[test]
    fn other_folders_are_refused() {
        let dir = tempfile::tempdir().unwrap();
        let err = Source::local(dir.path()).unwrap_err().to_string();
        assert!(err.contains("is not a kernel source tree"), "{err}");
        let err = Source::local(&dir.path().join("no")).unwrap_err();
        assert!(
            format!("{err:#}").contains("there is no kernel source tree"),
            "{err:#}"
        );
    }
}
