// SPDX-License-Identifier: GPL-2.0-only

//! Checks paths that are passed to kernel makefiles and their shell snippets.

use std::path::{Component, Path};

use anyhow::{Result, bail};

/// The allowed characters besides letters and digits.
///
/// Not a comma: the kernel's tools replace it in the names of dependency files, and then
/// look for a missing folder.
const SAFE: &str = "/._-+@~=";

/// Refuses a path with characters that are special to make or a shell.
///
/// Kbuild uses paths unquoted in recipes, command lines and generated makefiles.
/// An allow-list cannot miss a special character.
///
/// # Errors
///
/// The error names the first forbidden character.
pub fn check_for_make(path: &Path) -> Result<()> {
    let Some(text) = path.to_str() else {
        bail!(
            "the kernel's makefiles cannot work in {}: the path is not UTF-8",
            path.display()
        );
    };
    if let Some(bad) = text.chars().find(|&c| !is_safe(c)) {
        bail!(
            "the kernel's makefiles cannot work in {text:?}: the path has {}; choose one without \
             spaces, of letters, digits and {}",
            describe(bad),
            spaced(SAFE)
        );
    }
    Ok(())
}

fn is_safe(c: char) -> bool {
    c.is_alphanumeric() || SAFE.contains(c)
}

fn describe(c: char) -> String {
    match c {
        ' ' => "a space".to_owned(),
        // Printed literally, it could control the terminal or change the text direction.
        c if c.is_control() || !c.is_ascii() => format!("the character U+{:04X}", u32::from(c)),
        c => format!("the character {c}"),
    }
}

fn spaced(text: &str) -> String {
    let characters: Vec<_> = text.chars().map(String::from).collect();
    characters.join(" ")
}

/// Whether a relative path stays below the folder that it starts from.
pub fn is_inside(path: &Path) -> bool {
    let mut parts = path.components();
    parts.all(|part| matches!(part, Component::Normal(_))) && path.file_name().is_some()
}

#[cfg(test)]
mod tests {
    use std::os::unix::ffi::OsStrExt as _;

    use super::*;

    fn error(path: &str) -> String {
        check_for_make(Path::new(path)).unwrap_err().to_string()
    }

    #[test]
    fn usual_paths_pass() {
        for path in [
            "/home/user/.cache/klp/kernel/c-base-7.2.12-1-0123456789ab",
            "/usr/src/linux-headers-7.2.12+deb14-amd64",
            "/srv/a_b/~me/x@y/k=v",
            "/home/jürgen/源",
            "relative/path",
        ] {
            check_for_make(Path::new(path)).unwrap();
        }
    }

    #[test]
    fn characters_special_to_make_or_a_shell_are_refused_and_named() {
        for bad in "\t\n\r\x1b\x7f!\"#$%&'()*,:;<>?[\\]^`{|}\u{a0}\u{202e}".chars() {
            let text = error(&format!("/a/b{bad}c"));
            assert!(text.contains(&describe(bad)), "{text}");
            assert!(!text.contains(['\n', '\x1b', '\u{202e}']), "{text:?}");
        }
        let text = error("/my cache");
        assert!(
            text.contains("\"/my cache\"") && text.contains("the path has a space"),
            "{text}"
        );
        assert!(error("/a$(touch x)").contains("the character $;"));
        assert!(error("/a/b\nc").contains("the character U+000A"));
    }

    #[test]
    fn paths_that_are_not_utf8_are_refused() {
        let path = std::ffi::OsStr::from_bytes(b"/a/\xff");
        let text = check_for_make(Path::new(path)).unwrap_err().to_string();
        assert!(text.contains("not UTF-8"), "{text}");
    }
}
