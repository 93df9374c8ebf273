// SPDX-License-Identifier: GPL-2.0-only

//! Patches with claims that may be false, or that reach what they must not: refused by the compiler or by the
//! last step of a build, accepted with `unsafe`, or harmless.
//!
//! The expectation is in the first lines of each, as in `//! Refused: MESSAGE`.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use klp_elf::Module;

use super::compile::Compiler;
use super::messages::normal;

/// The placeholder for `unsafe`.
const WORD: &str = "/* word */";

/// What holds for a patch.
#[derive(Debug, Eq, PartialEq)]
enum Verdict<'a> {
    /// The compiler says that.
    Refused(&'a str),
    /// The last step of a build says that.
    Unfit(&'a str),
    /// It can be built, for a reason that the patch says.
    Built,
}

/// The verdict on a patch, and whether it is another one with the word.
fn verdict(source: &str) -> Option<(Verdict<'_>, bool)> {
    let mut lines = source.lines().filter_map(|line| line.strip_prefix("//! "));
    lines.find_map(|line| {
        let (kind, text) = line.split_once(": ")?;
        Some(match kind {
            "Refused" => (Verdict::Refused(text), false),
            "Refused without the word" => (Verdict::Refused(text), true),
            "Unfit" => (Verdict::Unfit(text), false),
            "Unfit without the word" => (Verdict::Unfit(text), true),
            "Harmless" | "Promised" => (Verdict::Built, false),
            _ => return None,
        })
    })
}

/// Compiles a patch, and one with the word where that makes a difference.
pub(super) fn run(compiler: &Compiler, source: &Path) -> Result<()> {
    let text =
        fs::read_to_string(source).with_context(|| format!("cannot read {}", source.display()))?;
    let (verdict, with_word) = verdict(&text).context("its first lines have no verdict")?;
    ensure!(
        with_word == text.contains(WORD),
        "the word's place does not go with its verdict"
    );
    let folder = tempfile::tempdir().context("cannot make a folder")?;
    let name = source.file_name().context("it has no name")?;
    let patch = folder.path().join(name);
    fs::write(&patch, &text).context("cannot write the patch")?;
    let said = build(compiler, &patch)?;
    let found = match (&verdict, &said) {
        (Verdict::Refused(text), Said::Error(said)) => said.contains(text),
        (Verdict::Unfit(text), Said::Unfit(said)) => said.contains(text),
        (Verdict::Built, Said::Nothing) => true,
        _ => false,
    };
    ensure!(found, "expected {verdict:?}, found {said:?}");
    if with_word {
        // The lint forbids it by that name.
        let answered = text
            .replace("#![forbid(unsafe_code)]\n", "")
            .replace(WORD, ", unsafe");
        fs::write(&patch, answered).context("cannot write the patch")?;
        let said = build(compiler, &patch)?;
        ensure!(matches!(said, Said::Nothing), "with the word: {said:?}");
    }
    Ok(())
}

/// The expectation of a patch.
#[derive(Debug)]
enum Said {
    Error(String),
    Unfit(String),
    Nothing,
}

fn build(compiler: &Compiler, patch: &Path) -> Result<Said> {
    let object = patch.with_extension("o");
    let emit = format!("obj={}", object.display());
    let output = compiler.emit(patch, &[], &emit)?;
    if !output.status.success() {
        let said = normal(&String::from_utf8_lossy(&output.stderr));
        return Ok(Said::Error(said));
    }
    let data = fs::read(&object).with_context(|| format!("cannot read {}", object.display()))?;
    let unfit = Module::parse(&data)?.unfit()?;
    Ok(match unfit.first() {
        Some(unfit) => Said::Unfit(unfit.to_string()),
        None => Said::Nothing,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn verdicts_stand_in_the_first_lines() {
        let of = |text| verdict(text);
        assert_eq!(
            of("//! Does: this.\n//!\n//! Refused: no\n"),
            Some((Verdict::Refused("no"), false))
        );
        assert_eq!(
            of("//! Unfit without the word: too large\n"),
            Some((Verdict::Unfit("too large"), true))
        );
        assert_eq!(of("//! Harmless: why\n"), Some((Verdict::Built, false)));
        assert_eq!(of("// Refused: no\n"), None);
    }
}
