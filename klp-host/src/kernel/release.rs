// SPDX-License-Identifier: GPL-2.0-only

//! Reads and validates kernel releases, as `uname -r` prints them.
//!
//! They become names of folders and cache entries, so untrusted ones are checked first.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result, bail, ensure};

/// The maximum length, which Kbuild enforces: that of `utsname.release` without its NUL.
const MAX_LENGTH: usize = 64;

/// The allowed characters besides letters and digits.
const PUNCTUATION: &str = "._+~-";

/// Refuses invalid releases, such as `../x`.
pub fn check(release: &str) -> Result<()> {
    ensure!(!release.is_empty(), "a kernel release is empty");
    ensure!(
        release.len() <= MAX_LENGTH,
        "a kernel release has {} bytes, and at most {MAX_LENGTH} are allowed",
        release.len()
    );
    ensure!(
        release.starts_with(|first: char| first.is_ascii_alphanumeric()),
        "{release:?} is not a kernel release: it does not begin with a letter or digit"
    );
    let is_plain = |char: char| char.is_ascii_alphanumeric() || PUNCTUATION.contains(char);
    match release.chars().find(|&char| !is_plain(char)) {
        Some(char) => bail!(
            "{release:?} is not a kernel release, because of {char:?}: only letters, digits and \
             {PUNCTUATION} are allowed"
        ),
        None => Ok(()),
    }
}

/// Returns the release of the kernel in a build folder.
pub fn of_build(build: &Path) -> Result<String> {
    let path = build.join("include/config/kernel.release");
    let text =
        fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
    let release = text.trim();
    check(release).with_context(|| {
        format!(
            "{} has no valid release: use only letters, digits and {PUNCTUATION} in \
             CONFIG_LOCALVERSION, and build the kernel again",
            path.display()
        )
    })?;
    Ok(release.to_owned())
}

/// Returns the release of the running kernel.
pub fn of_running() -> Result<String> {
    let name = rustix::system::uname();
    let release = name.release().to_string_lossy();
    check(&release).context("the running kernel's release cannot be used")?;
    Ok(release.into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kernel_releases_are_accepted() {
        for release in [
            "7.2.12+deb14-amd64",
            "7.2.12-klp-c-base",
            "6.8.5-301.fc40.x86_64",
            "7.2.0-rc1~exp_1",
            &"7".repeat(MAX_LENGTH),
        ] {
            check(release).expect(release);
        }
        of_running().expect("the running kernel's release");
    }

    #[test]
    fn paths_and_shell_characters_are_refused() {
        for (release, why) in [
            ("", "is empty"),
            ("..", "does not begin"),
            ("../../../home/x", "does not begin"),
            ("/home/x", "does not begin"),
            ("-x", "does not begin"),
            ("7.2/../../x", "because of '/'"),
            ("7.2 x", "because of ' '"),
            ("7.2\n8", r"because of '\n'"),
            ("7.2$(x)", "because of '$'"),
            ("7.2ü", "because of 'ü'"),
            (&"7".repeat(MAX_LENGTH + 1), "65 bytes"),
        ] {
            let text = check(release).expect_err(release).to_string();
            assert!(text.contains(why), "{release}: {text}");
        }
    }

    #[test]
    fn the_release_is_read_from_the_build() {
        let dir = tempfile::tempdir().expect("a folder");
        assert!(of_build(dir.path()).is_err());
        let config = dir.path().join("include/config");
        fs::create_dir_all(&config).expect("a folder");
        let path = config.join("kernel.release");
        fs::write(&path, "7.2.12-klp-c-base\n").expect("a file");
        assert_eq!(of_build(dir.path()).expect("read"), "7.2.12-klp-c-base");
        for bad in ["\n", "../../../home/x\n"] {
            fs::write(&path, bad).expect("a file");
            let text = format!("{:#}", of_build(dir.path()).expect_err(bad));
            assert!(
                text.contains("kernel.release has no valid release"),
                "{text}"
            );
        }
    }
}
