// SPDX-License-Identifier: GPL-2.0-only

//! Parses the argument of `--copy SRC:DST`.

use std::path::{Path, PathBuf};

/// Parses `SRC:DST`: a file or folder of the host, and its absolute path in the guest. If
/// `DST` ends with a slash, the source keeps its name in that folder.
pub fn parse(text: &str) -> Result<(PathBuf, PathBuf), String> {
    // Guest paths have no colon; host paths may.
    let Some((source, guest)) = text.rsplit_once(':') else {
        return Err("say SRC:DST, for example target/mods:/mods".into());
    };
    if source.is_empty() {
        return Err("SRC is empty: say SRC:DST".into());
    }
    if !guest.starts_with('/') {
        return Err(format!(
            "DST must be an absolute path in the guest, not `{guest}`"
        ));
    }
    let source = PathBuf::from(source);
    if !source.exists() {
        return Err(format!("{} does not exist", source.display()));
    }
    let guest = if guest.ends_with('/') {
        let resolved = source
            .canonicalize()
            .map_err(|err| format!("{}: {err}", source.display()))?;
        let name = source.file_name().or(resolved.file_name());
        Path::new(guest).join(name.ok_or("SRC has no file name: omit the slash at the end of DST")?)
    } else {
        PathBuf::from(guest)
    };
    Ok((source, guest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn source_and_target() {
        let here = |text: &str| parse(text).expect(text);
        assert_eq!(here("src:/mods"), ("src".into(), "/mods".into()));
        assert_eq!(
            here("src/lib.rs:/x/y.rs"),
            ("src/lib.rs".into(), "/x/y.rs".into())
        );
    }

    #[test]
    fn a_slash_keeps_the_name() {
        assert_eq!(
            parse("src/lib.rs:/x/").expect("ok").1,
            Path::new("/x/lib.rs")
        );
        assert_eq!(parse("src/.:/x/").expect("ok").1, Path::new("/x/src"));
    }

    #[test]
    fn the_last_colon_separates() {
        let dir = tempfile::tempdir().expect("a folder");
        let odd = dir.path().join("a:b");
        std::fs::write(&odd, "").expect("a file");
        let (source, guest) = parse(&format!("{}:/c", odd.display())).expect("ok");
        assert_eq!((source, guest), (odd, "/c".into()));
    }

    #[test]
    fn invalid_arguments_are_refused() {
        for (text, part) in [
            ("src", "say SRC:DST"),
            (":/x", "SRC is empty"),
            ("src:", "absolute"),
            ("src:mods", "absolute"),
            ("/nonexistent:/x", "does not exist"),
        ] {
            let err = parse(text).expect_err(text);
            assert!(err.contains(part), "{text}: {err}");
        }
    }
}
