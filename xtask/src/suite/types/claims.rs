// SPDX-License-Identifier: GPL-2.0-only

//! Checks patches with claims that may be false, or with forbidden accesses: the compiler or the last step of a
//! build refuses them, or accepts them with `unsafe`, or they are harmless.
//!
//! The first lines of each patch have the expectation, as in `//! Refused: MESSAGE`.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use klp_elf::Module;

use super::compile::Compiler;
use super::messages::normalize;

/// The placeholder for `, unsafe`.
const UNSAFE: &str = "/* unsafe */";

/// The expected result of a patch.
#[derive(Debug, Eq, PartialEq)]
enum Verdict<'a> {
    /// The compiler fails with this message.
    Refused(&'a str),
    /// The last step of a build fails with this message.
    Unfit(&'a str),
    /// The patch can be built, for a reason that it states.
    Built,
}

/// Parses the verdict on a patch, and whether the patch can be built with `unsafe`.
fn verdict(source: &str) -> Option<(Verdict<'_>, bool)> {
    let mut lines = source.lines().filter_map(|line| line.strip_prefix("//! "));
    lines.find_map(|line| {
        let (kind, text) = line.split_once(": ")?;
        Some(match kind {
            "Refused" => (Verdict::Refused(text), false),
            "Refused without unsafe" => (Verdict::Refused(text), true),
            "Unfit" => (Verdict::Unfit(text), false),
            "Unfit without unsafe" => (Verdict::Unfit(text), true),
            "Harmless" | "Promised" => (Verdict::Built, false),
            _ => return None,
        })
    })
}

/// Builds a patch, also with `unsafe` if that makes a difference.
pub(super) fn run(compiler: &Compiler, source: &Path) -> Result<()> {
    let text =
        fs::read_to_string(source).with_context(|| format!("cannot read {}", source.display()))?;
    let (verdict, takes_unsafe) = verdict(&text).context("the first lines have no verdict")?;
    ensure!(
        takes_unsafe == text.contains(UNSAFE),
        "a verdict `without unsafe` needs a placeholder `{UNSAFE}`, and others must not have one"
    );
    let folder = tempfile::tempdir().context("cannot make a folder")?;
    let name = source.file_name().context("the patch has no name")?;
    let patch = folder.path().join(name);
    fs::write(&patch, &text).context("cannot write the patch")?;
    let built = build(compiler, &patch)?;
    let is_expected = match (&verdict, &built) {
        (Verdict::Refused(text), Outcome::Refused(error)) => error.contains(text),
        (Verdict::Unfit(text), Outcome::Unfit(error)) => error.contains(text),
        (Verdict::Built, Outcome::Built) => true,
        _ => false,
    };
    ensure!(is_expected, "expected {verdict:?}, found {built:?}");
    if takes_unsafe {
        // The lint would forbid the claim.
        let with_unsafe = text
            .replace("#![forbid(unsafe_code)]\n", "")
            .replace(UNSAFE, ", unsafe");
        fs::write(&patch, with_unsafe).context("cannot write the patch")?;
        let built = build(compiler, &patch)?;
        ensure!(matches!(built, Outcome::Built), "with `unsafe`: {built:?}");
    }
    Ok(())
}

/// The result of building a patch, with the error.
#[derive(Debug)]
enum Outcome {
    Refused(String),
    Unfit(String),
    Built,
}

fn build(compiler: &Compiler, patch: &Path) -> Result<Outcome> {
    let object = patch.with_extension("o");
    let emit = format!("obj={}", object.display());
    let output = compiler.emit(patch, &[], &emit)?;
    if !output.status.success() {
        let messages = normalize(&String::from_utf8_lossy(&output.stderr));
        return Ok(Outcome::Refused(messages));
    }
    let data = fs::read(&object).with_context(|| format!("cannot read {}", object.display()))?;
    let unfit = Module::parse(&data)?.unfit()?;
    Ok(match unfit.first() {
        Some(unfit) => Outcome::Unfit(unfit.to_string()),
        None => Outcome::Built,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn verdicts_are_parsed() {
        assert_eq!(
            verdict("//! Does: this.\n//!\n//! Refused: no\n"),
            Some((Verdict::Refused("no"), false))
        );
        assert_eq!(
            verdict("//! Unfit without unsafe: too large\n"),
            Some((Verdict::Unfit("too large"), true))
        );
        assert_eq!(
            verdict("//! Harmless: why\n"),
            Some((Verdict::Built, false))
        );
        assert_eq!(verdict("// Refused: no\n"), None);
    }
}
